"""What the tests' servers must not tell: every secret that the run used is looked for in their logs and in what they answered.

Requests are watched where httpx sends them, so no test has to say what it uses. Secrets are those sent (tokens, sessions, passwords,
invitations) and those given out. Besides these very texts their *forms* are looked for (`pat_` and 40 characters, a hash of Argon2), so that
a secret which no request showed, as the command line's, is found as well.

Only the answers that hand a secret out may hold one: a new token, a new invitation. Whatever else is found fails the run at its end.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from tests.server import LOGS

FORMS: Final = re.compile(rb"(?:pat|ses|inv)_[A-Za-z0-9]{40}|\$argon2id\$")
_LINK_KEYS: Final = re.compile(rb"/files/[0-9a-f-]{36}/[A-Za-z0-9]{22}/([\w-]{22,})/")
LINKS: Final = re.compile(rb"/files/[0-9a-f-]{36}/[A-Za-z0-9]{22}/(?:[0-9a-z]{1,9}-)?[A-Za-z0-9_-]{22}")
"""Links to files, for which nobody is asked for a token: answers are full of them, logs must have none."""
_SHORTEST: Final = 10
"""Characters: shorter ones are no passwords here (they are refused), and occur anywhere by chance."""
_HANDS_OUT: Final = re.compile(r"/(?:tokens|invitations)$")
_SENT_BY: Final = ("softr-api-key", "authorization")


class Watch:
    """The secrets of one test process, and where they were told."""

    def __init__(self) -> None:
        self.secrets: set[str] = set()
        self.told: list[str] = []

    def see(self, request: httpx.Request, answer: httpx.Response) -> None:
        """Notes the secrets of a request and its answer, and whether the answer tells one that it should not."""
        self.secrets |= (sent := self._sent(request))
        for cookie in answer.headers.get_list("set-cookie"):
            self.secrets |= {morsel.value for morsel in SimpleCookie(cookie).values() if len(morsel.value) >= _SHORTEST}
        body = answer.content
        given_out = {found.decode() for found in FORMS.findall(body)}
        self.secrets |= given_out - {"$argon2id$"}
        self.secrets |= {found.decode() for found in _LINK_KEYS.findall(body)}  # whoever has one has the file
        documented = not request.url.path.startswith("/api/")  # the OpenAPI document has made-up ones in its examples
        hands_out = request.method == "POST" and answer.status_code == httpx.codes.OK and _HANDS_OUT.search(request.url.path)
        echoed = {secret for secret in sent if answer.status_code >= httpx.codes.BAD_REQUEST and secret.encode() in body}
        if (given_out and not (hands_out or documented)) or echoed:
            self.told.append(f"{request.method} {request.url.path} -> {answer.status_code}")

    @staticmethod
    def _sent(request: httpx.Request) -> set[str]:
        found = [request.headers.get(name, "").removeprefix("Bearer ") for name in _SENT_BY]
        found += [morsel.value for morsel in SimpleCookie(request.headers.get("cookie", "")).values()]
        if not isinstance(request.stream, httpx.ByteStream):
            return {each for each in found if len(each) >= _SHORTEST}  # uploaded files, and bodies in pieces: they have gone by
        content = request.content
        if b'"password"' in content or b'"token"' in content:
            found += _named(content)
        return {each for each in found if len(each) >= _SHORTEST}

    def leaks(self, log: Path) -> list[str]:
        """The lines of a log that hold a secret, shortened."""
        if not log.exists():
            return []
        known = re.compile(
            b"|".join(
                [
                    FORMS.pattern,
                    LINKS.pattern,
                    *(re.escape(secret.encode()) for secret in sorted(self.secrets) if not FORMS.match(secret.encode())),
                ]
            )
        )
        with log.open("rb") as lines:
            return [f"{log}: {line[:300]!r}" for line in lines if known.search(line)]


def _named(content: bytes) -> list[str]:
    """What a body calls `password` or `token`."""
    try:
        body: Any = json.loads(content)
    except ValueError:
        return []
    return [value for name in ("password", "token") if isinstance(body, dict) and isinstance(value := body.get(name), str)]


@pytest.fixture(scope="session", autouse=True)
def secrecy() -> Iterator[Watch]:
    """Watches all requests of the run; at its end, when the servers have stopped, their logs are looked through."""
    watch = Watch()
    send: Any = httpx.Client.send

    def watched(client: httpx.Client, request: httpx.Request, **keys: Any) -> Any:
        answer = send(client, request, **keys)
        if not keys.get("stream"):
            watch.see(request, answer)
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(httpx.Client, "send", watched)
        yield watch
    assert watch.told == [], "answers that tell a secret"
    assert [leak for log in LOGS for leak in watch.leaks(log)] == [], "secrets in logs"
