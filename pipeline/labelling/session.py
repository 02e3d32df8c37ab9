"""One labelling: the sample, the journal and what they add up to. The server asks it; it knows nothing of the web."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from threading import RLock
from typing import Any

from facetally.errors import TruthError
from facetally.labelling.answers import BadAnswerError, moment_values, took_s, track_values
from facetally.labelling.journal import Entry, ItemKey, Journal
from facetally.labelling.labels import Labels
from facetally.labelling.open_items import KINDS, LabelOptions, OpenItems
from facetally.labelling.record import Record
from facetally.labelling.sample import Sample
from facetally.labelling.views import Views

AHEAD = 8
"""Pictures that are made before they are asked for."""
PACE_ITEMS = 20


class Session:
    """The labelling of one annotator.

    Args:
        sample: what is labelled.
        journal: where labels are saved; all entries in it are read.
        options: how.

    Raises:
        TruthError: the journal holds labels of another sample.
        OutputError: the journal cannot be read.
    """

    def __init__(self, sample: Sample, journal: Journal, options: LabelOptions) -> None:
        self.sample, self.journal, self.options = sample, journal, options
        self.views = Views(sample)
        self._lock = RLock()
        self._record = Record()
        entries = journal.read_new()
        check_entries(sample, entries)
        self._record.add(entries)
        self._open = OpenItems(sample, self._record, options)

    # What the page asks for

    def item(self, kind: str, number: int, tab: str) -> dict[str, Any]:
        """What is known of an item, without its pictures.

        Args:
            kind: track or moment.
            number: its position in the sample, from 0.
            tab: the browser tab that shows it.

        Raises:
            IndexError: no such item.
        """
        with self._lock:
            key = self.sample.item(kind, number)
            fields = dict(self._record.fields(self.options.annotator, key, settling=self._settling))
            content: dict[str, Any] = {"kind": kind, "number": number, "video": self.sample.rows[key[1]].video}
            if kind == "track":
                track = self.sample.design.tracks[number]
                if "same_as" in fields:
                    fields["same_as"] = self.sample.track_numbers[key[1], int(fields["same_as"])]
                content |= {"first_s": track.first_s, "last_s": track.last_s, "people": self._people(number)}
                if self.options.show_predictions:
                    predicted = self.sample.predictions[track.key]
                    prob = max(predicted.female_prob, 1 - predicted.female_prob)
                    content["prediction"] = {
                        "gender": predicted.gender,
                        "probability": round(prob, 3),
                        "age_band": predicted.age_band,
                    }
                if self.options.settle:
                    content["said"] = {
                        name: label.answer for name, label in self._record.track_labels(track.key).items()
                    }
            self._open.hold(tab, kind, number)
            return content | {"fields": fields}

    def view_key(self, kind: str, number: int) -> ItemKey:
        """The key of an item's pictures.

        Args:
            kind: track, loop, face or moment.
            number: the position in the sample, from 0.

        Raises:
            IndexError: no such item.
        """
        key = self.sample.item("moment" if kind == "moment" else "track", number)
        return kind, key[1], key[2]

    def counts(self, tab: str) -> dict[str, Any]:
        """How much is labelled, and what comes next."""
        with self._lock:
            self.sync()
            return self._counts(tab)

    def sync(self) -> None:
        """Takes in what other processes added to the journal.

        Raises:
            OutputError: it cannot be read.
        """
        with self._lock:
            self._take_in(self.journal.read_new())

    def save(self, message: Mapping[str, Any], tab: str) -> dict[str, Any]:
        """Saves a key press; it is on disk when this returns.

        Args:
            message: kind, number, set (the values) and took_s.
            tab: the browser tab.

        Returns:
            The item's fields, the counts, and the next item where this one is finished.

        Raises:
            BadAnswerError: it makes no sense.
            IndexError: no such item.
            OutputError: it could not be saved.
        """
        kind, number = message.get("kind"), message.get("number")
        if kind not in ("track", "moment") or not isinstance(number, int) or isinstance(number, bool):
            raise BadAnswerError("no such item")
        with self._lock:
            key = self.sample.item(kind, number)
            values = track_values(message.get("set", {})) if kind == "track" else moment_values(message.get("set", {}))
            if "same_as" in values:
                values["same_as"] = self._same_person(number, values["same_as"])
            entry = self._draft(key, values, tab, took_s(message.get("took_s")))
            self._take_in(self.journal.append(entry))
            fields = self.item(kind, number, tab)["fields"]
            counts = self._counts(tab)
            is_last = bool({"answer", "same_as", "done"} & values.keys())
            following = counts["next"][kind][0] if is_last and counts["next"][kind] else None
            item = None if following is None else self.item(kind, following, tab)
            return {**counts, "fields": fields, "item": item}

    def undo(self, tab: str) -> dict[str, Any]:
        """Takes back the annotator's last key press, that of this tab if it has any.

        Returns:
            The counts, and kind and number of the item; None: nothing to undo.

        Raises:
            OutputError: it could not be saved.
        """
        with self._lock:
            self.sync()
            name = self.options.annotator
            last = self._record.newest(name, tab)
            if last is None:
                return {**self._counts(tab), "kind": None, "number": None}
            draft = Entry(name, 0, "undo", self.sample.design.mode, "", tab, undoes=last.number)
            self._take_in(self.journal.append(draft))
            return {**self._counts(tab), "kind": last.kind, "number": self.sample.number(last.item)}

    def prefetch(self, tab: str) -> None:
        """Begins to make the pictures of what comes next: of the kind that the tab does not show, the first alone."""
        with self._lock:
            shown = self._open.kind_shown(tab)
            counts = {shown: AHEAD, **{kind: 1 for kind in KINDS if kind != shown}}
            wanted = [(kind, number) for kind, count in counts.items() for number in self._open.next(kind, tab, count)]
        for kind, number in wanted:
            self.views.ask(self.view_key(kind, number))

    # What follows from the labels

    def labels(self) -> Labels:
        """The labels of all annotators together."""
        with self._lock:
            return self._record.labels()

    @property
    def entry_count(self) -> int:
        """Grows with each entry."""
        with self._lock:
            return self._record.count

    @property
    def disputed(self) -> int:
        """Tracks about which annotators differ."""
        with self._lock:
            return sum(self._record.is_disputed(track.key) for track in self.sample.design.tracks)

    def seconds_each(self) -> float | None:
        """The annotator's pace: the median of the last labels; None: not known yet."""
        with self._lock:
            took = sorted(self._record.took_s(self.options.annotator, PACE_ITEMS))
        return took[len(took) // 2] if took else None

    # Inside

    @property
    def _settling(self) -> bool | None:
        return True if self.options.settle else None

    def _draft(self, key: ItemKey, values: Mapping[str, Any], tab: str, seconds: float) -> Entry:
        kind, video_id, place = key
        return Entry(
            annotator=self.options.annotator,
            number=0,
            kind=kind,
            mode=self.sample.design.mode,
            at="",
            tab=tab,
            video_id=video_id,
            place=place,
            values=values,
            settles=self.options.settle,
            took_s=seconds,
        )

    def _same_person(self, number: int, other: int) -> int:
        """The track id of the item that shows the same person.

        Raises:
            BadAnswerError: it is of another video, not labelled, or refers to this one.
        """
        tracks = self.sample.design.tracks
        if not 0 <= other < len(tracks) or other not in self._people(number):
            raise BadAnswerError(f"Number {other + 1} is not labelled, or in another video.")
        return tracks[other].track_id

    def _people(self, number: int) -> dict[int, str]:
        """The labelled tracks of the same video that do not refer to this one, with their answers."""
        own = self.sample.design.tracks[number]
        found: dict[int, str] = {}
        for track in self.sample.by_video[own.video_id]:
            label = self._record.track_label(self.options.annotator, track.key)
            refers = label and (label.person or track.key) == own.key
            if label and not refers and label.answer in ("female", "male", "unsure"):
                found[track.order] = label.answer
        return found

    def _take_in(self, entries: Iterable[Entry]) -> None:
        entries = list(entries)
        self._record.add(entries)
        for entry in entries:
            undone = self._record.any_entry(entry.annotator, entry.undoes) if entry.kind == "undo" else entry
            if undone and self.sample.knows(undone.item):
                self._open.update(undone.item)

    def _counts(self, tab: str) -> dict[str, Any]:
        return {
            "total": {kind: self._open.total(kind) for kind in KINDS},
            "labelled": {kind: self._open.labelled(kind) for kind in KINDS},
            "next": {kind: self._open.next(kind, tab, AHEAD + 1) for kind in KINDS},
        }


def check_entries(sample: Sample, entries: Iterable[Entry]) -> None:
    """Refuses a journal of another sample.

    Raises:
        TruthError: an entry is of something that was not drawn, or of another mode.
    """
    for entry in entries:
        known = {"track": (entry.video_id, int(entry.place)) in sample.track_numbers, "undo": True}.get(
            entry.kind, (entry.video_id, entry.place) in sample.moment_numbers
        )
        if not known or entry.mode != sample.design.mode:
            raise TruthError(
                f"journal.jsonl holds labels of another sample: entry {entry.number} of {entry.annotator} is of "
                f"{entry.video_id or 'another mode'}, which design.json does not have",
                fix="restore the design.json that belongs to it, or label in a new truth folder (-o)",
            )
