"""The labelling page in a real browser: keys, two tabs, a server that is killed, a disk that is full."""

from __future__ import annotations

import csv
import json
import re
import resource
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from label_server import DrawnRun, ForkedLabelServer, LabelServer

from facetally.jobs.labels import validate_run

if TYPE_CHECKING:
    from playwright.sync_api import Page

Serve = Callable[..., ForkedLabelServer]
ServeCommand = Callable[..., LabelServer]
Tabs = Callable[..., "Page"]


def press(page: Page, key: str) -> None:
    """Presses a key that saves, and waits for the next picture."""
    shown = page.evaluate("document.body.dataset.shown")
    page.keyboard.press(key)
    page.wait_for_function("shown => document.body.dataset.shown !== shown", arg=shown)


def title(page: Page) -> str:
    return page.inner_text("#title")


def entries(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "truth" / "journal.jsonl").read_text().splitlines()]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def colour_key(page: Page) -> str:
    """W for a red square, M for a blue one, by the middle of the first face on the page."""
    red, _, blue = page.evaluate("""() => {
        const image = document.querySelector("#strip img");
        const canvas = Object.assign(document.createElement("canvas"), { width: 9, height: 9 });
        const brush = canvas.getContext("2d");
        brush.drawImage(image, 0, 0, 9, 9);
        return [...brush.getImageData(4, 4, 1, 1).data.slice(0, 3)];
    }""")
    return "w" if red > blue else "m"


def test_ten_appearances_are_labelled_by_keyboard_and_a_reload_shows_the_eleventh(
    serve: Serve, tabs: Tabs, tmp_path: Path
) -> None:
    page = tabs(serve())
    for number in range(1, 11):
        assert title(page) == f"Appearance {number} of 12"
        press(page, colour_key(page))
    assert len(entries(tmp_path)) == 10
    page.reload()
    page.wait_for_selector("body[data-shown]")
    assert title(page) == "Appearance 11 of 12"


def test_all_labels_give_the_verdict_of_validate(serve: Serve, tabs: Tabs, tmp_path: Path, drawn_run: DrawnRun) -> None:
    server = serve()
    page = tabs(server)
    for _ in range(12):
        press(page, colour_key(page))
    server.end()
    assert len(rows(tmp_path / "truth" / "people.csv")) == 12
    result = validate_run(drawn_run.out, tmp_path / "truth", report_folder=tmp_path / "report")
    assert result.accuracy == 1
    assert result.figures["tracks"]["false"] == 0


def test_a_killed_server_resumes_where_it_was(serve_command: ServeCommand, tabs: Tabs, tmp_path: Path) -> None:
    server = serve_command()
    page = tabs(server)
    for _ in range(3):
        press(page, "w")
    server.kill()
    page.keyboard.press("w")
    page.wait_for_selector(".failure >> text=The server does not answer")
    page = tabs(server.start())
    assert title(page) == "Appearance 4 of 12"
    assert [entry["number"] for entry in entries(tmp_path)] == [1, 2, 3]


def test_an_answer_that_is_cut_off_is_no_label(serve: Serve, tabs: Tabs) -> None:
    page = tabs(serve())
    page.route("**/api/save*", lambda route: route.fulfill(content_type="application/json", body='{"shown": '))
    page.keyboard.press("w")
    page.wait_for_selector(".failure >> text=The server does not answer")
    assert title(page) == "Appearance 1 of 12"


def test_the_server_ends_without_a_word_while_the_page_is_open(serve_command: ServeCommand, tabs: Tabs) -> None:
    server = serve_command("--target", "0.9")
    page = tabs(server)
    page.evaluate("for (let i = 0; i < 12; i++) fetch(`api/view/loop/${i}`).catch(() => 0)")
    page.keyboard.press("w")
    said = server.end()
    assert server.process.returncode == 0
    assert "appearances labelled" in said
    assert "Traceback" not in said and "ERROR" not in said


def test_two_tabs_show_different_appearances_and_lose_nothing(serve: Serve, tabs: Tabs, tmp_path: Path) -> None:
    server = serve()
    one, two = tabs(server), tabs(server)
    assert title(one) != title(two)
    for page in (one, two, one, two, two, one):
        press(page, "m")
    made = entries(tmp_path)
    assert [entry["number"] for entry in made] == [1, 2, 3, 4, 5, 6]
    assert len({(entry["video_id"], entry["track_id"]) for entry in made}) == 6


