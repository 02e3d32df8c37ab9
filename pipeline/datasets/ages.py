"""Ages as people write them in tables: years, months, ranges, open ranges; and what spreadsheets make of ranges."""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_YEARS = 120
OPEN_YEARS = 5
"""How much older than the start of an open range, such as "70+", its people are taken to be."""
MISSING_WORDS = frozenset(("", "-", "--", "?", ".", "na", "n/a", "nan", "none", "null", "nil", "unknown", "unsure"))
"""What tables write, in small letters, where a value is not known."""

NUMBER = r"(\d{1,3}(?:\.\d+)?)"
DASH = r"\s*(?:-|–|—|~|\.\.|to|until)\s*"
UNIT = r"(?:\s*(?P<unit>years?(?:\s*old)?|yrs?|y/?o?|a|months?|mos?|mths?))?"
ONE = re.compile(rf"{NUMBER}{UNIT}")
TWO = re.compile(rf"{NUMBER}(?:\s*y(?:ea)?rs?)?{DASH}{NUMBER}{UNIT}")
PAIR = re.compile(rf"{NUMBER}\s*[,;]\s*{NUMBER}")
OVER = re.compile(
    rf"(?:more than|older than|over|above|at least|>=?|≥)\s*{NUMBER}{UNIT}"
    rf"|{NUMBER}{UNIT.replace('unit', 'unit2')}\s*(?:\+|plus|(?:and|or|&)\s*(?:over|older|above|more|up))"
)
UNDER = re.compile(
    rf"(?:less than|younger than|under|below|<)\s*{NUMBER}{UNIT}"
    rf"|{NUMBER}{UNIT.replace('unit', 'unit2')}\s*(?:and|or|&)\s*(?:under|younger|below|less)"
)
DECIMAL_COMMA = re.compile(r"(\d{1,3}),(\d+)")

MONTH_NAMES = (
    *("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"),
    *("mrz", "mär", "mai", "okt", "dez", "fév", "fev", "avr", "juin", "juil", "aoû", "aou", "déc"),
    *("ene", "abr", "ago", "set", "out", "dic", "gen", "mag", "giu", "lug", "ott"),
)
MONTH = rf"(?:{'|'.join(MONTH_NAMES)})[^\W\d]*\.?"
DATE = re.compile(
    rf"\d{{1,4}}[\s./-]*{MONTH}(?:[\s./-]*\d{{1,4}})?|{MONTH}[\s./-]*\d{{1,4}}(?:[\s,./-]+\d{{2,4}})?"
    r"|\d{1,4}([./-])\d{1,2}\1\d{2,4}(?:[ t]\d{1,2}:.*)?|\d{1,2}/\d{1,2}"
)
"""9-Mar, Mar-09, 09. Mrz, 2024-03-09 00:00:00, 3/9/2024, 03/09."""
DATE_SERIALS = (36_000, 60_000)
"""Days since 1900 by which spreadsheets store the dates of 1998 to 2064."""


@dataclass(frozen=True)
class Age:
    """An age as stated: one, or a range."""

    low_years: float
    high_years: float
    """Included; equal to `low_years` for a single age."""
    is_open: bool = False
    """Without an upper end in the text."""

    @property
    def years(self) -> float:
        """The age, the middle of a range, or `OPEN_YEARS` more than the start of an open one."""
        low, high = self.low_years, self.high_years
        if self.is_open:
            return min(low + OPEN_YEARS, MAX_YEARS)
        if low == high or not (low.is_integer() and high.is_integer()):
            return (low + high) / 2
        return (low + high + 1) // 2  # a person of the last year is up to a year older


def read_age(text: str) -> Age | None:
    """An age from text such as 31, 31.5, 31,5, 20-29, (25, 32), 25 to 32, more than 70, 70+, under 18, 18 months.

    None where it is none: a word, a date, a negative number, more than `MAX_YEARS`, a range whose end is before its
    start.
    """
    plain = " ".join(text.strip().lower().split())
    is_bracketed = plain[:1] in ("(", "[") and plain[-1:] in (")", "]")
    plain = plain.strip("()[] ")
    if found := ONE.fullmatch(plain):
        return _age(found[1], found[1], found["unit"])
    if found := TWO.fullmatch(plain):
        return _age(found[1], found[2], found["unit"])
    if found := OVER.fullmatch(plain):
        age = _age(found[1] or found[3], found[1] or found[3], found["unit"] or found["unit2"])
        return age and Age(age.low_years, MAX_YEARS, is_open=True)
    if found := UNDER.fullmatch(plain):
        age = _age(found[1] or found[3], found[1] or found[3], found["unit"] or found["unit2"])
        return age and Age(0.0, max(age.high_years - 1, 0.0))
    if (found := DECIMAL_COMMA.fullmatch(plain)) and not is_bracketed:
        return _of_decimal_comma(found[1], found[2])
    if found := PAIR.fullmatch(plain):
        return _age(found[1], found[2], None)
    return None


def is_missing(text: str) -> bool:
    """Whether text states that a value is not known."""
    return text.strip().lower() in MISSING_WORDS


def looks_like_date(text: str) -> bool:
    """Whether a cell holds a date: spreadsheets turn ranges such as 3-9 into dates when a table is opened and saved."""
    plain = text.strip().lower()
    if DATE.fullmatch(plain):
        return True
    return plain.isdecimal() and DATE_SERIALS[0] <= int(plain) <= DATE_SERIALS[1]


def _age(low: str, high: str, unit: str | None) -> Age | None:
    scale = 12.0 if unit and unit.startswith("m") else 1.0
    low_years, high_years = float(low) / scale, float(high) / scale
    return Age(low_years, high_years) if low_years <= high_years <= MAX_YEARS else None


def _of_decimal_comma(whole: str, decimals: str) -> Age | None:
    """31,5 is a number; 25,32 may as well be a range, so it is neither."""
    if len(decimals) == 2 and int(whole) < int(decimals) <= MAX_YEARS:
        return None
    return _age(f"{whole}.{decimals}", f"{whole}.{decimals}", None)
