"""CURRENCY: an amount of money."""

from __future__ import annotations

import re
from typing import Final, Literal

from tablehouse.fields.base import OptionFault
from tablehouse.fields.number import NumberOptions, NumberType


class CurrencyOptions(NumberOptions, frozen=True, kw_only=True):
    iso_code: str = "USD"
    custom_symbol: str | None = None
    show_as: Literal["SYMBOL", "CODE"] = "SYMBOL"
    symbol_or_code_position: Literal["BEFORE", "AFTER"] = "BEFORE"


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
