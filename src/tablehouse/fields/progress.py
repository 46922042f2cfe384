"""PROGRESS: how far something has come, between two bounds."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from tablehouse.fields.base import Options
from tablehouse.fields.number import NumberType


class ProgressOptions(Options, frozen=True, kw_only=True):
    min: Annotated[float, Meta(description="Where it starts.")] = 0
    max: Annotated[float, Meta(description="Where it is complete.")] = 100


class Progress(NumberType[ProgressOptions]):
    name = "PROGRESS"
    summary = "How far something has come, from min to max."
    reads = "number"
    writes = "number from min to max"
    Options = ProgressOptions
