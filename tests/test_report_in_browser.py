"""The pages in a real browser: Debian's Chromium, which must be there, driven as a person would."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browsing import opened, running_browser
from report_runs import write_metrics
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from ganctl.report.comparison import Comparison
from ganctl.report.run_report import write_report
from ganctl.run_folder.paths import RunFolder


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with running_browser(tmp_path_factory.mktemp("browser")) as driver:
        yield driver


@pytest.fixture(scope="module")
def run(reported_run: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = RunFolder(Path(shutil.copytree(reported_run.path, tmp_path_factory.mktemp("browsed") / "run")))
    write_metrics(folder, [(2, 0.5), (4, 0.3), (8, 0.1)])
    shutil.copy(folder.real_samples, folder.nearest_pairs)
    folder.append_log("Warning: </script><script>document.title='owned'</script>")
    return folder


@pytest.fixture
def page(browser: Any, run: RunFolder) -> Iterator[Any]:
    """The report, opened from the disk; afterwards nothing must have gone wrong or out."""
    with opened(browser, write_report(run)) as page:
        yield page


def shown_range(page: Any) -> tuple[int, int]:
    first, last = (page.find_element(By.ID, name).get_property("value") for name in ("zoom-from", "zoom-to"))
    return int(first), int(last)


def pixels(page: Any, panel: Any) -> str:
    """What a plot looks like."""
    return str(page.execute_script("return arguments[0].querySelector('canvas').toDataURL()", panel))


def plots(page: Any, place: str) -> dict[str, Any]:
    panels = page.find_elements(By.CSS_SELECTOR, f"#{place} .panel")
    return {panel.find_element(By.CSS_SELECTOR, "h3 span").text: panel for panel in panels}


def drag(page: Any, panel: Any, left: float, right: float) -> None:
    """Drag across a plot from one share of its width to another."""
    area = panel.find_element(By.CSS_SELECTOR, ".u-over")
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", area)
    width = area.size["width"]
    chain = ActionChains(page, duration=50)
    chain.move_to_element_with_offset(area, int((left - 0.5) * width), 0).click_and_hold()
    chain.move_by_offset(int((right - left) * width), 5).release().perform()


def test_the_slider_moves_with_the_arrow_keys_and_changes_picture_and_scores(page: Any) -> None:
    slider, grid = page.find_element(By.ID, "step"), page.find_element(By.CSS_SELECTOR, "img.grid")
    line = page.find_element(By.CSS_SELECTOR, ".evaluation")
    at_the_end = grid.get_attribute("src")
    assert "Scores after 8 iterations" in line.text
    assert "KID-Lite0 0.1 (floor 0.01)" in line.text
    slider.send_keys(Keys.ARROW_LEFT)
    before = grid.get_attribute("src")
    assert before.startswith("data:image/png;base64,")
    assert before != at_the_end
    assert slider.get_attribute("aria-valuetext") == "iteration 4"
    assert grid.get_attribute("alt") == "sample grid after 4 iterations"
    assert "Scores after 4 iterations" in line.text
    slider.send_keys(Keys.HOME)
    assert slider.accessible_name == "Samples after"
    assert grid.get_attribute("alt") == "sample grid after 0 iterations"


def test_every_picture_is_shown(page: Any) -> None:
    sizes = page.execute_script(
        "return [...document.images].map(image => [image.className || image.id, image.naturalWidth])"
    )
    assert [name for name, _ in sizes] == ["grid", "real", "nearest"]
    assert all(width > 8 for _, width in sizes)


def test_dragging_zooms_every_plot_and_a_double_click_shows_all(page: Any) -> None:
    curves, scores = plots(page, "curves"), plots(page, "scores")
    whole = pixels(page, curves["Losses"]), pixels(page, scores["KID-Lite0"])
    assert shown_range(page) == (0, 8)
    drag(page, curves["Losses"], 0.25, 0.75)
    WebDriverWait(page, 5).until(lambda _: shown_range(page) == (2, 6))
    WebDriverWait(page, 5).until(lambda _: pixels(page, curves["Losses"]) != whole[0])
    assert pixels(page, scores["KID-Lite0"]) != whole[1], "plots are zoomed together"
    area = curves["Gradient norms"].find_element(By.CSS_SELECTOR, ".u-over")
    ActionChains(page).double_click(area).perform()
    WebDriverWait(page, 5).until(lambda _: shown_range(page) == (0, 8))


def test_the_keyboard_zooms_too(page: Any) -> None:
    before = pixels(page, plots(page, "curves")["Losses"])
    field = page.find_element(By.ID, "zoom-from")
    field.send_keys(Keys.CONTROL, "a")
    field.send_keys("5", Keys.ENTER)
    WebDriverWait(page, 5).until(lambda _: pixels(page, plots(page, "curves")["Losses"]) != before)
    assert shown_range(page) == (5, 8)
    page.find_element(By.CSS_SELECTOR, "#zoom button").send_keys(Keys.ENTER)
    assert shown_range(page) == (0, 8)


def test_floors_are_drawn_and_can_be_hidden(page: Any) -> None:
    kid = plots(page, "scores")["KID-Lite0"]
    legend = [row.text for row in kid.find_elements(By.CSS_SELECTOR, ".u-legend tr") if row.is_displayed()]
    assert [row.rstrip("-") for row in legend] == ["iteration", "KID-Lite0", "floor"]
    drawn = pixels(page, kid)
    kid.find_elements(By.CSS_SELECTOR, ".u-legend th")[-1].click()
    WebDriverWait(page, 5).until(lambda _: pixels(page, kid) != drawn)


def test_norms_are_logarithmic_until_asked_otherwise(page: Any) -> None:
    norms = plots(page, "curves")["Gradient norms"]
    check = norms.find_element(By.CSS_SELECTOR, "input[type=checkbox]")
    assert check.is_selected()
    before = pixels(page, norms)
    check.send_keys(Keys.SPACE)
    WebDriverWait(page, 5).until(lambda _: pixels(page, norms) != before)


def test_what_a_log_says_is_shown_and_never_run(page: Any) -> None:
    assert page.title == "run · ganctl"
    assert "</script><script>document.title='owned'</script>" in page.find_element(By.CSS_SELECTOR, ".warning").text


def test_dark_mode_is_dark(page: Any) -> None:
    def ground(scheme: str) -> tuple[str, str]:
        page.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        )
        colour = page.execute_script("return getComputedStyle(document.body).backgroundColor")
        return colour, pixels(page, plots(page, "curves")["Losses"])

    light, dark = ground("light"), ground("dark")
    ground("light")
    assert light[0] == "rgb(255, 255, 255)"
    assert dark[0] == "rgb(20, 23, 29)"
    assert light[1] != dark[1], "plots change their colours, too"


def test_nothing_is_wider_than_the_screen(page: Any) -> None:
    fits = "return document.documentElement.scrollWidth <= window.innerWidth"
    for width in (1300, 500):
        page.set_window_size(width, 1000)  # the plots follow a frame later
        WebDriverWait(page, 5).until(lambda page: page.execute_script(fits), f"wider than {width} pixels")
    page.set_window_size(1300, 1000)


def test_a_page_of_a_run_that_has_nothing_yet_opens(browser: Any, tmp_path: Path) -> None:
    (tmp_path / "samples").mkdir()
    (tmp_path / "config.yaml").write_text("name: nothing\n")
    with opened(browser, write_report(RunFolder(tmp_path))) as page:
        assert not page.find_element(By.ID, "step").is_displayed()
        assert not page.find_element(By.ID, "zoom").is_displayed()
        assert "No sample grids yet." in page.find_element(By.TAG_NAME, "body").text


def test_runs_are_compared_side_by_side(browser: Any, run: RunFolder, tmp_path: Path) -> None:
    other = RunFolder(Path(shutil.copytree(run.path, tmp_path / "other")))
    other.sample_grid(4).unlink()
    rows = other.losses.read_text().splitlines(keepends=True)
    other.losses.write_text("".join(rows[:6]))
    Comparison.read([run, other]).write_page(tmp_path / "compare.html")
    with opened(browser, tmp_path / "compare.html") as page:
        captions = [when.text for when in page.find_elements(By.CLASS_NAME, "when")]
        assert captions == ["after 8 iterations", "after 8 iterations"]
        page.find_element(By.ID, "step").send_keys(Keys.ARROW_LEFT)
        captions = [when.text for when in page.find_elements(By.CLASS_NAME, "when")]
        assert captions == ["after 4 iterations", "after 0 iterations"]
        legend = plots(page, "curves")["d_loss"].find_elements(By.CSS_SELECTOR, ".u-legend tr")
        assert [row.text.rstrip("-") for row in legend] == ["iteration", "run", "other"]
        drag(page, plots(page, "curves")["d_loss"], 0.25, 0.75)
        WebDriverWait(page, 5).until(lambda _: shown_range(page) == (2, 6))


def test_the_rows_of_a_grid_have_a_caption_that_stays_while_the_slider_moves(browser: Any, run: RunFolder) -> None:
    folder = RunFolder(Path(shutil.copytree(run.path, run.path.with_name("translating"))))
    grids = {"translated": {"rows": ["input", "output", "truth"], "inputs": "held-out images"}}
    folder.info.write_text(json.dumps({**json.loads(folder.info.read_text()), "grids": grids}))
    with opened(browser, write_report(folder)) as page:
        seen = set()
        for keys in (Keys.HOME, Keys.END):
            page.find_element(By.CSS_SELECTOR, "#slider input").send_keys(keys)
            figure = page.find_element(By.CSS_SELECTOR, ".pictures figure")
            seen.add((figure.text, figure.find_element(By.TAG_NAME, "img").get_attribute("src")))
    rows = "Rows, repeating from the top: input (held-out images), output, truth."
    assert {text for text, _ in seen} == {f"Generated, after {step} iterations\n{rows}" for step in (0, 8)}
    assert len({source for _, source in seen}) == 2, "two grids"
