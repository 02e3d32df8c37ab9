"""Counts the labels of images that were not understood, and says what they look like and what to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from facetally.datasets.ages import MAX_YEARS, looks_like_date
from facetally.datasets.label_tables import FILE_COLUMNS
from facetally.datasets.labelled_images import (
    BOX_COLUMNS,
    GENDER_COLUMNS,
    GROUP_COLUMNS,
    PERSON_COLUMNS,
    ImageSource,
    LabelledImage,
    LabelName,
)

EXAMPLES = 3
LABEL_COLUMNS = {"gender": frozenset((*GENDER_COLUMNS, "male")), "age": frozenset(("age",))}
OTHER_COLUMNS = frozenset((*FILE_COLUMNS, *PERSON_COLUMNS, *GROUP_COLUMNS, *BOX_COLUMNS, "split"))


class LabelTally:
    """Counts what is not understood in the labels of a source.

    Args:
        source: of the images that are added.
    """

    def __init__(self, source: ImageSource) -> None:
        self._source = source
        self._images = 0
        self._texts: dict[LabelName, Counter[str]] = {"age": Counter(), "gender": Counter(), "row": Counter()}

    def add(self, image: LabelledImage) -> None:
        """Counts one image."""
        self._images += 1
        for name, text in image.not_understood:
            self._texts[name][text] += 1

    def notes(self) -> Iterator[str]:
        """What was not understood, one line for each kind."""
        if ages := self._texts["age"]:
            why = f"an age is a number or a range of years from 0 to {MAX_YEARS}"
            if any(map(looks_like_date, ages)):
                why += "; a spreadsheet has made dates of ranges such as 3-9, so take the table as it was published"
            yield f"{_counted(ages, 'age')} not understood: {_examples(ages)}. {why[0].upper()}{why[1:]}"
        if genders := self._texts["gender"]:
            yield (
                f"{_counted(genders, 'gender')} not understood: {_examples(genders)}. Say what such words "
                "mean with --gender-words, as in --gender-words 0=male,1=female"
            )
        if rows := self._texts["row"]:
            yield (
                f"{rows.total()} of {self._images} images are not in the table: {_examples(rows)}. It names "
                f"{self._source.first_file() or 'none'} first"
            )
        yield from self._missing_columns()

    def _missing_columns(self) -> Iterator[str]:
        columns = self._source.columns()
        if not columns:
            return
        missing = [label for label, names in LABEL_COLUMNS.items() if names.isdisjoint(columns)]
        known = OTHER_COLUMNS.union(*LABEL_COLUMNS.values())
        if missing and not known.issuperset(columns):
            yield f"The table has no column for {' or '.join(missing)}; its columns are {', '.join(columns)}"


def _counted(texts: Counter[str], name: str) -> str:
    count = texts.total()
    return f"1 {name} was" if count == 1 else f"{count} {name}s were"


def _examples(texts: Counter[str]) -> str:
    shown = ", ".join(repr(text) for text, _ in texts.most_common(EXAMPLES))
    return f"{shown} and {len(texts) - EXAMPLES} others" if len(texts) > EXAMPLES else shown
