"""Draws with matplotlib, and turns its SVG into markup for the middle of a page.

The only place that knows what matplotlib writes. Its files are meant to stand alone: they have fixed colours, ids that
would clash on a page with two charts, and a style that would apply to the whole page. Charts draw in the placeholder
colours below; the markup names CSS variables instead, so that light, dark and printed pages choose the colours.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, lru_cache
from html import escape
from io import StringIO
from typing import TYPE_CHECKING, Any, Literal
from xml.etree import ElementTree

from facetally.formatting import one_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.transforms import Transform

WIDTH = 400
"""Of a chart, in its units: about pixels on a phone, where text of 13 units is still readable."""
MAX_WIDTH_REM = 30
"""A chart does not grow beyond, for its text would become larger than that of the page."""
TEXT, SMALL = 13.0, 12.5
"""Sizes of text in units."""
FEMALE, MALE, UNKNOWN, INK, SOFT, LINE = (f"#fe000{number}" for number in range(1, 7))
VARIABLES = {FEMALE: "female", MALE: "male", UNKNOWN: "unknown", INK: "ink", SOFT: "soft", LINE: "line"}
"""The CSS variable that stands for each placeholder colour."""
DESCRIBED = 12
"""Entries that a description for screen readers lists; the table beside a chart has all."""

SETTINGS: Mapping[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "facetally",
    "text.parse_math": False,
    "font.family": ["DejaVu Sans"],
    "path.simplify": False,
    "lines.solid_capstyle": "butt",
}
"""Where we differ from matplotlib's defaults."""
OF_THE_MACHINE = ("backend", "backend_fallback", "interactive", "toolbar", "timezone")
"""Settings of a user's matplotlibrc that stay; they do not reach the markup."""
NAMESPACE, HREF = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}href"
NOT_XML = re.compile("[\ufffe\uffff]")
Align = Literal["left", "center", "right"]
Place = Literal["data", "row", "column", "units"]
"""What coordinates count: data; x in units and y in data; x in data and y in units; both in units, y from the top."""


