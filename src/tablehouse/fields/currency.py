"""CURRENCY: an amount of money."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

from msgspec import Meta

from tablehouse.fields.base import OptionFault
from tablehouse.fields.number import NumberOptions, NumberType


class CurrencyOptions(NumberOptions, frozen=True, kw_only=True):
    iso_code: Annotated[str, Meta(description="Currency, by ISO 4217.", extra_json_schema={"pattern": "^[A-Z]{3}$"})] = "USD"
    custom_symbol: Annotated[str | None, Meta(description="Symbol to show instead of the currency's own.")] = None
    show_as: Annotated[Literal["SYMBOL", "CODE"], Meta(description="€ or EUR.")] = "SYMBOL"
    symbol_or_code_position: Annotated[Literal["BEFORE", "AFTER"], Meta(description="Where it stands, seen from the number.")] = "BEFORE"


_ISO_CODE: Final = re.compile("[A-Z]{3}")


class Currency(NumberType[CurrencyOptions]):
    name = "CURRENCY"
    summary = "An amount of money."
    Options = CurrencyOptions

    def check_options(self, options: CurrencyOptions) -> CurrencyOptions:
        if not _ISO_CODE.fullmatch(options.iso_code):
            raise OptionFault("isoCode", f'isoCode is three capital letters of ISO 4217 such as EUR, not "{options.iso_code}".')
        checked: CurrencyOptions = super().check_options(options)
        return checked
