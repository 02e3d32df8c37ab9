"""What the entries of a journal add up to: each annotator's newest label of each item, and the labels of all together.

The last entry of an annotator wins, field by field; an undone entry counts as never made. Where annotators differ, the
label is unsure until somebody settles it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from facetally.labelling.journal import Entry, ItemKey
from facetally.labelling.labels import (
    Labels,
    MissedFace,
    MomentKey,
    MomentLabel,
    TrackKey,
    TrackLabel,
)

Fields = Mapping[str, Any]
"""What an annotator said of an item: answer or same_as, age_band, face_quality; missed and done of a moment."""


class Record:
    """The labels of a journal, kept up to date entry by entry."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, ItemKey], list[Entry]] = defaultdict(list)
        self._by_number: dict[tuple[str, int], Entry] = {}
        self._undone: set[tuple[str, int]] = set()
        self._made: dict[str, list[Entry]] = defaultdict(list)

    def add(self, entries: Iterable[Entry]) -> None:
        """Takes further entries into account, in the order of the journal."""
        for entry in entries:
            if entry.kind == "undo":
                self._undone.add((entry.annotator, entry.undoes))
                continue
            self._entries[entry.annotator, entry.item].append(entry)
            self._by_number[entry.annotator, entry.number] = entry
            self._made[entry.annotator].append(entry)

    @property
    def annotators(self) -> list[str]:
        """All who labelled anything."""
        return sorted(self._made)

    @property
    def count(self) -> int:
        """Entries so far, those that undo others included."""
        return len(self._by_number) + len(self._undone)

    def any_entry(self, annotator: str, number: int) -> Entry | None:
        """An entry, undone or not; None: no such entry."""
        return self._by_number.get((annotator, number))

    def newest(self, annotator: str, tab: str = "") -> Entry | None:
        """The annotator's last entry that was not undone: of a browser tab if it has any, else of all."""
        left = [entry for entry in self._made[annotator] if (annotator, entry.number) not in self._undone]
        own = [entry for entry in left if entry.tab == tab]
        return (own or left)[-1] if left else None

    def fields(self, annotator: str, item: ItemKey, *, settling: bool | None = None) -> Fields:
        """What an annotator said of an item; empty: nothing.

        Args:
            annotator: whose entries count.
            item: the track or moment.
            settling: only entries that settle a difference, or only others; None: all.
        """
        merged: dict[str, Any] = {}
        for entry in self._entries.get((annotator, item), ()):
            if (annotator, entry.number) in self._undone or settling not in (None, entry.settles):
                continue
            for one, other in (("answer", "same_as"), ("same_as", "answer")):
                if one in entry.values:
                    merged.pop(other, None)
            merged |= entry.values
        return merged

    def took_s(self, annotator: str, count: int) -> list[float]:
        """How long the annotator's last labelled items took, in seconds from the picture to the key."""
        made = [
            e.took_s for e in self._made[annotator] if e.took_s > 0 and {"answer", "same_as", "done"} & e.values.keys()
        ]
        return made[-count:]

    def track_label(self, annotator: str, key: TrackKey, *, settling: bool | None = None) -> TrackLabel | None:
        """An annotator's label of a track, with references to the same person resolved; None: not labelled."""
        own = self.fields(annotator, ("track", key[0], key[1]), settling=settling)
        fields, first, seen = own, key[1], {key[1]}
        while "answer" not in fields:
            first = int(fields.get("same_as", -1))
            if first < 0 or first in seen:
                return None
            seen.add(first)
            fields = self.fields(annotator, ("track", key[0], first), settling=settling if first == key[1] else None)
        return TrackLabel(
            answer=fields["answer"],
            age_band=own.get("age_band") or fields.get("age_band") or "unsure",
            face_quality=own.get("face_quality", ""),
            person=(key[0], first) if first != key[1] else None,
        )

    def moment_label(self, annotator: str, key: MomentKey, *, settling: bool | None = None) -> MomentLabel | None:
        """An annotator's label of a moment; None: not labelled, or not finished."""
        fields = self.fields(annotator, ("moment", *key), settling=settling)
        if not fields.get("done"):
            return None
        return MomentLabel(
            tuple(MissedFace(tuple(map(float, face["box"])), face.get("gender", "unsure")) for face in fields["missed"])  # type: ignore[arg-type]
        )

    def settled(self, item: ItemKey) -> str:
        """Who settled an item last; empty: nobody."""
        made = [
            entry
            for (annotator, other), entries in self._entries.items()
            if other == item
            for entry in entries
            if entry.settles and (annotator, entry.number) not in self._undone
        ]
        return max(made, key=lambda entry: entry.at).annotator if made else ""

    def track_labels(self, key: TrackKey) -> dict[str, TrackLabel]:
        """All annotators' labels of a track, without those that settle."""
        labels = {name: self.track_label(name, key, settling=False) for name in self.annotators}
        return {name: label for name, label in labels.items() if label}

    def is_disputed(self, key: TrackKey) -> bool:
        """Whether annotators differ about who a track shows, and nobody has settled it."""
        answers = {label.answer for label in self.track_labels(key).values()}
        return len(answers) > 1 and not self.settled(("track", *key))

    def labels(self) -> Labels:
        """The labels of all annotators together."""
        items = dict.fromkeys(item for _, item in self._entries)
        tracks = {
            (video, int(place)): self._joint_track((video, int(place)))
            for kind, video, place in items
            if kind == "track"
        }
        moments = {
            (video, place): self._joint_moment((video, place)) for kind, video, place in items if kind == "moment"
        }
        return Labels(
            {key: label for key, label in tracks.items() if label},
            {key: label for key, label in moments.items() if label},
        )

    def _joint_track(self, key: TrackKey) -> TrackLabel | None:
        if judge := self.settled(("track", *key)):
            return self.track_label(judge, key, settling=True)
        labels = self.track_labels(key)
        if not labels:
            return None
        first = next(iter(labels.values()))
        if len({label.answer for label in labels.values()}) > 1:
            note = "; ".join(f"{name}: {label.answer}" for name, label in labels.items())
            return TrackLabel("unsure", note=f"annotators differ: {note}")
        ages = list(dict.fromkeys(label.age_band for label in labels.values() if label.age_band != "unsure"))
        qualities = {label.face_quality for label in labels.values() if label.face_quality}
        return TrackLabel(
            answer=first.answer,
            age_band="/".join(ages) if 1 <= len(ages) <= 2 else "unsure",
            face_quality=qualities.pop() if len(qualities) == 1 else "",
            person=first.person,
            note="several people in this track" if first.answer == "several" else "",
        )

    def _joint_moment(self, key: MomentKey) -> MomentLabel | None:
        """That of whoever settled it, else of the first annotator: boxes of two people are not joined."""
        if judge := self.settled(("moment", *key)):
            return self.moment_label(judge, key, settling=True)
        labels = (self.moment_label(name, key, settling=False) for name in self.annotators)
        return next((label for label in labels if label), None)
