"""`tablehouse serve`: the server in the foreground. Its options are the declared settings, one for one."""

from __future__ import annotations

import inspect
import os
from typing import Annotated, Any

import typer

from tablehouse.cli.output import opened, plain, put, refusals, say
from tablehouse.config import OPTIONS, Option, Settings, load, strangers
from tablehouse.http.app import make_app
from tablehouse.http.process import run
from tablehouse.service.access import Access, App
from tablehouse.service.setup import set_up
from tablehouse.transfer.demo.make import make_demo


def serve(**given: Any) -> None:
    """Run the server until it is told to stop."""
    with refusals():
        settings = load({name: _joined(value) for name, value in given.items()}, os.environ)
        for name in strangers(os.environ):
            say(f"Warning: {name} is no setting of this server; is it misspelt?")
        first_call = prepare(settings)
    raise typer.Exit(run(settings, make_app, lambda url: say(first_call.replace("URL", url)) if first_call else None))


def prepare(settings: Settings) -> str | None:
    """Makes the store ready before any process serves it; an empty one gets a workspace, an owner and a token, shown once.

    Returns what to say about the demo database once the server listens, with URL for its address; None when none is wanted.
    """
    with opened(settings) as store:
        for stray in store.strays:
            say(f"Warning: {stray} holds tables, but the control tables list no such database. It is left as it is.")
        token = set_up(store, settings.admin_token)
        if token is not None:
            say("A new store. This token of level full is shown once, so keep it:")
            put(token)
        demo = make_demo(App(store, settings, Access(store))) if settings.demo else None
    if demo is None:
        return None
    path = f"/api/v1/databases/{demo.database_id}/tables/{demo.table_id}/records?limit=2&fieldNames=true"
    return f'The database "Demo" is there to look at. Try:\n  curl -H "Softr-Api-Key: {token or "$TOKEN"}" "URL{path}"'


def _joined(value: Any) -> Any:
    """Returns what an option that may be given several times says, as its one text; None when it was not given at all."""
    return (",".join(value) or None) if isinstance(value, list) else value


def _parameter(option: Option) -> inspect.Parameter:
    kind: Any = bool if isinstance(option.default, bool) else list[str] if option.repeated else str
    default = f" [default: {option.default_text}]" if option.default_text and kind is str else ""
    declared = typer.Option(option.flag, envvar=option.env, help=plain(option.help + default), show_default=False, show_envvar=True)
    return inspect.Parameter(option.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, declared])


_PARAMETERS = [_parameter(option) for option in OPTIONS if option.flag]
# Typer reads a function's signature; this one is made from the declared settings.
serve.__signature__ = inspect.Signature(_PARAMETERS)  # type: ignore[attr-defined]
serve.__annotations__ = {parameter.name: parameter.annotation for parameter in _PARAMETERS}
