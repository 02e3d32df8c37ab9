"""Each chart: what it shows lies where the numbers say, and any numbers give a readable chart."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facetally.charts.accuracy import AccuracyRow, accuracy_by
from facetally.charts.ages import AgeBand, age_pyramid
from facetally.charts.confusion import confusion
from facetally.charts.face_sizes import SizeBin, face_sizes
from facetally.charts.over_time import TimePoint, share_over_time
from facetally.charts.reliability import ReliabilityBin, reliability
from facetally.charts.shares import ShareRow, shares_with_intervals

NAN = math.nan
Paths = list[tuple[list[tuple[float, float]], str]]


def texts(markup: str) -> list[str]:
    return [node.text or "" for node in ElementTree.fromstring(markup).iter("text")]


def paths(markup: str, style: str) -> Paths:
    """Corners and style of the shapes whose style holds these words."""
    found = []
    for node in ElementTree.fromstring(markup).iter("path"):
        if style in node.attrib["style"]:
            numbers = [float(number) for number in re.findall(r"-?\d+\.?\d*", node.attrib["d"])]
            found.append((list(zip(numbers[::2], numbers[1::2], strict=True)), node.attrib["style"]))
    return found


def widths(markup: str, style: str) -> list[float]:
    return [max(x for x, _ in corners) - min(x for x, _ in corners) for corners, _ in paths(markup, style)]


def test_shares_are_bars_from_zero_with_their_interval() -> None:
    markup = shares_with_intervals([ShareRow("all", 0.5, 0.25, 0.75), ShareRow("some", 0.25)], "Shares")
    whole = max(widths(markup, "var(--line)"))
    assert widths(markup, "var(--female)") == pytest.approx([whole / 2, whole / 4], abs=0.2)
    assert max(widths(markup, "var(--ink)")) == pytest.approx(whole / 2, abs=0.2)
    assert {"50.0 %", "25.0–75.0 %", "25.0 %", "Line: 95 % interval."} <= set(texts(markup))


def test_the_strip_of_unknowns_is_outlined() -> None:
    markup = shares_with_intervals([ShareRow("all", 0.5, lowest=0.4, highest=0.6)], "Shares")
    (_, style), *others = paths(markup, "var(--unknown)")
    assert not others
    assert "stroke:var(--soft)" in style


def test_hidden_and_undefined_shares_are_words_without_a_bar() -> None:
    markup = shares_with_intervals([ShareRow("few", None), ShareRow("nobody", NAN)], "Shares")
    assert set(texts(markup)) == {"few", "nobody", "hidden", "–"}
    assert not paths(markup, "var(--female)")


def test_women_men_and_unknown_of_an_age_share_one_scale() -> None:
    markup = age_pyramid([AgeBand("young", 100, 50, 25), AgeBand("old", 10, 20, 0)], "Ages", "appearances")
    per_woman = max(widths(markup, "var(--female)")) / 100
    assert widths(markup, "fill:var(--male)") == pytest.approx([20 * per_woman, 50 * per_woman], abs=0.2)
    assert widths(markup, "fill:var(--unknown)") == pytest.approx([25 * per_woman], abs=0.2)
    assert "unknown" not in texts(age_pyramid([AgeBand("young", 1, 1, 0)], "Ages", "people"))


def test_the_oldest_are_on_top_and_screen_time_is_a_clock() -> None:
    markup = age_pyramid([AgeBand("child", 125, 61, 0), AgeBand("old", None, 3, 0)], "Ages", "screen time")
    assert [words for words in texts(markup) if words in ("child", "old")] == ["old", "child"]
    assert {"2:05", "1:01", "hidden", "3.0 s"} <= set(texts(markup))


def test_a_line_over_time_has_a_gap_where_nobody_is() -> None:
    points = [TimePoint(str(i), *((20, 20, 0) if i != 3 else (0, 0, 4))) for i in range(7)]
    lines = paths(share_over_time(points, "Time", "appearances"), "stroke:var(--female)")
    assert [len(corners) for corners, _ in lines] == [3, 3]


def test_a_line_over_time_is_thin_where_few_are() -> None:
    points = [TimePoint(str(i), *((20, 20, 0) if i < 3 else (2, 2, 0))) for i in range(6)]
    markup = share_over_time(points, "Time", "appearances")
    styles = [style for _, style in paths(markup, "stroke:var(--female)")]
    assert ["stroke-width:2.5" in style for style in styles] == [True, False]
    assert "Thin or small: under 10 appearances." in texts(markup)
    assert "Thin or small: under 10 appearances." not in texts(share_over_time(points[:3], "Time", "appearances"))


def test_lonely_points_and_hidden_ones() -> None:
    points = [TimePoint("a", None, None, None), TimePoint("b", 30, 10, 0), TimePoint("c", None, None, None)]
    root = ElementTree.fromstring(share_over_time(points, "Time", "people"))
    assert len(list(root.iter("circle"))) == 1
    assert "a: women hidden" in (root.findtext("desc") or "")
    assert "b: women 75.0 % of 40" in (root.findtext("desc") or "")


def test_columns_of_face_sizes_begin_at_zero_and_carry_their_count() -> None:
    markup = face_sizes([SizeBin(0, 23, 50, 0.7), SizeBin(24, math.inf, 100, 0.9)], "Sizes")
    heights = [max(y for _, y in c) - min(y for _, y in c) for c, _ in paths(markup, "fill:var(--soft)")]
    assert heights == pytest.approx([60, 120], abs=0.2)
    assert {"0–23", "24+", "50", "100", "70 %", "90 %", "accuracy to expect"} <= set(texts(markup))
    assert "accuracy to expect" not in texts(face_sizes([SizeBin(0, 23, 50)], "Sizes"))


def test_accuracy_begins_at_half_only_where_all_intervals_lie_above() -> None:
    good = AccuracyRow("good", 100, 0.9, 0.8, 0.95)
    assert {"50 %", "100 %", "target 85.0 %", "90.0 %", "of 100"} <= set(texts(accuracy_by([good], 0.85, "Accuracy")))
    few = AccuracyRow("few", 2, 0.5, 0.1, 0.9)
    assert "0 %" in texts(accuracy_by([good, few], 0.85, "Accuracy"))


def test_the_target_is_a_dashed_line_at_its_place() -> None:
    markup = accuracy_by([AccuracyRow("a", 9, 0.75, 0.6, 0.9)], 0.75, "Accuracy")
    ((target, _),) = paths(markup, "stroke-dasharray")
    circle = next(ElementTree.fromstring(markup).iter("circle"))
    assert target[0][0] == pytest.approx(float(circle.attrib["cx"]), abs=0.1)
    assert not paths(accuracy_by([AccuracyRow("a", 9, 0.75, 0.6, 0.9)], None, "Accuracy"), "stroke-dasharray")


def test_a_confusion_is_shaded_by_the_share_of_its_row() -> None:
    counts = {("female", "female"): 30, ("female", "male"): 10, ("male", "female"): 0, ("male", "male"): 4}
    markup = confusion(counts, "Confusion")
    opacities = [float(re.findall(r"opacity:([\d.]+)", style)[0]) for _, style in paths(markup, "fill:var(--ink)")]
    assert opacities == pytest.approx([0.225, 0.075, 0.3])
    assert [words for words in texts(markup) if words.isdigit()] == ["30", "10", "0", "4"]


def test_probabilities_that_are_right_lie_on_the_diagonal() -> None:
    markup = reliability([ReliabilityBin(0.25, 0.25, 0.1, 0.5, 40)], "Reliability")
    circle = next(ElementTree.fromstring(markup).iter("circle"))
    ((diagonal, _),) = paths(markup, "stroke-dasharray")
    (left, bottom), (right, top) = diagonal
    assert float(circle.attrib["cx"]) == pytest.approx(left + (right - left) / 4, abs=0.2)
    assert float(circle.attrib["cy"]) == pytest.approx(bottom + (top - bottom) / 4, abs=0.2)
    assert "40" in texts(markup)


LABELS = st.one_of(st.text(max_size=60), st.sampled_from(['<b>&"', "x" * 300, "$a$", "名" * 30]))
AMOUNTS = st.one_of(st.none(), st.just(NAN), st.integers(0, 10**7), st.floats(0, 1e6))
RATIOS = st.one_of(st.none(), st.just(NAN), st.floats(0, 1))
COUNTS = st.integers(0, 10**6)
MADE: dict[str, st.SearchStrategy[str]] = {
    "shares": st.lists(st.builds(ShareRow, LABELS, *[RATIOS] * 5), max_size=8).map(
        lambda x: shares_with_intervals(x, "t")
    ),
    "ages": st.lists(st.builds(AgeBand, LABELS, AMOUNTS, AMOUNTS, AMOUNTS), max_size=9).map(
        lambda x: age_pyramid(x, "t", "screen time")
    ),
    "time": st.lists(st.builds(TimePoint, LABELS, AMOUNTS, AMOUNTS, AMOUNTS), max_size=8).map(
        lambda x: share_over_time(x, "t", "people")
    ),
    "sizes": st.lists(
        st.builds(SizeBin, st.integers(0, 400), st.just(math.inf), st.none() | COUNTS, RATIOS), max_size=12
    ).map(lambda x: face_sizes(x, "t")),
    "accuracy": st.lists(st.builds(AccuracyRow, LABELS, st.none() | COUNTS, RATIOS, RATIOS, RATIOS), max_size=8).map(
        lambda x: accuracy_by(x, 0.85, "t")
    ),
    "confusion": st.dictionaries(st.tuples(LABELS, LABELS), COUNTS, max_size=12).map(lambda x: confusion(x, "t")),
    "reliability": st.lists(
        st.builds(ReliabilityBin, st.floats(0, 1), RATIOS, RATIOS, RATIOS, COUNTS), max_size=12
    ).map(lambda x: reliability(x, "t")),
}


@pytest.mark.parametrize("name", MADE)
def test_any_numbers_and_labels_give_a_chart_inside_its_frame(name: str) -> None:
    @settings(max_examples=8)
    @given(MADE[name])
    def check(markup: str) -> None:
        root = ElementTree.fromstring(markup)
        height = float(root.attrib["viewBox"].split()[3])
        assert all(0 <= float(node.attrib["x"]) <= 400 for node in root.iter("text"))
        assert all(0 <= float(node.attrib["y"]) <= height for node in root.iter("text"))
        assert not any("nan" in value for node in root.iter("path") for value in node.attrib.values())
        points = [
            float(number) for node in root.iter("path") for number in re.findall(r"-?\d+\.?\d*", node.attrib["d"])
        ]
        assert all(-3 <= point <= max(403, height) for point in points)

    check()


@pytest.mark.parametrize(
    "chart", [shares_with_intervals, lambda x, t: age_pyramid(x, t, "people"), face_sizes, reliability, confusion]
)
def test_an_empty_chart_says_that_there_is_nothing(chart: Callable[..., str]) -> None:
    assert texts(chart({} if chart is confusion else [], "t")) == ["nothing to show"]
