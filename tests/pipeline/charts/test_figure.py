"""Matplotlib's drawings as markup for the middle of a page."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any
from xml.etree import ElementTree

import matplotlib
import pytest

from facetally.charts.figure import FEMALE, INK, UNKNOWN, VARIABLES, chart_of, described, nothing, shortened, text_width


def drawn(label: str = "label") -> str:
    """A chart with one of each: text, bar, line, dots."""
    with chart_of(100) as chart:
        axes = chart.axes(100, 0, 400, 100, (0, 1), (1, 0))
        chart.text(axes, 10, 50, label, place="units", is_bold=True)
        chart.bar(axes, 0, 0.4, 0.5, 0.2, FEMALE, opacity=0.5)
        chart.bar(axes, 0, 0.7, 0.5, 0.2, UNKNOWN)
        chart.line(axes, (0, 1), (0.5, 0.5), is_dashed=True)
        chart.dots(axes, [0.5], [0.5], colour=INK, radius=4)
        return chart.svg("A title", "What it shows.")


def test_colours_are_css_variables_only() -> None:
    markup = drawn()
    assert set(re.findall(r"(?:fill|stroke):([^;\"]+)", markup)) == {
        *("var(--ink)", "var(--female)", "var(--unknown)", "var(--soft)"),
        "none",
    }
    assert "#" not in markup


def test_places_are_those_asked_for() -> None:
    root = ElementTree.fromstring(drawn())
    assert root.attrib["viewBox"] == "0 0 400 100"
    assert root.find("path").attrib["d"].startswith("M100 40L250 40L250 60")  # type: ignore[union-attr]
    circle = root.find("circle")
    assert circle is not None
    assert [circle.attrib[name] for name in ("cx", "cy", "r")] == ["250", "50", "4"]


def test_nothing_can_clash_with_another_chart_or_with_a_strict_policy() -> None:
    for forbidden in (" id=", "url(", "<style", "<script", "href", "<?xml", "<!DOCTYPE", "<metadata", "@import"):
        assert forbidden not in drawn()


def test_a_chart_has_a_name_and_a_description_for_screen_readers() -> None:
    root = ElementTree.fromstring(drawn())
    assert (root.attrib["role"], root.attrib["aria-label"]) == ("img", "A title")
    assert root.findtext("desc") == "What it shows."


@pytest.mark.parametrize("label", ['<b>"x" & y</b>', "$x$ and \\frac", "#fe0001", "a b", "名前", "\ufffe\x00\ud800"])
def test_labels_stay_the_text_that_they_are(label: str) -> None:
    written = ElementTree.fromstring(drawn(label)).findtext("text")
    assert written == (label if label.isprintable() and "\ufffe" not in label else "\ufffd\\x00\\ud800")


def test_the_same_drawing_gives_the_same_bytes_whatever_the_users_settings() -> None:
    plain = drawn()
    own: Any = {
        "text.usetex": True,
        "svg.fonttype": "path",
        "font.size": 30,
        "axes.facecolor": "red",
        "text.color": "red",
    }
    own |= {
        "axes.grid": True,
        "savefig.bbox": "tight",
        "savefig.dpi": 300,
        "path.simplify": True,
        "font.family": "serif",
    }
    own |= {"savefig.transparent": False, "figure.autolayout": True, "lines.linewidth": 9, "patch.linewidth": 9}
    with matplotlib.rc_context(own):
        before = dict(matplotlib.rcParams)
        assert drawn() == plain
        assert dict(matplotlib.rcParams) == before


def test_pyplot_is_not_loaded_and_importing_the_charts_loads_no_matplotlib() -> None:
    code = """import sys
from facetally.charts import accuracy, ages, confusion, face_sizes, over_time, reliability, shares, timeline
assert "matplotlib" not in sys.modules and "numpy" not in sys.modules
accuracy.accuracy_by([accuracy.AccuracyRow("a", 1, 0.5, 0.1, 0.9)], 0.8, "t")
assert "matplotlib.pyplot" not in sys.modules"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_placeholder_has_its_variable() -> None:
    assert sorted(VARIABLES.values()) == ["female", "ink", "line", "male", "soft", "unknown"]


def test_long_words_lose_their_middle_and_fit() -> None:
    words = "a rather long name of a channel that ends in 2024"
    short = shortened(words, 120)
    assert text_width(short) <= 120 < text_width(words)
    assert (short[:3], short[-4:]) == ("a r", "2024")
    assert "…" in short
    assert shortened("short", 120) == "short"
    assert text_width("名前" * 4) > 4 * text_width("ab")


def test_a_description_counts_what_it_leaves_out() -> None:
    assert described(["a", "b"]) == "a. b."
    assert described(map(str, range(20))).endswith("11. And 8 more.")


def test_a_chart_of_nothing_says_so() -> None:
    root = ElementTree.fromstring(nothing("A title"))
    assert (root.attrib["aria-label"], root.findtext("text")) == ("A title", "nothing to show")
