"""The rules that a statement for PostgreSQL keeps, so that it also runs on a cluster (Citus, a schema per database), and what breaks them.

Measured there: what is refused, what gives silently wrong answers because session settings and clocks are another node's, and what keeps a
schema from being moved. One function: a statement's text → the rules that it breaks. PostgreSQL's own parser reads it.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from pglast import parser

Node = Mapping[str, Any]

VOLATILE: Final = {"random", "nextval", "setval", "clock_timestamp", "gen_random_uuid", "uuidv4", "uuidv7", "uuid_generate_v4", "timeofday"}
CLOCKS: Final = {"now", "transaction_timestamp", "statement_timestamp", "clock_timestamp", "timeofday", "localtimestamp"}
LOCKS: Final = "pg_advisory", "pg_try_advisory"
SERIAL: Final = {"serial", "bigserial", "smallserial", "serial4", "serial8", "serial2"}
OWN: Final = {"statement_timeout", "application_name"}
"""Settings that may be set: they are about the session with the node we talk to, not about what its statements answer."""
CATALOG: Final = {"pg_catalog", "information_schema"}


def broken_rules(text: str, wakes_up: bool = False) -> list[str]:
    """The rules that a statement breaks, in words; none for most. `wakes_up`: it is a wake-up call, which may notify and take advisory locks."""
    tree = json.loads(parser.parse_sql_json(text))
    statements = [each["stmt"] for each in tree.get("stmts", [])]
    found = [] if len(statements) == 1 else [f"one command in a string, not {len(statements)}"]
    for each in statements:
        statement = Tree(each)
        for rule in _RULES:
            found += rule(statement)
        if not wakes_up:
            found += _wake_ups(statement)
    return found


class Tree:
    """A statement, or a part of one. It is walked once for all rules: a run of the whole suite sends ten thousand shapes, some of 512 columns."""

    def __init__(self, top: Any) -> None:
        self.kinds: set[str] = set(top) if isinstance(top, dict) else set()
        """What the tree itself is."""
        self._below: dict[str, list[Node]] = defaultdict(list)
        rest = [top]
        while rest:
            tree = rest.pop()
            if isinstance(tree, dict):
                for kind, node in tree.items():
                    if isinstance(node, dict):
                        self._below[kind].append(node)
                        rest.append(node)
                    elif isinstance(node, list):
                        rest += node

    def nodes(self, *kinds: str) -> list[Node]:
        """Every node of these kinds in it."""
        return [node for kind in kinds for node in self._below.get(kind, ())]


def _name(node: Node) -> str:
    """The last word of a function's or type's name."""
    words = node.get("funcname") or node.get("names") or [{"String": {"sval": ""}}]
    return str(words[-1].get("String", {}).get("sval", "")).lower()


def _functions(tree: Tree) -> set[str]:
    return {_name(node) for node in tree.nodes("FuncCall")}


def _schemas(statement: Tree) -> Iterator[str]:
    """No statement names two schemas, and each table is named with its own: search paths do not reach the nodes."""
    common = {node["ctename"] for node in statement.nodes("CommonTableExpr")}
    tables = statement.nodes("RangeVar", "relation", "pktable")
    named = {node["schemaname"] for node in tables if "schemaname" in node} - CATALOG
    if len(named) > 1:
        yield f"two schemas in one statement: {', '.join(sorted(named))}"
    bare = {node["relname"] for node in tables if "relname" in node and "schemaname" not in node} - common
    if bare:
        yield f"a table without its schema: {', '.join(sorted(bare))}"
    for drop in statement.nodes("DropStmt"):
        if drop["removeType"] in {"OBJECT_TABLE", "OBJECT_INDEX"} and any(len(each["List"]["items"]) < 2 for each in drop["objects"]):
            yield "something without its schema is dropped"


def _columns(statement: Tree) -> Iterator[str]:
    for constraint in statement.nodes("Constraint"):
        if constraint["contype"] == "CONSTR_IDENTITY":
            yield "IDENTITY: such a schema cannot be moved"
    if any(_name(node) in SERIAL for node in statement.nodes("typeName", "TypeName")):
        yield "serial: such a schema cannot be moved"
    for command in statement.nodes("AlterTableCmd"):
        if command["subtype"] == "AT_AddColumn" and not all(map(_is_constant_default, command["def"]["ColumnDef"].get("constraints", ()))):
            yield "ADD COLUMN with a constraint, or a default that is no constant, inside: add it afterwards, under a name of ours"
        if command["subtype"] == "AT_DropExpression":
            yield "DROP EXPRESSION"
        if command["subtype"] == "AT_AddInherit":
            yield "inheritance"
    if any(node.get("inhRelations") for node in statement.nodes("CreateStmt")):
        yield "inheritance"


def _is_constant_default(constraint: dict[str, Any]) -> bool:
    """Whether a column is given a constant for the rows there are, which writes none of them and which Citus sends to its nodes as it is."""
    inner = constraint["Constraint"]
    return bool(inner["contype"] == "CONSTR_DEFAULT" and "A_Const" in inner["raw_expr"])


def _commands(statement: Tree) -> Iterator[str]:
    for kind, why in (
        ("CreateTrigStmt", "a trigger"),
        ("CreateFunctionStmt", "a function or procedure"),
        ("DoStmt", "DO: PL/pgSQL"),
        ("MergeStmt", "MERGE"),
        ("AlterObjectSchemaStmt", "SET SCHEMA"),
        ("RuleStmt", "a rule"),
        ("CreateSeqStmt", "a sequence: numbers come from our own counters"),
    ):
        if kind in statement.kinds:
            yield why
    for setting in statement.nodes("VariableSetStmt"):
        if setting.get("name", "").lower() not in OWN:
            yield f"SET {setting.get('name')}: session settings do not reach the nodes"
    if "set_config" in _functions(statement):
        yield "set_config: session settings do not reach the nodes"
    if "current_setting" in _functions(statement):
        yield "current_setting: another node has other settings"
    for option in statement.nodes("DefElem"):
        if option.get("defname") == "transaction_isolation" and "serializable" in json.dumps(option):
            yield "SERIALIZABLE: no isolation across nodes"


def _clocks(statement: Tree) -> Iterator[str]:
    """Times, random values and zones are parameters: nodes have clocks and settings of their own."""
    clocks = _functions(statement) & CLOCKS
    if clocks or statement.nodes("SQLValueFunction"):
        yield f"the node's own clock or session: {', '.join(sorted(clocks)) or 'CURRENT_…'}"
    for kind in ("UpdateStmt", "DeleteStmt", "OnConflictClause", "onConflictClause"):
        for write in statement.nodes(kind):
            volatile = _functions(Tree(write)) & VOLATILE
            if volatile:
                yield f"a volatile function in a write: {', '.join(sorted(volatile))}"
    for call in statement.nodes("FuncCall"):
        zone = call.get("args", [{}])[0] if _name(call) == "timezone" and len(call.get("args", ())) > 1 else None
        if zone is not None and not Tree(zone).nodes("ParamRef"):
            yield "a time zone that is not a parameter"
        if _name(call) == "timezone" and len(call.get("args", ())) == 1:
            yield "the session's time zone"


def _statistics(statement: Tree) -> Iterator[str]:
    for column in statement.nodes("ColumnRef"):
        if any(part.get("String", {}).get("sval") == "reltuples" for part in column["fields"]):
            yield "reltuples: of a distributed table it counts nothing"


def _wake_ups(statement: Tree) -> Iterator[str]:
    if {"ListenStmt", "NotifyStmt"} & statement.kinds or "pg_notify" in _functions(statement):
        yield "LISTEN and NOTIFY are per node: a wake-up at most"
    if any(name.startswith(LOCKS) for name in _functions(statement)):
        yield "advisory locks are per node: a wake-up at most"


_RULES: Final[tuple[Callable[[Tree], Iterator[str]], ...]] = (_schemas, _columns, _commands, _clocks, _statistics)
