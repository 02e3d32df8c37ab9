"""When a video was on air: by the column airtime of a table of videos, or by a pattern in the video's name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath

from facetally.errors import OptionError

DIGITS = {
    **{"Y": r"\d{4}", "m": r"\d{2}", "d": r"\d{2}", "H": r"\d{2}", "I": r"\d{2}", "M": r"\d{2}", "S": r"\d{2}"},
    **{"y": r"\d{2}", "j": r"\d{3}", "f": r"\d{1,6}"},
}
LETTERS = {"b": r"[^\W\d_]{3,}", "B": r"[^\W\d_]{3,}", "a": r"[^\W\d_]{2,}", "A": r"[^\W\d_]{2,}", "p": "[AaPp][Mm]"}
"""Of directives of strptime, what they stand for in a name; months and weekdays in English."""
HOUR_DIRECTIVES = {"H", "I"}
DAY_DIRECTIVES = ({"d"}, {"j"})
EPOCH = datetime(1970, 1, 1)


@dataclass(frozen=True)
class AirTime:
    """When a video begins, by the clock where it was on air; without time zones."""

    start: datetime
    has_time: bool
    """Not only a date."""

    @property
    def start_s(self) -> float:
        """Seconds since the beginning of 1970 by that clock."""
        return (self.start - EPOCH).total_seconds()


@dataclass(frozen=True)
class ClockPattern:
    """A pattern of strptime that is searched in names.

    Args:
        text: such as "%Y-%m-%d %H%M".

    Raises:
        OptionError: an unknown directive, or no date in it.
    """

    text: str

    def __post_init__(self) -> None:
        fix = "write it as in '%Y-%m-%d %H%M' (year, month, day, hour and minute)"
        directives = set(self._directives())
        if unknown := sorted(directives - DIGITS.keys() - LETTERS.keys() - {"%"}):
            raise OptionError(f"--clock {self.text}: %{unknown[0]} is not known", fix=fix)
        if repeated := sorted(name for name in directives - {"%"} if self._directives().count(name) > 1):
            raise OptionError(f"--clock {self.text}: %{repeated[0]} stands in it twice", fix=fix)
        has_day = bool(directives & {"Y", "y"}) and (
            "j" in directives or ("d" in directives and directives & {"m", "b", "B"})
        )
        if not has_day:
            raise OptionError(f"--clock {self.text}: a year, a month or a day is missing", fix=fix)

    def find(self, name: str) -> AirTime | None:
        """The first time in a name that fits: in the file's name, otherwise in the folders before it."""
        for text in (PurePosixPath(name).name, name):
            for match in self._regex().finditer(text):
                try:
                    return AirTime(datetime.strptime(match[1], self.text), self.has_time)
                except ValueError:  # such as a month 13
                    continue
        return None

    @property
    def has_time(self) -> bool:
        """Whether it has an hour, and not only a date."""
        return not HOUR_DIRECTIVES.isdisjoint(self._directives())

    def _directives(self) -> list[str]:
        return re.findall(r"%(.?)", self.text)

    def _regex(self) -> re.Pattern[str]:
        """Finds what may be a time, also where times overlap; a number in it must not go on before or after it."""
        parts = re.split(r"(%.)", self.text)
        known = {f"%{name}": pattern for name, pattern in {**DIGITS, **LETTERS, "%": "%"}.items()}
        body = "".join(known.get(part, re.escape(part)) for part in parts)
        before, after = (r"(?<!\d)" if body.startswith(r"\d") else "", r"(?!\d)" if body.endswith("}") else "")
        return re.compile(f"(?={before}({body}){after})")


def parse_air_time(text: str) -> AirTime | None:
    """A date and time in ISO form: 2026-03-01 19:50, 2026-03-01T19:50:00, or 2026-03-01 alone; None for other texts."""
    has_time = len(text) > len("2026-03-01")
    try:
        start = datetime.fromisoformat(text)
    except ValueError:
        return None
    return AirTime(start.replace(tzinfo=None), has_time)
