"""`tablehouse` without the check of tokens: everybody is who came first. It stands beside the real one, to show what the check costs.

No setting of the product turns the check off, and none should; so it is taken out from outside, before the command starts.
"""

from tablehouse.cli.main import app
from tablehouse.service.access import Access, Caller

_check = Access.caller
_first: list[Caller] = []


def _known(self: Access, token: str | None) -> Caller:
    if not _first:
        _first.append(_check(self, token))
    return _first[0]


if __name__ == "__main__":
    Access.caller = _known  # type: ignore[method-assign]
    app()
