"""One API on two servers: every call goes to both, and what they answer is the same to the byte, apart from ids, times and secrets.

Whoever calls sees the first server. Ids of the first are turned into those of the second on their way there, by what both have answered.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from tests.api import Answer, Api

WORD = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[A-Za-z0-9]{5,}")
ID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[A-Za-z0-9]{14}|[A-Za-z0-9]{5}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
SECONDS_OF_NOW = 900
OWN = {"traceId", "nextCursor", "token"}
"""Keys whose values are a server's own."""


class Twins(Api):
    """Calls to two servers. Raises AssertionError where their answers differ."""

    def __init__(self, first: Api, second: Api) -> None:
        self.first = first
        self.second = second
        self.address = first.address
        self.token = first.token
        self.there: dict[str, str] = {}
        """What the first server calls something -> what the second calls it."""
        self.back: dict[str, str] = {}

    def close(self) -> None:
        self.first.close()
        self.second.close()

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        raw: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        query: Any = None,
    ) -> Answer:
        """The first server's answer."""
        here = self.first.send(method, path, body, raw=raw, headers=headers, query=query)
        translated = None if raw is None else self.translated(raw.decode()).encode()
        there = self.second.send(
            method, self.translated(path), self.translated(body), raw=translated, headers=headers, query=self.translated(query)
        )
        self.compare(here, there)
        return here

    def translated(self, value: Any) -> Any:
        """A request's part as the second server understands it."""
        if isinstance(value, Mapping):
            return {self.translated(key): self.translated(each) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [self.translated(each) for each in value]
        if not isinstance(value, str):
            return value
        return self.there.get(value) or WORD.sub(lambda word: self.there.get(word[0], word[0]), value)

    def compare(self, here: Answer, there: Answer) -> None:
        """Checks that both say the same, and learns what each calls what they have made."""
        said = (here, there)
        assert here.status == there.status, said
        assert here.headers.get("content-type") == there.headers.get("content-type"), said
        if here.response.content and "json" in here.headers.get("content-type", ""):
            self.learn(here.body, there.body, "", said)
            first, second = (plain(answer.text, self.there if answer is here else {}) for answer in said)
            assert first == second, said
        else:
            assert here.response.content == there.response.content, said

    def learn(self, here: Any, there: Any, key: str, said: Any) -> None:
        assert type(here) is type(there), (key, here, there, said)
        if isinstance(here, dict):
            assert len(here) == len(there), (key, said)
            for (name, value), (other, second) in zip(here.items(), there.items(), strict=True):
                self.same(name, other, key, said)
                self.learn(value, second, name, said)
        elif isinstance(here, list):
            assert len(here) == len(there), (key, said)
            for value, second in zip(here, there, strict=True):
                self.learn(value, second, key, said)
        elif isinstance(here, str):
            self.same(here, there, key, said)
        else:
            assert here == there, (key, said)

    def same(self, here: str, there: str, key: str, said: Any) -> None:
        if key in OWN:
            self.there[here] = there
        elif here != there and ID.fullmatch(here) and ID.fullmatch(there):
            # One id here is one id there, and the other way round.
            assert self.there.setdefault(here, there) == there, (key, here, said)
            assert self.back.setdefault(there, here) == here, (key, there, said)


def plain(text: str, names: Mapping[str, str]) -> str:
    """An answer with the second server's names for things, and without what is each server's own."""
    renamed = WORD.sub(lambda word: names.get(word[0], word[0]), text)
    own = re.sub(rf'"({"|".join(OWN)})":"[^"]*"', r'"\1":""', renamed)
    return TIME.sub(lambda found: "<now>" if is_now(found[0]) else found[0], own)


def is_now(time: str) -> bool:
    """Whether it is the time of one of these very requests, which two servers answer one after the other."""
    return abs((datetime.now(UTC) - datetime.fromisoformat(time)).total_seconds()) < SECONDS_OF_NOW
