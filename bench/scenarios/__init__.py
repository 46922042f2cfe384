"""The scenarios, one file each. A scenario prepares what it needs, measures, and says what was wanted."""

from collections.abc import Callable, Mapping

from bench.findings import Findings
from bench.scenarios.commits import commits
from bench.scenarios.computed import computed
from bench.scenarios.files import files
from bench.scenarios.flights import flights
from bench.scenarios.formulas import formulas
from bench.scenarios.links import links
from bench.scenarios.records import records
from bench.scenarios.search import search
from bench.scenarios.security import security
from bench.scenarios.startup import startup
from bench.scenarios.storages import storages
from bench.scenarios.threads import threads
from bench.scenarios.wide import wide
from bench.workplace import Workplace

Scenario = Callable[[Workplace], Findings]

SCENARIOS: Mapping[str, Scenario] = {
    "records": records,
    "threads": threads,
    "commits": commits,
    "startup": startup,
    "flights": flights,
    "wide": wide,
    "links": links,
    "formulas": formulas,
    "computed": computed,
    "storages": storages,
    "search": search,
    "security": security,
    "files": files,
}

BY_STORAGE: Mapping[str, list[str]] = {
    "sqlite": [name for name in SCENARIOS if name != "storages"],
    "postgres": ["storages", "search"],
}
"""What is measured when nobody names scenarios."""
