"""What the tables of the demo database look like."""

from __future__ import annotations

from typing import Any, Final

from tablehouse.query.requests import CreateField, CreateTable

_BLUE: Final = "#D3E5EF"
_YELLOW: Final = "#FDECC8"
_GREEN: Final = "#DBEDDB"
_RED: Final = "#FFE2DD"
_GREY: Final = "#E3E2E0"
_VIOLET: Final = "#E8DEEE"


def _choices(*labels: str, colors: tuple[str, ...] = (_BLUE, _GREEN, _YELLOW, _VIOLET, _RED, _GREY)) -> dict[str, Any]:
    return {"choices": [{"label": label, "color": colors[place % len(colors)]} for place, label in enumerate(labels)]}


_INDUSTRIES: Final = (
    "Agriculture",
    "Construction",
    "Education",
    "Energy",
    "Food",
    "Health",
    "Logistics",
    "Manufacturing",
    "Media",
    "Public sector",
    "Retail",
    "Services",
    "Software",
    "Travel",
)
_TAGS: Final = ("key account", "partner", "exporter", "family business", "seasonal", "tender", "referral")

COMPANIES: Final = CreateTable(
    name="Companies",
    description="Customers, and those who may become some.",
    fields=[
        CreateField(name="Name", type="SINGLE_LINE_TEXT", required=True, unique=True),
        CreateField(name="Industry", type="SELECT", options=_choices(*_INDUSTRIES)),
        CreateField(name="Customer", type="CHECKBOX"),
        CreateField(name="Customer since", type="DATE"),
        CreateField(name="Employees", type="NUMBER", options={"precision": 0, "min": 1, "showThousandSeparator": True}),
        CreateField(name="Annual revenue", type="CURRENCY", options={"isoCode": "EUR", "precision": 0}),
        CreateField(name="Rating", type="RATING"),
        CreateField(name="Website", type="URL"),
        CreateField(name="Email", type="EMAIL"),
        CreateField(name="Phone", type="PHONE"),
        CreateField(name="Address", type="ADDRESS"),
        CreateField(name="Tags", type="SELECT", options=_choices(*_TAGS) | {"allowToAddNewChoice": True}, allow_multiple_entries=True),
        CreateField(name="Notes", type="LONG_TEXT"),
        CreateField(name="No.", type="AUTONUMBER"),
        CreateField(name="Created", type="CREATED_AT"),
    ],
)

CONTACTS: Final = CreateTable(
    name="Contacts",
    description="The people we talk to.",
    fields=[
        CreateField(name="Name", type="SINGLE_LINE_TEXT", required=True),
        CreateField(name="Company", type="SINGLE_LINE_TEXT"),
        CreateField(name="Job title", type="SINGLE_LINE_TEXT"),
        CreateField(
            name="Department",
            type="SELECT",
            options=_choices("Management", "Purchasing", "Engineering", "Finance", "IT", "Marketing", "Operations"),
        ),
        CreateField(name="Email", type="EMAIL", unique=True),
        CreateField(name="Phone", type="PHONE"),
        CreateField(name="Birthday", type="DATE"),
        CreateField(name="Last contact", type="DATETIME"),
        CreateField(name="Best time to call", type="TIME"),
        CreateField(name="Newsletter", type="CHECKBOX"),
        CreateField(
            name="Write",
            type="BUTTON",
            options={"label": "Write a mail", "urlFormula": '"mailto:" & {Email}', "conditionFormula": '{Email} != ""'},
        ),
        CreateField(name="Notes", type="LONG_TEXT"),
        CreateField(name="Added", type="CREATED_AT"),
        CreateField(name="Added by", type="CREATED_BY"),
    ],
)

DEALS: Final = CreateTable(
    name="Deals",
    description="What we sell to whom, and how far it is.",
    fields=[
        CreateField(name="Name", type="SINGLE_LINE_TEXT", required=True),
        CreateField(name="Company", type="SINGLE_LINE_TEXT"),
        CreateField(name="Contact", type="SINGLE_LINE_TEXT"),
        CreateField(
            name="Stage",
            type="SELECT",
            options=_choices(
                "Lead",
                "Qualified",
                "Proposal",
                "Negotiation",
                "Won",
                "Lost",
                colors=(_GREY, _BLUE, _VIOLET, _YELLOW, _GREEN, _RED),
            ),
            required=True,
            default_value="Lead",
        ),
        CreateField(name="Amount", type="CURRENCY", options={"isoCode": "EUR", "precision": 2, "min": 0}),
        CreateField(name="Discount", type="PERCENT"),
        CreateField(
            name="Net amount",
            type="FORMULA",
            options={
                "formula": "ROUND({Amount} * (1 - {Discount} / 100), 2)",
                "returnedField": {"type": "CURRENCY", "options": {"isoCode": "EUR", "precision": 2}},
            },
        ),
        CreateField(name="Probability", type="PROGRESS"),
        CreateField(name="Priority", type="RATING", options={"max": 5}),
        CreateField(name="Expected close", type="DATE"),
        CreateField(name="Delivery", type="DATE_RANGE"),
        CreateField(name="Time spent", type="DURATION", options={"format": "h:mm"}),
        CreateField(name="Next meeting", type="DATETIME"),
        CreateField(name="Signed", type="CHECKBOX"),
        CreateField(name="Notes", type="LONG_TEXT", options={"type": "MARKDOWN"}),
        CreateField(name="No.", type="AUTONUMBER"),
        CreateField(name="Changed", type="UPDATED_AT"),
        CreateField(name="Changed by", type="UPDATED_BY"),
    ],
)

TABLES: Final = ((COMPANIES, "companies.csv"), (CONTACTS, "contacts.csv"), (DEALS, "deals.csv"))
"""Each table with the file of its records."""

LINKS: Final = (("Contacts", "Company", "Companies"), ("Deals", "Company", "Companies"), ("Deals", "Contact", "Contacts"))
"""Columns of names that become links: table, field, linked table."""

LOOKUPS: Final = (
    ("Contacts", "Industry", "Company", "Industry"),
    ("Deals", "Contact e-mail", "Contact", "Email"),
    ("Companies", "Deal amounts", "Deals", "Amount"),
)
"""Table, name of the lookup, link field, field of the linked table."""

_EUROS: Final = {"type": "CURRENCY", "options": {"isoCode": "EUR", "precision": 2}}

COMPUTED: Final = (
    ("Companies", "People", "COUNT", {"linkedRecordFieldId": "Contacts"}),
    (
        "Companies",
        "Won",
        "ROLLUP",
        {
            "linkedRecordFieldId": "Deals",
            "rollupFieldId": "Net amount",
            "function": "SUM",
            "filter": {"condition": {"leftSide": "Stage", "operator": "IS", "rightSide": "Won"}},
            "returnedField": _EUROS,
        },
    ),
    ("Companies", "Next close", "ROLLUP", {"linkedRecordFieldId": "Deals", "rollupFieldId": "Expected close", "function": "MIN"}),
    ("Companies", "Won per person", "FORMULA", {"formula": "IF({People}, ROUND({Won} / {People}, 2))", "returnedField": _EUROS}),
    ("Contacts", "Badge", "FORMULA", {"formula": '{Name} & IF({Company} = "", "", ", " & {Company})'}),
)
"""Table, name, type and options of what is computed along the links, in this order; fields go by their names."""