def test_undo_goes_back_to_the_appearance_and_frees_it(serve: Serve, tabs: Tabs) -> None:
    page = tabs(serve())
    press(page, "w")
    press(page, "m")
    press(page, "z")
    assert title(page) == "Appearance 2 of 12"
    assert page.get_attribute("[data-key=m]", "aria-pressed") == "false"
    assert page.inner_text("#count-track") == "1 / 12"


def test_age_and_quality_are_saved_before_the_answer(serve: Serve, tabs: Tabs, tmp_path: Path) -> None:
    server = serve()
    page = tabs(server)
    page.keyboard.press("3")
    page.keyboard.press("p")
    press(page, "w")
    server.end()
    (row,) = rows(tmp_path / "truth" / "people.csv")
    assert (row["gender"], row["age_band"], row["face_quality"]) == ("female", "young", "poor")


def test_a_full_disk_is_reported_and_the_label_is_not_counted(
    serve_command: ServeCommand, tabs: Tabs, tmp_path: Path
) -> None:
    server = serve_command()
    page = tabs(server)
    press(page, "w")
    size = (tmp_path / "truth" / "journal.jsonl").stat().st_size
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (size + 40, resource.RLIM_INFINITY))
    page.keyboard.press("m")
    page.wait_for_selector(".failure >> text=Not saved")
    assert title(page) == "Appearance 2 of 12"
    assert (tmp_path / "truth" / "journal.jsonl").stat().st_size == size
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    press(page, "m")
    assert [entry["set"]["answer"] for entry in entries(tmp_path)] == ["female", "male"]


def test_the_same_person_gets_one_name(serve: Serve, tabs: Tabs, tmp_path: Path) -> None:
    server = serve()
    page = tabs(server)
    press(page, "w")
    while not page.locator("#same-faces button").count():
        press(page, "ArrowRight")
    page.keyboard.press("s")
    page.keyboard.type("1")
    press(page, "Enter")
    server.end()
    labelled = [row for row in rows(tmp_path / "truth" / "people.csv") if row["gender"] == "female"]
    assert len(labelled) == 1
    assert "same_as" in entries(tmp_path)[-1]["set"]


def test_a_click_marks_a_missed_face(serve: Serve, tabs: Tabs, tmp_path: Path) -> None:
    server = serve()
    page = tabs(server)
    page.click("#tab-moment")
    page.wait_for_selector("body[data-shown='moment/0']")
    area = page.locator("#search-boxes").bounding_box()
    assert area
    page.mouse.click(area["x"] + area["width"] * 0.5, area["y"] + area["height"] * 0.9)
    page.keyboard.press("m")
    press(page, "Enter")
    server.end()
    missed = [row for row in rows(tmp_path / "truth" / "missed.csv") if row["x1"]]
    assert [row["gender"] for row in missed] == ["male"]
    assert float(missed[0]["x1"]) < 80 < float(missed[0]["x2"])  # of 160 pixels
    assert float(missed[0]["y2"]) <= 120


def opened_moment(page: Page) -> None:
    page.click("#tab-moment")
    page.wait_for_selector("body[data-shown='moment/0']")


def test_t_switches_the_tabs_and_back_and_enter_saves_a_frame_then(serve: Serve, tabs: Tabs) -> None:
    page = tabs(serve())
    press(page, "w")
    press(page, "t")
    assert (title(page), page.get_attribute("#tab-moment", "aria-pressed")) == ("Moment 1 of 3", "true")
    press(page, "Enter")
    assert title(page) == "Moment 2 of 3"
    press(page, "t")
    assert (title(page), page.get_attribute("#tab-track", "aria-pressed")) == ("Appearance 2 of 12", "true")


def test_the_tab_that_t_leads_to_says_so(serve: Serve, tabs: Tabs) -> None:
    page = tabs(serve())
    for shown, other in (("track", "moment"), ("moment", "track")):
        assert page.get_attribute(f"#tab-{other}", "aria-keyshortcuts") == "T"
        assert page.get_attribute(f"#tab-{shown}", "aria-keyshortcuts") is None
        assert page.is_visible(f"#tab-{other} kbd") and not page.is_visible(f"#tab-{shown} kbd")
        press(page, "t")


def test_t_says_that_there_are_no_moments(serve: Serve, tabs: Tabs) -> None:
    page = tabs(serve("--moments", "0"))
    page.keyboard.press("t")
    assert page.inner_text("#hint") == "No moments were drawn for this sample"
    assert title(page) == "Appearance 1 of 12"


def test_enter_saves_a_frame_after_a_click_on_its_tab(serve: Serve, tabs: Tabs) -> None:
    page = tabs(serve())
    opened_moment(page)
    press(page, "Enter")
    assert (title(page), page.inner_text("#count-moment")) == ("Moment 2 of 3", "1 / 3")


