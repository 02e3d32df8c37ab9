"""What a run may change: nothing finished is replaced unasked, and nothing is kept or left out in silence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from facetally.batch.differences import refuse_newer_tables, refuse_other_options
from facetally.batch.notices import notices
from facetally.batch.plan import Plan, plan_run, refuse_damage_elsewhere, refuse_to_prune_all, relative_patterns
from facetally.errors import OptionError, OutputError
from facetally.inputs import find_videos
from facetally.options import RunOptions, Sampling
from facetally.results import tables
from facetally.results.ledger import Ledger, Status
from facetally.results.tables import FACES, TRACKS

OPTIONS = RunOptions()
MODELS: dict[str, Any] = {"classifier": {"name": "c", "sha256": "1234567890"}}
OTHER_MODELS: dict[str, Any] = {"classifier": {"name": "c", "sha256": "abcdefghij"}, "embedder": {"name": "e"}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three files, a.mp4, b.mp4 and ads/c.mp4, of different content."""
    (tmp_path / "in" / "ads").mkdir(parents=True)
    for name in ("a.mp4", "b.mp4", "ads/c.mp4"):
        (tmp_path / "in" / name).write_text(name)
    return tmp_path / "in"


def plan(folder: Path, digest: str = "same", **given: Any) -> Plan:
    return plan_run(find_videos([str(folder)]), Ledger(folder.parent / "out"), digest, **given)


def done(
    folder: Path, options: RunOptions = OPTIONS, status: Status = "ok", digest: str = "same", only: str = ""
) -> Ledger:
    """Stores results of all that is to do, or of one video only, without looking into the files."""
    ledger = Ledger(folder.parent / "out")
    made = {"version": "0.2.0", "options": options.as_dict(), "models": MODELS}
    for job in plan(folder, digest).todo:
        if only not in ("", job.row.video):
            continue
        row = replace(job.row, status="failed" if job.row.reason else status)
        ledger.store(row, FACES.empty_table(), TRACKS.empty_table(), provenance=made)
    return ledger


def names(plan: Plan) -> dict[str, list[str]]:
    return {"todo": [job.row.video for job in plan.todo], "done": [row.video for row in plan.done]}


def test_other_options_are_named_by_their_flags_old_and_new_and_stop_the_run(folder: Path) -> None:
    made = replace(OPTIONS, sampling=Sampling(0.5), tracking=replace(OPTIONS.tracking, max_gap_s=3.0))
    ledger, now = done(folder, made, digest="other"), plan(folder)
    with pytest.raises(OutputError) as caught:
        refuse_other_options(now, ledger, OPTIONS, OTHER_MODELS)
    what, fix = caught.value.what, caught.value.fix
    assert (
        "holds 3 finished videos made with other options or weights: --every 0.5 -> 0.2, [tracking] max_gap_s 3 -> "
        in what
    )
    assert "weights of the classifier c (12345678) -> c (abcdefgh), weights of the embedder none -> e (no hash)" in what
    assert "add --update to process these 3 again, or choose another folder with -o to keep both" in fix
    assert next(iter(notices(now))) == "3 finished videos made with other options or weights: processed again"


def test_results_of_several_sets_of_options_are_told_apart(folder: Path) -> None:
    for name, every_s in (("a.mp4", 1.0), ("b.mp4", 2.0)):
        ledger = done(folder, replace(OPTIONS, sampling=Sampling(every_s)), digest=name, only=name)
    with pytest.raises(OutputError, match=r"2 finished .*: 1 with --every 1 -> 0\.2; 1 with --every 2 -> 0\.2"):
        refuse_other_options(plan(folder), ledger, OPTIONS, MODELS)


def test_a_difference_that_nothing_shows_is_said_to_be_one(folder: Path) -> None:
    ledger, now = done(folder, digest="other"), plan(folder)
    with pytest.raises(OutputError, match=r"by facetally 0\.2\.0, in a way that was not recorded"):
        refuse_other_options(now, ledger, OPTIONS, MODELS)


@pytest.mark.parametrize("status", ["failed", "ok"])
def test_only_finished_videos_of_other_options_stop_a_run(folder: Path, status: Status) -> None:
    ledger, now = done(folder, status=status, digest="other"), plan(folder)
    assert len(now.todo) == 3
    if status == "failed":
        refuse_other_options(now, ledger, RunOptions(sampling=Sampling(9)), MODELS)
    else:
        with pytest.raises(OutputError):
            refuse_other_options(now, ledger, RunOptions(sampling=Sampling(9)), MODELS)


def test_results_of_other_options_are_not_mixed_in_silence_but_once_asked_for_they_are_kept(folder: Path) -> None:
    ledger = done(folder, RunOptions(sampling=Sampling(9)), digest="other", only="ads/c.mp4")
    (folder / "ads" / "c.mp4").unlink()
    with pytest.raises(OutputError, match=r"none of them is among the inputs: --every 9 -> 0\.2"):
        refuse_other_options(plan(folder), ledger, OPTIONS, MODELS)
    refuse_other_options(plan(folder), ledger, OPTIONS, MODELS, prune=True)
    done(folder)  # with --update
    again = plan(folder)
    refuse_other_options(again, ledger, OPTIONS, MODELS)
    assert "1 video of them made with other options or weights" in list(notices(again))


