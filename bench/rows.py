"""The table that is measured: ten fields of different types, and made-up records for it, the same in every run.

The mix is that of a small business table: short and long text, an e-mail address, three kinds of number, a checkbox, a
choice, a date and a date-time. A record is about 600 bytes of JSON.
"""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

STAGES = ("New", "Contacted", "Qualified", "Proposal", "Won", "Lost")
VOCABULARY = (
    "account agenda analysis answer budget calendar call client contract customer deadline delivery demand design draft "
    "estimate figure follow growth invoice launch ledger market meeting message monthly network offer order partner payment "
    "planning product project quarter question release report request review schedule season service signed status supply "
    "support survey target team transfer update value vendor version visit warehouse weekly"
)
WORDS = VOCABULARY.split()
FIRST_DAY = datetime(2020, 1, 1, tzinfo=UTC)

FIELDS: list[dict[str, Any]] = [
    {"name": "Name", "type": "SINGLE_LINE_TEXT"},
    {"name": "Notes", "type": "LONG_TEXT"},
    {"name": "Email", "type": "EMAIL"},
    {"name": "Employees", "type": "NUMBER"},
    {"name": "Revenue", "type": "CURRENCY"},
    {"name": "Interest", "type": "RATING"},
    {"name": "Customer", "type": "CHECKBOX"},
    {"name": "Stage", "type": "SELECT", "options": {"choices": [{"label": stage} for stage in STAGES]}},
    {"name": "Founded", "type": "DATE"},
    {"name": "Last contact", "type": "DATETIME"},
]


def made_up_rows(seed: int) -> Iterator[tuple[Any, ...]]:
    """Values of records in the order of FIELDS, without end; the same seed gives the same ones."""
    dice = random.Random(seed)
    number = 0
    while True:
        number += 1
        name = f"{dice.choice(WORDS).title()} {dice.choice(WORDS)} {number}"
        founded = FIRST_DAY + timedelta(days=dice.randrange(2000))
        contact = FIRST_DAY + timedelta(milliseconds=dice.randrange(150_000_000_000))
        yield (
            name,
            " ".join(dice.choices(WORDS, k=25)),  # about 200 characters
            f"{dice.choice(WORDS)}.{number}@example.com",
            dice.randrange(100_000),
            round(dice.uniform(0, 1_000_000), 2),
            dice.randrange(1, 6),
            dice.random() < 0.5,
            dice.choice(STAGES),
            founded.date().isoformat(),
            contact.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        )