def test_a_clicked_button_does_not_take_the_next_space(serve: Serve, tabs: Tabs, tmp_path: Path) -> None:
    page = tabs(serve())
    page.click("[data-key=w]")
    page.wait_for_selector("body[data-shown='track/1']")
    page.wait_for_selector("#play >> text=Pause")
    page.keyboard.press("Space")
    page.wait_for_selector("#play >> text=Play")
    assert len(entries(tmp_path)) == 1


def test_a_number_that_does_not_exist_is_said_on_the_page(serve: Serve, tabs: Tabs) -> None:
    page = tabs(serve())
    page.keyboard.press("j")
    page.keyboard.type("99")
    page.keyboard.press("Enter")
    assert page.inner_text("#hint") == "There is no number 99: they go from 1 to 12"
    press(page, "ArrowRight")
    assert page.inner_text("#hint") == ""


def test_what_was_wrong_with_one_label_is_not_shown_beside_the_next(serve: Serve, tabs: Tabs) -> None:
    page = tabs(serve())
    press(page, "w")
    while not page.locator("#same-faces button").count():
        press(page, "ArrowRight")
    page.keyboard.press("s")
    page.keyboard.type("12")
    page.keyboard.press("Enter")
    page.wait_for_selector(".failure >> text=Number 12 is not labelled")
    press(page, "ArrowLeft")
    assert page.locator(".failure").count() == 0


def test_a_whole_frame_fits_into_the_window(serve: Serve, tabs: Tabs) -> None:
    page = tabs(serve())
    page.set_viewport_size({"width": 1280, "height": 500})
    opened_moment(page)
    image, boxes = (page.locator(name).bounding_box() for name in ("#search", "#search-boxes"))
    assert image and boxes and image["height"] <= 0.8 * 500 + 1
    assert boxes == pytest.approx(image, abs=1)
    assert image["width"] / image["height"] == pytest.approx(160 / 120, rel=0.01)


def test_a_table_that_somebody_else_changes_is_left_alone(serve: Serve, tabs: Tabs, tmp_path: Path) -> None:
    page = tabs(serve())
    people = tmp_path / "truth" / "people.csv"
    press(page, "w")
    page.wait_for_timeout(4000)
    people.write_text(people.read_text().replace("female", "male"))
    edited = people.read_text()
    press(page, "w")
    page.wait_for_selector("#notices >> text=was changed by somebody else")
    assert people.read_text() == edited
    assert len(entries(tmp_path)) == 2


def test_the_page_is_not_told_what_was_predicted(serve: Serve, tabs: Tabs) -> None:
    page = tabs(serve())
    assert "female_prob" not in page.content()
    answer = page.evaluate("fetch('api/item/track/0').then(got => got.text())")
    assert not re.search("predict|prob", answer)
    assert page.inner_text("#extra") == ""


def test_predictions_are_shown_on_request(serve: Serve, tabs: Tabs) -> None:
    assert "Predicted: " in tabs(serve("--show-predictions")).inner_text("#extra")


def test_uncertain_first_has_no_verdict_and_no_sample(serve: Serve, tabs: Tabs, tmp_path: Path) -> None:
    server = serve("--uncertain-first")
    page = tabs(server)
    assert "no verdict" in page.inner_text("#verdict")
    press(page, "w")
    server.end()
    assert entries(tmp_path)[0]["mode"] == "uncertain"
    assert not (tmp_path / "truth" / "sample.json").exists()


def test_no_rule_of_accessibility_is_broken(serve: Serve, tabs: Tabs) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python")
    page = tabs(serve())
    for tab in ("track", "moment"):
        page.click(f"#tab-{tab}")
        page.wait_for_selector(f"body[data-shown^='{tab}']")
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            found = axe.Axe().run(page).response["violations"]
            assert [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found] == [], (tab, scheme)


def test_nothing_is_cut_off_at_the_width_of_a_phone(serve: Serve, tabs: Tabs) -> None:
    page = tabs(serve())
    page.set_viewport_size({"width": 390, "height": 844})
    cut = """() => [...document.querySelectorAll("button, input, h1, h2, p")].filter((part) => {
        const area = part.getBoundingClientRect();
        return area.width > 2 && (area.left < 0 || area.right > 390 || part.scrollWidth > part.clientWidth + 1);
    }).map((part) => part.outerHTML)"""
    for tab in ("track", "moment"):
        page.click(f"#tab-{tab}")
        page.wait_for_selector(f"body[data-shown^='{tab}']")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert page.evaluate(cut) == []
