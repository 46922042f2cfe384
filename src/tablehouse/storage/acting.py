"""Who acts, for the audit log. It is said once, where a request or a command begins, and asked where a transaction begins: nobody in between
hands it on. Threads of the server's own say nothing: then it is the server.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from tablehouse.schema.audit import SERVER, Actor

_ACTING: ContextVar[Actor] = ContextVar("acting", default=SERVER)


@contextmanager
def acting(actor: Actor) -> Iterator[None]:
    """What is done inside, in this thread, is done by `actor`."""
    before = _ACTING.set(actor)
    try:
        yield
    finally:
        _ACTING.reset(before)


def who() -> Actor:
    """Returns who acts in this thread."""
    return _ACTING.get()
