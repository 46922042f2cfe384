"""Numbers in text: the strict form that writes accept, and the forgiving one that conversions understand."""

from __future__ import annotations

import math
import re
from typing import Final

_STRICT: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_EXACT: Final = 2**53
_SYMBOLS: Final = "$€£¥₹₽₩₺₴₫฿₦₱₪₡₲₵₸₭₮%\u00a0\u202f\u2009 "
_GROUPED: Final = re.compile(r"\d{1,3}([,'’\u00a0\u202f\u2009 ])\d{3}(\1\d{3})*(\.\d*)?")
# The currencies of ISO 4217 that most money is in; any three capitals would make a number of "MAY 2020".
_CODES: Final = "AED|ARS|AUD|BDT|BGN|BRL|CAD|CHF|CLP|CNY|COP|CZK|DKK|EGP|EUR|GBP|HKD|HUF|IDR|ILS|INR|ISK|JPY|KES|KRW|KZT|MAD|MXN|MYR|NGN|NOK|NZD|PEN|PHP|PKR|PLN|QAR|RON|RSD|RUB|SAR|SEK|SGD|THB|TRY|TWD|UAH|USD|UYU|VND|ZAR"
_CODE: Final = re.compile(rf"^({_CODES})\s*|\s*({_CODES})$")


def parse_number(text: str) -> int | float | None:
    """Returns the number that a text like `42`, `-1.5` or `1e3` stands for; None when it is none or not finite."""
    stripped = text.strip()
    if not _STRICT.fullmatch(stripped) or not stripped.isascii():
        return None
    return finite(float(stripped))


def parse_loose_number(text: str) -> int | float | None:
    """Returns the number in a text such as `1,234.5`, `€1,234.50`, `(5)` or `45 %`; None when there is none."""
    stripped = _CODE.sub("", text.strip())
    negative = stripped.startswith("(") and stripped.endswith(")")
    if negative:
        stripped = stripped[1:-1]
    stripped = stripped.strip(_SYMBOLS).replace("\u2212", "-")
    sign = stripped[:1] if stripped[:1] in ("+", "-") else ""
    digits = stripped[len(sign) :].lstrip(_SYMBOLS)
    grouped = _GROUPED.fullmatch(digits)
    if grouped:
        digits = digits.replace(grouped[1], "")
    number = parse_number(sign + digits)
    return -number if negative and number is not None else number


def finite(number: int | float) -> int | float | None:
    """Returns the number as a double would hold it, whole ones as int; None when it is not finite."""
    try:
        as_float = float(number)
    except OverflowError:
        return None
    if not math.isfinite(as_float):
        return None
    return int(as_float) if as_float.is_integer() and abs(as_float) <= _EXACT else as_float


def number_text(number: int | float) -> str:
    """Returns a number's text form: all its digits, whole numbers without `.0`."""
    if isinstance(number, float) and number.is_integer() and abs(number) < 1e21:
        return str(int(number))
    return repr(number)
