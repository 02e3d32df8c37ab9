"""The report in a real browser: it asks for nothing, sorts, filters, fits a phone, prints, and can be read by all."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from browser import Opens

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

SERIOUS = ("serious", "critical")


def column(page: Page, number: int) -> list[str]:
    return page.locator(f"#videos tbody tr td:nth-child({number})").all_text_contents()


def head(page: Page, name: str) -> Locator:
    return page.locator("#videos").get_by_role("columnheader", name=name, exact=True)


@pytest.fixture
def videos(open_page: Opens, of_many: Path) -> Page:
    page = open_page(of_many)
    page.locator("summary", has_text="500 videos").click()
    return page


def test_a_click_sorts_by_a_column_and_a_second_click_the_other_way(videos: Page) -> None:
    button = head(videos, "appearances").get_by_role("button")
    button.click()
    assert head(videos, "appearances").get_attribute("aria-sort") == "descending"
    assert column(videos, 2) == ["9"] * 71 + ["8"] * 29
    button.click()
    assert column(videos, 2) == ["3"] * 72 + ["4"] * 28
    assert head(videos, "appearances").get_attribute("aria-sort") == "ascending"


def test_times_and_shares_sort_by_their_size_and_names_by_the_numbers_in_them(videos: Page) -> None:
    head(videos, "screen time").get_by_role("button").click()
    assert column(videos, 5)[0] == "1:30"
    head(videos, "screen time").get_by_role("button").click()
    assert column(videos, 5)[0] == "30.0 s"
    head(videos, "video").get_by_role("button").click()
    assert column(videos, 1)[:2] == ["channel 0/film 0.mp4", "channel 0/film 12.mp4"]
    assert videos.locator("[aria-sort]").count() == 1


def test_the_table_sorts_by_keyboard(videos: Page) -> None:
    head(videos, "women by appearance").get_by_role("button").focus()
    videos.keyboard.press("Enter")
    assert column(videos, 3)[0] == "66.7 %"


def test_the_filter_needs_all_words_and_looks_at_all_videos(videos: Page) -> None:
    videos.get_by_label("Only videos with this in their name").fill("FILM 499")
    assert column(videos, 1) == ["channel 7/film 499.mp4"]
    assert videos.get_by_role("status").text_content() == "1 of 500 videos"
    videos.get_by_label("Only videos with this in their name").fill("")
    assert len(column(videos, 1)) == 100


def test_a_hundred_rows_are_shown_until_more_are_wanted(videos: Page) -> None:
    assert len(column(videos, 1)) == 100
    assert videos.get_by_role("status").text_content() == "500 videos, the first 100 shown"
    videos.get_by_role("button", name="Show 100 more").click()
    assert len(column(videos, 1)) == 200
    videos.get_by_role("button", name="Show all").click()
    assert column(videos, 1)[-1] == "channel 7/film 499.mp4"
    assert not videos.get_by_role("button", name="Show all").is_visible()


def test_a_row_has_few_nodes(videos: Page) -> None:
    count = videos.evaluate("document.querySelector('#videos tbody tr').querySelectorAll('*').length")
    assert count <= 9  # seven cells and two bars


def test_printing_opens_all_folds_and_shows_all_rows(videos: Page) -> None:
    videos.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert videos.locator("details:not([open])").count() == 0
    assert len(column(videos, 1)) == 500
    videos.evaluate("dispatchEvent(new Event('afterprint'))")
    assert videos.locator("details:not([open])").count() > 0
    assert len(column(videos, 1)) == 100


@pytest.mark.parametrize(("width", "scheme"), [*itertools.product((1280, 390), ("light", "dark"))])
def test_nothing_is_wider_than_the_window(open_page: Opens, every_part: Path, width: int, scheme: str) -> None:
    page = open_page(every_part, width, color_scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach(fold => fold.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    outside = (
        "[...document.querySelectorAll('svg, p, figure')].filter(e => e.getBoundingClientRect().right > innerWidth)"
    )
    assert page.evaluate(f"{outside}.length") == 0


@pytest.mark.parametrize(("name", "scheme"), [*itertools.product(("every_part", "of_many"), ("light", "dark"))])
def test_it_is_accessible(open_page: Opens, request: pytest.FixtureRequest, name: str, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = open_page(request.getfixturevalue(name), color_scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach(fold => fold.open = true)")
    found = axe.run(page).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in SERIOUS] == []


def test_without_its_script_everything_is_there(browser: object, of_many: Path) -> None:
    context = browser.new_context(java_script_enabled=False)  # type: ignore[attr-defined]
    page = context.new_page()
    page.goto(of_many.as_uri())
    assert page.locator("#videos tbody tr").count() == 500
    assert page.locator("button").count() == 0
    context.close()
