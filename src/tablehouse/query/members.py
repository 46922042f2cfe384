"""Whom a written cell means: mentions of people, resolved among the members of the database's workspace. Pure; who they are is handed in.

Several with one name are told apart by id or e-mail address only: a cell never gets somebody by chance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any

import msgspec

from tablehouse.errors import Fault, ValidationError
from tablehouse.fields.base import Mention, Person, Reject, Spec, describe
from tablehouse.kinds.kind import PERSON, fold
from tablehouse.kinds.zones import zone_named
from tablehouse.query.arrivals import Arrivals
from tablehouse.query.definitions import Draft
from tablehouse.schema.model import Field


class Members:
    """The members of one workspace, for one request. `by_id`: the member with this id, None for anybody else; `everybody` is asked only
    for those named otherwise. `arrivals`: the files that the request brings along.
    """

    def __init__(self, by_id: Callable[[str], Person | None], everybody: Callable[[], Iterable[Person]]) -> None:
        self.arrivals = Arrivals()
        self._by_id = by_id
        self._everybody = everybody

    def resolve(self, mentions: tuple[Any, ...], many: bool) -> Person | tuple[Person, ...]:
        """Returns who is meant: each once, in the order written. Raises Reject with all who are no members, or when a cell for one gets several."""
        found, strange = self._look(mentions)
        if strange:
            names = ", ".join(describe(each.text) for each in strange)
            are = "is no member" if len(strange) == 1 else "are no members"
            raise Reject(f"{names} {are} of this workspace; people are named by user id or e-mail address.")
        if many:
            return tuple(found)
        if len(found) > 1:
            raise Reject(f"The field holds one person, but {len(found)} were given.")
        if not found:
            raise Reject("No person is named.")
        return found[0]

    def known(self, mentions: tuple[Any, ...]) -> list[Person]:
        """Returns those of the people meant who are members."""
        try:
            return self._look(mentions)[0]
        except Reject:
            return []

    def settle_default(self, draft: Draft, path: str, before: Field | None = None, given: bool = True) -> Draft:
        """Returns a field's draft whose default value names members, if any. `before`: the field as it is; `given`: whether the request
        gives the default. One that it does not give is dropped where the new type cannot use it. Raises ValidationError.
        """
        same = before is not None and before.type_name == draft.type_name and before.default == draft.default
        if draft.type.kind is not PERSON or draft.default is None or same:
            return draft
        try:
            self.resolve(_mentions(draft), draft.many)
        except Reject as reject:
            if not given:
                return msgspec.structs.replace(draft, default=None)
            raise ValidationError([Fault(f"{draft.name}: the default value: {reject}", path)]) from None
        return draft

    def _look(self, mentions: tuple[Any, ...]) -> tuple[list[Person], list[Mention]]:
        """Returns (the people meant, the mentions of nobody here). Raises Reject for a name that several have."""
        found: dict[Person, None] = {}
        strange: list[Mention] = []
        for mention in mentions:
            whole = self._find(mention)
            # The text form of several people: their names joined by commas. A name may have one itself.
            texts = [part.strip() for part in mention.text.split(",") if part.strip()]
            if whole is None and not mention.key and len(texts) > 1:
                inner, missing = self._look(tuple(Mention(text) for text in texts))
                found.update(dict.fromkeys(inner))
                strange += missing
            elif whole is None:
                strange.append(mention)
            else:
                found[whole] = None
        return list(found), strange

    def _find(self, mention: Mention) -> Person | None:
        if mention.key != "email" and (person := self._by_id(mention.text.lower())) is not None:
            return person
        if mention.key != "id" and (person := self._by_email.get(fold(mention.text))) is not None:
            return person
        named = [] if mention.key else self._by_name.get(fold(mention.text), [])
        if len(named) > 1:
            raise Reject(f"{len(named)} members are called {describe(mention.text)}; name one by user id or e-mail address.")
        return named[0] if named else None

    @cached_property
    def _by_email(self) -> dict[str, Person]:
        return {fold(person.email): person for person in self._everybody()}

    @cached_property
    def _by_name(self) -> dict[str, list[Person]]:
        named: dict[str, list[Person]] = {}
        for person in self._everybody():
            named.setdefault(fold(person.name), []).append(person)
        return named


def _mentions(draft: Draft) -> tuple[Any, ...]:
    read = draft.type.read(draft.default, Spec(options=draft.options, many=draft.many, zone=zone_named("UTC")))
    return read if isinstance(read, tuple) else ()
