"""USER: members of the workspace. Cells hold numbers of people; what they are called lies in the database, so that those who leave still read.

Here is how a written cell is read: into mentions of people. Who is meant is said by `query.members`, which knows the workspace's.
"""

from __future__ import annotations

from collections.abc import Mapping

from tablehouse.fields.base import FieldType, Mention, NoOptions, Read, Reject, Spec, describe
from tablehouse.kinds import kind


class User(FieldType[NoOptions]):
    name = "USER"
    summary = "One or several members of the workspace."
    reads = "{id, name, email, avatarUrl}; several: array of it"
    writes = (
        "user id, e-mail address (any case), {id} or {email} of a member of the workspace, or a name that only one member has; "
        "several: array of these, or one; text: joined by commas"
    )
    kind = kind.PERSON
    several = True

    def read(self, value: object, spec: Spec[NoOptions]) -> Read:
        items = value if isinstance(value, list) else [value]
        return tuple(dict.fromkeys(_mention(item) for item in items)) or None


def _mention(item: object) -> Mention:
    if isinstance(item, Mapping):
        for key in ("id", "email"):
            if isinstance(text := item.get(key), str) and text.strip():
                return Mention(text.strip(), key)
    elif isinstance(item, str) and item.strip():
        return Mention(item.strip())
    raise Reject(f'A person is written as their user id, e-mail address, {{"id": …}} or {{"email": …}}, not {describe(item)}.')
