"""CURRENCY: an amount of money."""

from __future__ import annotations

from typing import Literal

from tablehouse.fields.number import NumberOptions, NumberType


class CurrencyOptions(NumberOptions, frozen=True, kw_only=True):
    iso_code: str = "USD"
    custom_symbol: str | None = None
    show_as: Literal["SYMBOL", "CODE"] = "SYMBOL"
    symbol_or_code_position: Literal["BEFORE", "AFTER"] = "BEFORE"


class Currency(NumberType[CurrencyOptions]):
    name = "CURRENCY"
    summary = "An amount of money."
    Options = CurrencyOptions
