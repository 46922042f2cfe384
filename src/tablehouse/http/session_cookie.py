"""The cookie by which a browser shows its session, and what keeps other sites from using it (CSRF).

Scripts cannot read it (HttpOnly), other sites' requests do not carry it (SameSite), and a request that changes something is only taken
when the browser says that it comes from a page of this very server. Sources: RFC 6265bis; OWASP Cross-Site Request Forgery Prevention.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

import falcon

from tablehouse.errors import Forbidden
from tablehouse.service.sessions import LASTS_MS

NAME: Final = "tablehouse_session"
_OWN: Final = frozenset({"same-origin", "none"})
"""What a browser says of a request from our own page, and of one that a person made in the address bar."""
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})


def set_cookie(secret: str, *, secure: bool) -> tuple[str, str]:
    """Returns the header that gives a browser its session."""
    return ("Set-Cookie", _cookie(secret, LASTS_MS // 1000, secure=secure))


def drop_cookie() -> tuple[str, str]:
    """Returns the header that takes it away again."""
    return ("Set-Cookie", _cookie("", 0, secure=False))


def session_of(request: falcon.Request) -> str | None:
    """Returns what a request shows of a session, None when it has none. Raises Forbidden for one that another site may have sent."""
    if "HTTP_COOKIE" not in request.env:
        return None
    found: list[str] | None = request.get_cookie_values(NAME)
    if not found:
        return None
    if request.method not in _SAFE:
        _check_own(request)
    return found[0]


def _check_own(request: falcon.Request) -> None:
    site = request.env.get("HTTP_SEC_FETCH_SITE")
    if site is not None:
        own = site in _OWN
    else:
        origin = request.env.get("HTTP_ORIGIN")
        own = origin is not None and urlsplit(origin).netloc == request.netloc
    if not own:
        raise Forbidden("A request with a session has to come from a page of this server; from elsewhere, use a token.")


def _cookie(value: str, seconds: int, *, secure: bool) -> str:
    return f"{NAME}={value}; Max-Age={seconds}; Path=/; HttpOnly; SameSite=Lax" + ("; Secure" if secure else "")