class Chart:
    """A figure `WIDTH` units wide; made by `chart_of`."""

    def __init__(self, height: float) -> None:
        from matplotlib.figure import Figure
        from matplotlib.transforms import Affine2D

        self.height = height
        # at 72 dots per inch a point is a unit; without frame it has no white ground
        self.figure = Figure((WIDTH / 72, height / 72), dpi=72, frameon=False)
        self._count = 0
        self._units = Affine2D().scale(1, -1).translate(0, height)

    def axes(
        self,
        left: float,
        top: float,
        right: float,
        bottom: float,
        x: tuple[float, float],
        y: tuple[float, float],
    ) -> Axes:
        """Axes without frame and ticks at a place in units from the left and from the top, with limits of both."""
        place = (left / WIDTH, 1 - bottom / self.height, (right - left) / WIDTH, (bottom - top) / self.height)
        axes = self.figure.add_axes(place, xlim=x, ylim=y)
        axes.set_axis_off()
        return axes

    def transform(self, axes: Axes, place: Place = "data") -> Transform:
        """From coordinates of a kind to the figure."""
        from matplotlib.transforms import blended_transform_factory

        if place == "data":
            return axes.transData
        if place == "units":
            return self._units
        x, y = (self._units, axes.transData) if place == "row" else (axes.transData, self._units)
        return blended_transform_factory(x, y)

    def _above(self) -> int:
        """What is drawn later lies above what is drawn before."""
        self._count += 1
        return self._count

    def text(
        self,
        axes: Axes,
        x: float,
        y: float,
        words: str,
        align: Align = "left",
        *,
        place: Place = "data",
        colour: str = INK,
        size: float = TEXT,
        is_bold: bool = False,
        drop: float = 0.0,
    ) -> None:
        """Writes words, vertically centred at a point that lies `drop` units above."""
        from matplotlib.transforms import Affine2D

        # centred by the size, not by the words' outline, so that words with and without descenders line up
        transform = self.transform(axes, place) + Affine2D().translate(0, -0.36 * size - drop)
        weight = "bold" if is_bold else "normal"
        look: dict[str, Any] = {"color": colour, "size": size, "weight": weight, "ha": align, "va": "baseline"}
        axes.text(x, y, plain(words), transform=transform, zorder=self._above(), **look)

    def bar(
        self, axes: Axes, x: float, y: float, width: float, height: float, colour: str, *, opacity: float = 1.0
    ) -> None:
        """A rectangle in data; of the colour for unknown it has an outline, which tells it apart without colours."""
        from matplotlib.patches import Rectangle

        edge: dict[str, Any] = {"edgecolor": SOFT, "linewidth": 1.0} if colour == UNKNOWN else {"linewidth": 0}
        look: dict[str, Any] = {
            "facecolor": colour,
            "alpha": opacity,
            "clip_on": False,
            "zorder": self._above(),
            **edge,
        }
        axes.add_artist(Rectangle((x, y), width, height, **look))

    def line(
        self,
        axes: Axes,
        x: Iterable[float],
        y: Iterable[float],
        *,
        place: Place = "data",
        colour: str = INK,
        width: float = 1.0,
        is_dashed: bool = False,
    ) -> None:
        """A line through points; NaN breaks it."""
        from matplotlib.lines import Line2D

        look: dict[str, Any] = {
            "color": colour,
            "linewidth": width,
            "linestyle": (0, (4, 3)) if is_dashed else "-",
            "clip_on": False,
        }
        line = Line2D(list(x), list(y), transform=self.transform(axes, place), zorder=self._above(), **look)
        axes.add_artist(line)  # unlike `axes.plot` without looking for the limits of data, which are given

    def dots(self, axes: Axes, x: Iterable[float], y: Iterable[float], *, colour: str, radius: float) -> None:
        """Filled circles at points in data."""
        markers: dict[str, Any] = {"marker": "o", "markersize": 2 * radius, "markeredgewidth": 0, "linestyle": ""}
        axes.plot(list(x), list(y), color=colour, clip_on=False, zorder=self._above(), **markers)

    def svg(self, title: str, description: str) -> str:
        """The markup of what is drawn."""
        file = StringIO()
        self.figure.savefig(file, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
        root = ElementTree.fromstring(file.getvalue())
        shapes = {node.attrib["id"]: node for node in root.iter(f"{NAMESPACE}path") if "id" in node.attrib}
        body = "".join(_markup(node, shapes) for node in root)
        return wrapped(body, f'viewBox="0 0 {WIDTH} {_number(self.height)}"', title, description)


@contextmanager
def chart_of(height: float) -> Iterator[Chart]:
    """A chart to draw on; matplotlib's settings and pyplot stay as they were."""
    import matplotlib

    with warnings.catch_warnings(), matplotlib.rc_context(_settings()):
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # the browser has other fonts
        yield Chart(height)


@cache
def _settings() -> Any:
    """All settings, so that no matplotlibrc of a user changes a chart."""
    import matplotlib

    defaults = {name: value for name, value in matplotlib.rcParamsDefault.items() if name not in OF_THE_MACHINE}
    return defaults | dict(SETTINGS)


def nothing(title: str) -> str:
    """A chart of nothing."""
    words = "nothing to show"
    body = f'<text x="0" y="20" style="font-size:{TEXT:g}px;fill:var(--soft)">{words}</text>'
    return wrapped(body, f'viewBox="0 0 {WIDTH} 30"', title, words)


def slots(count: int, *, fewest: int) -> tuple[float, float]:
    """Limits of an axis with a place for each of 0, 1, 2, ...; with few of them the rest stays empty."""
    return -0.5, max(count, fewest) - 0.5


def wrapped(body: str, attributes: str, title: str, description: str, style: str = "") -> str:
    """The `<svg>` element around a body, with a name and a description for screen readers."""
    style = style or f"width:100%;max-width:{MAX_WIDTH_REM}rem;height:auto"
    return (
        f'<svg class="chart" role="img" {attributes} aria-label="{escape(plain(title))}"'
        f' style="{style};font-variant-numeric:tabular-nums"><desc>{escape(plain(description))}</desc>{body}</svg>'
    )


def plain(words: str) -> str:
    """One line that XML can hold, whatever was typed."""
    return NOT_XML.sub("\ufffd", one_line(" ".join(str(words).split())))


def described(entries: Iterable[str]) -> str:
    """Entries as sentences; beyond `DESCRIBED` their number only."""
    entries = list(entries)
    more = f" And {len(entries) - DESCRIBED} more." if len(entries) > DESCRIBED else ""
    return " ".join(f"{entry}." for entry in entries[:DESCRIBED]) + more


@lru_cache(maxsize=4096)
def text_width(words: str, size: float = TEXT) -> float:
    """About the width of words in units; browsers' fonts are rarely wider than this one."""
    import unicodedata

    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    properties = FontProperties(family="DejaVu Sans", size=size)
    narrow = "".join("m" if unicodedata.east_asian_width(c) in "WF" else c for c in plain(words))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(text_to_path.get_text_width_height_descent(narrow, properties, ismath=False)[0])


def shortened(words: str, width: float, size: float = TEXT) -> str:
    """Words that fit into a width: where they are too long, the middle is left out."""
    words = plain(words)
    if text_width(words, size) <= width:
        return words
    fits = 0
    low, high = 0, len(words) - 1
    while low <= high:  # the most characters that fit
        fits = (low + high) // 2
        if text_width(_without_middle(words, fits), size) <= width:
            low = fits + 1
        else:
            high = fits - 1
    return _without_middle(words, max(high, 0))


def _without_middle(words: str, kept: int) -> str:
    head = (2 * kept + 2) // 3
    return f"{words[:head].rstrip()}…{words[len(words) - (kept - head) :].lstrip() if kept > head else ''}"


def _markup(node: ElementTree.Element, shapes: Mapping[str, ElementTree.Element]) -> str:
    tag = node.tag.removeprefix(NAMESPACE)
    if tag == "path":
        return f'<path d="{_short_path(node.attrib["d"])}"{_style(node.attrib.get("style", ""))}/>'
    if tag == "use":
        return _circle(node, shapes[node.attrib[HREF].removeprefix("#")])
    if tag == "text":
        x, y = (_number(float(node.attrib[name])) for name in "xy")
        return f'<text x="{x}" y="{y}"{_style(node.attrib["style"])}>{escape(node.text or "", quote=False)}</text>'
    if tag == "g":
        return "".join(_markup(child, shapes) for child in node)
    return ""  # defs hold the shapes of markers, paths to clip at, and the style that would apply to the whole page


def _circle(use: ElementTree.Element, shape: ElementTree.Element) -> str:
    x, y = (_number(float(use.attrib[name])) for name in "xy")
    radius = max(abs(float(number)) for number in re.findall(r"-?\d+\.?\d*", shape.attrib["d"]))
    return f'<circle cx="{x}" cy="{y}" r="{_number(radius)}"{_style(use.attrib["style"])}/>'


def _short_path(path: str) -> str:
    short = re.sub(r"-?\d+\.?\d*(?:e-?\d+)?", lambda found: _number(float(found[0])), " ".join(path.split()))
    return re.sub(r" ?([A-Za-z]) ?", r"\1", short)


def _style(style: str) -> str:
    """The attribute `style`, with variables for placeholder colours, and the page's font."""
    kept = []
    for declaration in style.split(";"):
        name, _, value = (part.strip() for part in declaration.partition(":"))
        if name == "font":  # "bold 13px 'DejaVu Sans'"
            words = value.split("'")[0].split()
            kept += ["font-weight:600"] * ("bold" in words or "700" in words)
            kept += [f"font-size:{word}" for word in words if word.endswith("px")]
        elif name in ("font-size", "font-weight", "text-anchor", "fill", "stroke", "opacity"):
            kept.append(f"{name}:{_coloured(value)}")
        elif name.startswith("stroke-") and name not in ("stroke-linejoin", "stroke-linecap", "stroke-miterlimit"):
            kept.append(f"{name}:{value}")
    return f' style="{";".join(kept)}"' if kept else ""


def _coloured(value: str) -> str:
    return f"var(--{VARIABLES[value]})" if value in VARIABLES else value


def _number(value: float) -> str:
    """With one decimal at most: a tenth of a unit is less than a pixel."""
    short = f"{value:.1f}".removesuffix(".0")
    return "0" if short == "-0" else short
