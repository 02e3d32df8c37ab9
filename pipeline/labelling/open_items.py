"""What one annotator has still to label, in the order of the sample; tabs do not get in each other's way."""

from __future__ import annotations

import time
from dataclasses import dataclass

from facetally.labelling.journal import ItemKey
from facetally.labelling.record import Record
from facetally.labelling.sample import Sample

KINDS = ("track", "moment")
HELD_S = 60.0
"""An item that one tab shows is not given to another tab for so long."""


@dataclass(frozen=True)
class LabelOptions:
    """How somebody labels."""

    annotator: str = "me"
    show_predictions: bool = False
    settle: bool = False
    """Show only what annotators differ about, and decide it."""


class OpenItems:
    """The items without a label.

    Args:
        sample: what is labelled.
        record: the labels; it changes while one labels.
        options: whose labels count.
    """

    def __init__(self, sample: Sample, record: Record, options: LabelOptions) -> None:
        self._sample, self._record, self._options = sample, record, options
        self._open = {
            kind: dict.fromkeys(number for number in range(self.total(kind)) if self._is_open(kind, number))
            for kind in KINDS
        }
        self._held: dict[str, tuple[str, int, float]] = {}

    def total(self, kind: str) -> int:
        """All items of a kind, labelled or not."""
        return len(self._sample.design.tracks if kind == "track" else self._sample.design.moments)

    def labelled(self, kind: str) -> int:
        """How many are labelled; of those to settle, how many are settled or were never disputed."""
        return self.total(kind) - len(self._open[kind])

    def update(self, item: ItemKey) -> None:
        """Takes a change of an item into account; tracks of its video may refer to it."""
        kind, video_id, _ = item
        numbers = [self._sample.number(item)]
        if kind == "track":
            numbers = [self._sample.track_numbers[track.key] for track in self._sample.by_video[video_id]]
        for number in numbers:
            if not self._is_open(kind, number):
                self._open[kind].pop(number, None)
            elif number not in self._open[kind]:
                self._open[kind] = dict.fromkeys(sorted([*self._open[kind], number]))

    def hold(self, tab: str, kind: str, number: int) -> None:
        """Remembers that a tab shows an item."""
        if tab:
            self._held[tab] = kind, number, time.monotonic()

    def kind_shown(self, tab: str) -> str:
        """The kind of the item that a tab shows."""
        return self._held[tab][0] if tab in self._held else KINDS[0]

    def next(self, kind: str, tab: str, count: int) -> list[int]:
        """The first open items that no other tab shows; if there are none, the first one that another tab shows."""
        now = time.monotonic()
        held = {
            number
            for other, (held_kind, number, since) in self._held.items()
            if other != tab and held_kind == kind and now - since < HELD_S
        }
        found: list[int] = []
        for number in self._open[kind]:
            if number not in held:
                found.append(number)
            if len(found) == count:
                break
        return found or [number for number in self._open[kind] if number in held][:1]

    def _is_open(self, kind: str, number: int) -> bool:
        _, video_id, place = self._sample.item(kind, number)
        name = self._options.annotator
        if kind == "moment":
            return not self._options.settle and self._record.moment_label(name, (video_id, place)) is None
        if self._options.settle:
            return self._record.is_disputed((video_id, int(place)))
        return self._record.track_label(name, (video_id, int(place))) is None
