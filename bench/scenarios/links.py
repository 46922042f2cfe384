"""Links and lookups: pages that show them, single and bulk writes, and a name that very many records show.

Each of 20,000 records has five link fields to a table of 10,000, one or two links in each, and five lookups along them. The same table without these
ten fields is asked in turn: what is between the two is what links and lookups cost.
"""

import random
import time
from collections.abc import Sequence
from itertools import islice

import msgspec

from bench.findings import Findings, at_least, at_most, figure, row
from bench.loadgen.run import Request, RequestSet, write_requests
from bench.measure import Asked, alternate
from bench.processes import cpu_seconds
from bench.rows import FIELDS, made_up_rows
from bench.server import BATCH, Server, Table, answer_to, load_records, make_database, start_server
from bench.tables import add_field, id_of, named_table
from bench.workplace import Workplace

CLIENTS = 16
PAGE = 100
LINK_FIELDS = 5
PARENTS = 10_000
RECORDS = 20_000
CHILDREN = 100_000
LINKS_EACH = 4  # in the batch whose speed is measured


def links(workplace: Workplace) -> Findings:
    """Pages per second with links and without, links per second, one name changed that 100,000 records show."""
    found = Findings()
    share = max(workplace.settings.records, 1_000) / 100_000
    with start_server(workplace.directory / "links") as server:
        database = make_database(server, "Links")
        parents = named_table(server, database, "Parents", FIELDS[:4])
        parent_ids = load_records(server, parents, (row[:4] for row in islice(made_up_rows(seed=1), int(PARENTS * share))))
        plain = named_table(server, database, "Plain", FIELDS)
        load_records(server, plain, islice(made_up_rows(seed=2), int(RECORDS * share)))
        linked = _linked(server, database, parents)
        dice = random.Random(3)
        rows = (
            (*values, *(dice.sample(parent_ids, dice.randint(1, 2)) for _ in range(LINK_FIELDS)))
            for values in islice(made_up_rows(seed=2), int(RECORDS * share))
        )
        ids = load_records(server, linked, rows, batch=1_000)
        _pages(workplace, server, plain, linked, len(ids), found)
        _writes(workplace, server, linked, ids, parent_ids, found)
        _rename(workplace, server, database, int(CHILDREN * share), found)
    return found


def _pages(workplace: Workplace, server: Server, plain: Table, linked: Table, count: int, found: Findings) -> None:
    asked: dict[str, Asked] = {}
    for name, table in (("plain", plain), ("with 5 links and 5 lookups", linked)):
        offsets = list(range(max(count - PAGE, 1)))
        random.Random(4).shuffle(offsets)
        requests = [Request("GET", f"{table.records}?limit={PAGE}&offset={offset}") for offset in offsets]
        file = write_requests(workplace.directory / f"links-{len(asked)}.requests", requests)
        asked[name] = Asked(server.running, RequestSet(name, file), CLIENTS, server.headers)
    outcomes = alternate(dict(asked), workplace.settings)
    for name, outcome in outcomes.items():
        found.rows.append(row(f"list {PAGE}, {name}", CLIENTS, outcome))
    full = outcomes["with 5 links and 5 lookups"]
    found.figures.append(figure(f"pages of {PAGE} with links and lookups", full.rps, "pages/s", at_least(300)))
    more = (full.cpu_us - outcomes["plain"].cpu_us) / (PAGE * 2 * LINK_FIELDS)
    found.figures.append(figure("a link or lookup cell", more, "µs", at_most(3), note="processor time of the whole server"))


def _writes(workplace: Workplace, server: Server, linked: Table, ids: Sequence[str], parents: Sequence[str], found: Findings) -> None:
    dice = random.Random(5)
    first = linked.fields[len(FIELDS)]
    patches = [
        Request("PATCH", f"{linked.records}/{dice.choice(ids)}", msgspec.json.encode({"fields": {first: [dice.choice(parents)]}}))
        for _ in range(20_000)
    ]
    file = write_requests(workplace.directory / "links-patch.requests", patches)
    outcome = alternate({"patch": Asked(server.running, RequestSet("patch", file), CLIENTS, server.headers)}, workplace.settings)["patch"]
    found.rows.append(row("PATCH of one link", CLIENTS, outcome))
    found.figures.append(figure("links by single PATCHes", outcome.rps, "links/s", at_least(1_000)))
    chosen = ids[:BATCH]
    seconds = []
    used = cpu_seconds(server.running.process.pid)
    for _ in range(3):
        update = [{"id": each, "fields": {first: dice.sample(parents, LINKS_EACH)}} for each in chosen]
        body = msgspec.json.encode({"update": update})
        began = time.perf_counter()
        answer_to(server.api.post(f"{linked.records}/batch", content=body))
        seconds.append(time.perf_counter() - began)
    spent = ((cpu_seconds(server.running.process.pid) or 0) - (used or 0)) / len(seconds)
    note = f"{spent:.2f} s of the server's processor time for {len(chosen) * LINKS_EACH:,}"
    found.figures.append(figure("links by batch", len(chosen) * LINKS_EACH / sorted(seconds)[1], "links/s", at_least(20_000), note))


def _rename(workplace: Workplace, server: Server, database: str, count: int, found: Findings) -> None:
    """A parent of very many children: its name is joined to theirs when they are read, so that changing it touches one row."""
    parents = named_table(server, database, "Parent of many", FIELDS[:1])
    (parent,) = load_records(server, parents, [("Old name",)])
    children = named_table(server, database, "Children", FIELDS[:1])
    link = add_field(server, children, "Parent", "LINKED_RECORD", {"linkedTableId": id_of(parents)}, allowMultipleEntries=False)
    children = msgspec.structs.replace(children, fields=(*children.fields, link))
    load_records(server, children, ((f"Child {number}", [parent]) for number in range(count)))
    path = f"{parents.records}/{parent}"
    bodies = [msgspec.json.encode({"fields": {parents.fields[0]: f"Name {number % 10}"}}) for number in range(10_000)]
    requests = [Request("PATCH", path, body) for body in bodies]
    file = write_requests(workplace.directory / "links-rename.requests", requests)
    asked = Asked(server.running, RequestSet("rename", file), 1, server.headers)
    outcome = alternate({"rename": asked}, workplace.settings)["rename"]
    found.rows.append(row(f"PATCH of a name that {count:,} records show", 1, outcome))
    note = f"{outcome.cpu_us / 1000:.0f} ms of the server's processor time: its answer shows all the children"
    found.figures.append(figure(f"name changed that {count:,} records show", outcome.p50_us / 1000, "ms", at_most(50), note))
    shown = answer_to(server.api.get(f"{children.records}?limit=1&offset={count - 1}")).json()["data"][0]["fields"][link]
    named = answer_to(server.api.get(path)).json()["data"]["fields"][parents.fields[0]]
    assert shown[0]["label"] == named, shown


def _linked(server: Server, database: str, parents: Table) -> Table:
    """The table of rows.py with five link fields and a lookup along each."""
    table = named_table(server, database, "Linked", FIELDS)
    made = []
    for number in range(LINK_FIELDS):
        made.append(add_field(server, table, f"Link {number}", "LINKED_RECORD", {"linkedTableId": id_of(parents)}))
        of = parents.fields[number % len(parents.fields)]
        add_field(server, table, f"Lookup {number}", "LOOKUP", {"linkedRecordFieldId": made[-1], "lookupFieldId": of})
    return msgspec.structs.replace(table, fields=(*table.fields, *made))