def test_a_newer_table_is_refused_in_words_and_a_damaged_one_is_made_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = done(folder)
    row = ledger.read_row(plan(folder).done[0].video_id)
    with monkeypatch.context() as newer:
        newer.setattr(tables, "SCHEMA_VERSION", 9)
        ledger.store(row, FACES.empty_table(), TRACKS.empty_table(), provenance={})
    with pytest.raises(OutputError, match="schema version 9, and this one reads up to 2") as caught:
        refuse_newer_tables(plan(folder))
    assert "--update to process this video again" in caught.value.fix
    for path in (ledger.path("videos", row.video_id), ledger.path("faces", row.video_id)):
        path.write_bytes(b"PAR1")
        refuse_newer_tables(plan(folder))
        assert names(plan(folder))["todo"] == [row.video]
        assert f"results of 1 video cannot be used: processed again: {row.video}" in list(notices(plan(folder)))


def test_damage_of_a_video_that_is_not_given_stops_a_run_that_does_not_prune(folder: Path) -> None:
    ledger = done(folder)
    ledger.path("tracks", plan(folder).done[-1].video_id).unlink()
    (folder / plan(folder).todo[0].row.video).unlink()
    with pytest.raises(OutputError, match="is missing, and its video is not among the inputs") as caught:
        refuse_damage_elsewhere(plan(folder))
    assert "--prune" in caught.value.fix


def test_a_failed_video_is_tried_again_when_its_file_changed_or_on_request(folder: Path) -> None:
    done(folder, status="failed")
    again = plan(folder)
    assert (len(again.todo), len(again.done)) == (0, 3)
    assert list(notices(again)) == [
        "3 videos failed before, not tried again (--retry-failed does): a.mp4, ads/c.mp4, b.mp4"
    ]
    assert len(plan(folder, retry_failed=True).todo) == 3
    (folder / "a.mp4").write_text("repaired")
    assert names(plan(folder))["todo"] == ["a.mp4"]
    assert next(iter(notices(plan(folder)))) == "1 file changed since the last run: processed again: a.mp4"


def test_the_results_of_a_file_that_cannot_be_read_now_are_kept(folder: Path) -> None:
    done(folder)
    (folder / "a.mp4").unlink()
    (folder / "a.mp4").symlink_to("a.mp4")
    videos = [replace(video, path=folder / video.name) for video in find_videos([str(folder)])]
    ledger = Ledger(folder.parent / "out")
    kept = plan_run(videos, ledger, "same")
    assert len(kept.done) == 3
    assert "1 file cannot be read now; the results are kept: a.mp4" in list(notices(kept))
    assert len(plan_run(videos, ledger, "same", force=True).todo) == 3


def test_videos_that_are_no_longer_given_are_named(folder: Path) -> None:
    done(folder)
    (folder / "a.mp4").unlink()
    gone = plan(folder)
    assert list(gone.gone.values()) == ["a.mp4"]
    counted = "1 video with results, but not among the inputs: still counted (--prune removes it): a.mp4"
    assert list(notices(gone)) == [counted]
    assert list(notices(gone, prune=True)) == [counted.replace("still counted (--prune removes it)", "will be removed")]


def test_pruning_everything_is_refused(folder: Path, tmp_path: Path) -> None:
    ledger = done(folder)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "x.mp4").write_text("x")
    elsewhere = plan_run(find_videos([str(tmp_path / "other")]), ledger, "same")
    with pytest.raises(OutputError, match="would remove all 3 videos"):
        refuse_to_prune_all(elsewhere, ledger.out)
    (folder / "a.mp4").unlink()
    refuse_to_prune_all(plan(folder), ledger.out)
    for name in ("b.mp4", "ads/c.mp4"):  # renamed, so that each is a copy of what was done
        (folder / name).rename(folder / f"new-{Path(name).name}")
    refuse_to_prune_all(plan(folder), ledger.out)


def test_excluded_videos_are_neither_done_nor_to_do_nor_pruned(folder: Path) -> None:
    done(folder)
    (folder / "a.mp4").unlink()
    without = plan(folder, exclude=["ads", "a.mp4", "x*"])
    assert names(without) == {"todo": [], "done": ["b.mp4"]}
    assert (list(without.excluded.values()), without.gone, without.gone_excluded) == (["ads/c.mp4"], {}, ["a.mp4"])
    first, second = notices(without)
    flags = "--exclude ads --exclude a.mp4 --exclude 'x*'"
    assert first == f"2 videos excluded from all sums by {flags} (--include-all takes them back): a.mp4, ads/c.mp4"
    assert second == "--exclude 'x*' fits no video"


def test_excluding_everything_is_refused(folder: Path) -> None:
    with pytest.raises(OptionError, match="all 3 videos are excluded") as caught:
        plan(folder, exclude=["*.mp4"])
    assert "--include-all" in caught.value.fix


@pytest.mark.parametrize(
    ("pattern", "kept"),
    [("in/ads/*", "ads/*"), ("./in/a.mp4", "a.mp4"), ("a.mp4", "a.mp4"), ("else/a.mp4", "else/a.mp4"), ("*", "*")],
)
def test_a_pattern_may_begin_with_the_input_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch, pattern: str, kept: str
) -> None:
    monkeypatch.chdir(folder.parent)
    assert relative_patterns([pattern], find_videos(["in"])) == (kept,)


def test_a_long_list_of_names_is_cut(folder: Path) -> None:
    for number in range(7):
        (folder / f"{number}.mp4").write_text(str(number))
    done(folder)
    kept: Sequence[Path] = [folder / "a.mp4"]
    (sentence,) = notices(plan_run(find_videos(map(str, kept)), Ledger(folder.parent / "out"), "same"))
    assert sentence.endswith("0.mp4, 1.mp4, 2.mp4, 3.mp4, 4.mp4 and 4 more")
