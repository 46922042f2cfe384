"""How long a server takes from its start to its first answer when there are many databases."""

from statistics import median

from bench.findings import Findings, at_most, figure
from bench.server import make_database, make_table, start_server
from bench.workplace import Workplace

STARTS = 5


def startup(workplace: Workplace) -> Findings:
    """Seconds from the start of the process to the first answer, which lists the databases.

    The process is new each time; the operating system's file cache is not, as after any restart.
    """
    data = workplace.directory / "many"
    databases = workplace.settings.databases
    with start_server(data) as server:
        for number in range(databases):
            make_table(server, make_database(server, f"Database {number}"), [{"name": "Name", "type": "SINGLE_LINE_TEXT"}])
    seconds = []
    for _ in range(STARTS):
        with start_server(data) as server:
            seconds.append(server.running.first_answer)
    return Findings(figures=[figure(f"start to first answer, {databases} databases", median(seconds), "s", at_most(1.5))])
