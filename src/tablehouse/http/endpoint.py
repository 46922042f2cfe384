"""A path of the API as a Falcon resource: finds out who calls, whether they may, what they ask, and runs the operation."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

import falcon
import msgspec

from tablehouse.errors import BadRequest, NotFound, shape_of
from tablehouse.fields.base import describe
from tablehouse.http.body import read_body
from tablehouse.http.call import Call, Reply, StrangerCall
from tablehouse.http.operation import BODY_METHODS, Operation
from tablehouse.http.session_cookie import session_of
from tablehouse.http.throttle import Throttle
from tablehouse.query.paging import FURTHEST
from tablehouse.query.requests import NoQuery
from tablehouse.service.access import OPEN, App, actor_of
from tablehouse.service.payload import Payload
from tablehouse.service.permission import check_permission, check_there
from tablehouse.service.revision import names_revision
from tablehouse.storage.acting import acting

# Read from text, msgspec takes 1e2 and 5.0 for integers.
_INTEGER: Final = re.compile(r"(-?)0*([0-9]+)")
_DIGITS: Final = len(str(FURTHEST)) + 1  # so many tell that a number is larger, however many there are
_NO_PAYLOAD: Final = Payload(b"")


class Endpoint:
    """The operations of one path, by method."""

    def __init__(self, app: App, operations: Sequence[Operation], throttle: Throttle) -> None:
        self._app = app
        self._throttle = throttle
        for operation in operations:
            serve = self._welcome if operation.level == OPEN else self._serve
            setattr(self, f"on_{operation.method.lower()}", partial(serve, operation))

    def _serve(self, operation: Operation, request: falcon.Request, response: falcon.Response, **path: str) -> None:
        app = self._app
        request.context.operation = operation
        caller = app.access.caller(token_of(request) or session_of(request))
        request.context.token_id = caller.token.id
        self._throttle.count(caller, operation.reads, response)
        if "\x00" in request.path:
            raise NotFound("There is nothing here: no id holds the character U+0000 (NUL).")
        check_permission(app, caller, operation.level, path)
        with_body = operation.method in BODY_METHODS and not operation.form
        payload = Payload(read_body(request.env, app.settings.max_body)) if with_body else _NO_PAYLOAD
        try:
            query = read_query(request.params, operation.query)
        except BadRequest:
            check_there(app, caller, path)  # 404 goes before 400 (contract §9.11)
            raise
        if_match = request.env.get("HTTP_IF_MATCH") if operation.conditional else None
        key = request.env.get("HTTP_IDEMPOTENCY_KEY") if operation.repeatable else None
        call = Call(app, caller, path, query, payload, request, if_match, key)
        if operation.reads:
            answer(operation.run(call), request, response)
            return
        with acting(actor_of(caller)):
            answer(operation.run(call), request, response)

    def _welcome(self, operation: Operation, request: falcon.Request, response: falcon.Response, **_path: str) -> None:
        """Serves who has no token and no session yet."""
        request.context.operation = operation
        payload = Payload(read_body(request.env, self._app.settings.max_body))
        secure = self._app.settings.tls_cert is not None or request.forwarded_scheme == "https"
        count = partial(self._throttle.count_stranger, request.remote_addr)
        answer(operation.run(StrangerCall(self._app, payload, secure, count)), request, response)


def token_of(request: falcon.Request) -> str | None:
    """Returns the token that a request carries, in either header; None when it has none."""
    env = request.env
    key: str | None = env.get("HTTP_SOFTR_API_KEY")
    if key:
        return key.strip()
    scheme, _, token = env.get("HTTP_AUTHORIZATION", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def read_query(given: Mapping[str, Any], kind: type[Any]) -> Any:
    """Returns query parameters as that struct; unknown ones are ignored. Raises BadRequest."""
    if kind is NoQuery or not given:
        return kind()
    read = dict(given)
    for name in _integers(kind):
        value = given.get(name)
        if not isinstance(value, str):
            continue
        digits = _INTEGER.fullmatch(value)
        if digits is None:
            raise BadRequest(f"{name}: expected a whole number, got {describe(value)}.", path=name)
        number = min(int(digits[2][:_DIGITS]), FURTHEST)
        read[name] = -number if digits[1] else number
    try:
        return msgspec.convert(read, kind, strict=False)
    except msgspec.ValidationError as error:
        place, sentence = shape_of(error)
        name = place.partition("[")[0]
        value = given.get(name)
        if isinstance(value, list):
            raise BadRequest(f"{name}: given more than once: {', '.join(map(describe, value))}.", path=name) from None
        raise BadRequest(f"{name}: {sentence.partition(', got ')[0]}, got {describe(value)}.", path=name) from None


_INTEGERS: Final[dict[type[Any], tuple[str, ...]]] = {}


def _integers(kind: type[Any]) -> tuple[str, ...]:
    known = _INTEGERS.get(kind)
    if known is None:
        shape = msgspec.inspect.type_info(kind)
        assert isinstance(shape, msgspec.inspect.StructType)
        known = tuple(field.encode_name for field in shape.fields if isinstance(_bare(field.type), msgspec.inspect.IntType))
        _INTEGERS[kind] = known
    return known


def _bare(described: msgspec.inspect.Type) -> msgspec.inspect.Type:
    return _bare(described.type) if isinstance(described, msgspec.inspect.Metadata) else described


def answer(reply: Reply, request: falcon.Request, response: falcon.Response) -> None:
    """Puts an operation's answer into the response; one record gets an ETag, and 304 when the client has it already."""
    response.status = reply.status
    for name, value in reply.headers:
        response.append_header(name, value)
    if reply.body is None:
        return
    if reply.tag is not None:
        response.set_header("ETag", reply.tag)
        known = request.env.get("HTTP_IF_NONE_MATCH") if request.method == "GET" else None
        if known is not None and names_revision(known, reply.tag):
            response.status = 304
            return
    response.data = reply.body
    response.content_type = "application/json"
