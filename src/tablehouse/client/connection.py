"""Requests to a running server: sent again when it says so, answers taken out of their envelope, refusals raised.

It knows the envelope and the error body (contract §1), not what is in them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeVar
from urllib.parse import urlencode, urlsplit

import msgspec
import urllib3

from tablehouse.config import ConfigError
from tablehouse.errors import ApiError

BASE_PATH: Final = "/api/v1"

_TIMEOUT: Final = urllib3.Timeout(connect=10, read=120)  # seconds; the largest batch takes one or two, a busy server a while
_COME_BACK: Final = urllib3.Retry(
    connect=3,
    read=0,  # what became of a request that was sent is not known, and it may not be sent twice
    other=0,
    redirect=0,
    status=20,
    status_forcelist=(429, 503),  # nothing was done, and Retry-After says when to come back
    allowed_methods=None,
    retry_after_max=60,
    backoff_factor=0.2,
    raise_on_status=False,
    raise_on_redirect=False,
)

T = TypeVar("T")


class ServerRefusal(ApiError):
    """A refusal by the server, as it said it."""

    def __init__(self, status: int, error_code: str, message: str, details: Mapping[str, Any]) -> None:
        super().__init__(message, **details)
        self.error_status = status
        self.error_code = error_code


class NoAnswer(ApiError):
    """No answer came. What was asked may have been done or not, where it was more than a question."""


class _ErrorBody(msgspec.Struct, rename="camel"):
    message: str
    error_code: str
    details: dict[str, Any] = {}


class Connection:
    """A server's address with a token; its connection is kept for the next request."""

    def __init__(self, url: str, token: str) -> None:
        """Raises ConfigError for an address that is none, or a token that no header can carry."""
        address = urlsplit(url)
        if address.scheme not in {"http", "https"} or not address.hostname:
            raise ConfigError(f"--url {url} cannot be used: give an address like http://127.0.0.1:8787.")
        if not token.isascii() or not token.isprintable():
            raise ConfigError("--token cannot be used: give one like pat_ and 40 letters and digits.")
        self.url = url.rstrip("/").removesuffix(BASE_PATH)
        self._pool = urllib3.PoolManager(
            timeout=_TIMEOUT,
            retries=_COME_BACK,
            headers={"Softr-Api-Key": token, "Content-Type": "application/json", "User-Agent": "tablehouse"},
        )

    def send(self, method: str, path: str, body: Any = None, query: Mapping[str, str] | None = None) -> bytes:
        """Returns the body of an answer that is no refusal. `body`: bytes of JSON, or what makes them. Raises ServerRefusal, NoAnswer."""
        content = body if body is None or isinstance(body, bytes) else msgspec.json.encode(body)
        address = f"{self.url}{BASE_PATH}{path}" + (f"?{urlencode(query)}" if query else "")
        try:
            answer = self._pool.request(method, address, body=content)
        except urllib3.exceptions.HTTPError as error:
            raise NoAnswer(f"{self.url} does not answer: {_reason(error)}") from None
        if answer.status >= 300:
            raise _refusal(answer.status, answer.data, self.url)
        return answer.data

    def close(self) -> None:
        self._pool.clear()


def _refusal(status: int, body: bytes, url: str) -> ApiError:
    try:
        said = msgspec.json.decode(body, type=_ErrorBody)
    except msgspec.DecodeError:
        return ServerRefusal(status, "", f"{url} answers {status}, and not as a Tablehouse server does: is the address right?", {})
    return ServerRefusal(status, said.error_code, said.message, said.details)


def _reason(error: urllib3.exceptions.HTTPError) -> str:
    reason = getattr(error, "reason", None) or error
    return str(reason).partition(": ")[2] or str(reason)
