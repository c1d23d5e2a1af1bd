"""Pages that draw (`ganctl export --format html`), opened from the disk in a real browser without a network."""

import base64
import gzip
import hashlib
import html
import io
import json
import re
import tarfile
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browsing import opened, running_browser
from conftest import home_shape, shapes_of
from make_archived_runs import ARCHIVES
from PIL import Image
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

import ganctl
from ganctl import models
from ganctl.build import resolving
from ganctl.build.networks import make_networks
from ganctl.experiment.experiment import Experiment
from ganctl.game import state as game_state
from ganctl.game.inputs import to_pixels
from ganctl.game.noise import Key
from ganctl.game.sampler import drawing_role
from ganctl.generation import walks
from ganctl.generation.directions import directions_of
from ganctl.generation.export import Generator, export
from ganctl.generation.formats import Subject, formats
from ganctl.generation.loading import TrainedGenerator
from ganctl.generation.translator import Translator
from ganctl.images.bands import premultiplied, straight, visible
from ganctl.images.resize import to_channels
from ganctl.lazy import keras
from ganctl.run_folder import checkpoint

PAGE = Path(ganctl.__file__).parent / "generation" / "page"
PATIENCE = 60
"""Seconds, on a machine that does other things as well."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("browser")


@pytest.fixture(scope="module")
def browser(folder: Path) -> Iterator[Any]:
    with running_browser(folder) as driver:
        driver.execute_cdp_cmd("Network.enable", {})
        denied = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
        driver.execute_cdp_cmd("Network.emulateNetworkConditions", denied)
        yield driver


@pytest.fixture(scope="module")
def archived(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return what unpacks the run that an earlier version left of a model, once."""

    @cache
    def unpack(model: str) -> Path:
        folder = tmp_path_factory.mktemp("archived")
        with tarfile.open(ARCHIVES / f"{model}.tar.xz") as archive:
            archive.extractall(folder / model, filter="data")
        return folder / model

    return unpack


@pytest.fixture(scope="module")
def page_of(archived: Callable[[str], Path]) -> Callable[[str], Path]:
    """Return what writes the page of an archived run, once."""

    @cache
    def write(model: str) -> Path:
        path = archived(model).parent / f"{model}.html"
        export(Generator.load(archived(model), every_direction=True), "html", path)
        return path

    return write


def until(page: Any, script: str, *arguments: Any) -> Any:
    """Wait until a script returns something true."""
    return WebDriverWait(page, PATIENCE).until(lambda page: page.execute_script(f"return {script}", *arguments))


def ready(page: Any) -> None:
    until(page, "document.body.dataset.ready || document.querySelector('#state.warning')")
    assert page.find_elements(By.CSS_SELECTOR, "#state.warning") == []
    until(page, "!document.getElementById('sheet') || document.getElementById('sheet').dataset.drawn")


def pixels(page: Any, *canvases: Any) -> np.ndarray:
    """What canvases hold, uint8 [N, H, W, 4]."""
    script = "return arguments[0].map(canvas => canvas.toDataURL().split(',')[1])"
    pictures = page.execute_script(script, list(canvases))
    return np.stack([np.asarray(Image.open(io.BytesIO(base64.b64decode(p))).convert("RGBA")) for p in pictures])


def sheet(page: Any) -> np.ndarray:
    return pixels(page, *page.find_elements(By.CSS_SELECTOR, "#sheet canvas"))


def difference(page_shows: np.ndarray, images: np.ndarray) -> int:
    """By how many grey levels pictures differ at most; as many as there are images are compared."""
    expected = np.broadcast_to(visible(images), (*images.shape[:3], 3)).astype(int)
    assert expected.std() > 1, "pictures of something"
    assert (page_shows[..., 3] == 255).all()
    return int(np.abs(page_shows[: len(images), ..., :3] - expected).max())


@pytest.mark.parametrize(
    "model",
    ["dcgan", "infogan", *(pytest.param(m, marks=pytest.mark.slow) for m in ("acgan_mnist", "sngan", "decoupled_gan"))],
)
def test_an_archived_run_draws_on_a_page_what_sample_draws(
    model: str, browser: Any, page_of: Callable[[str], Path], archived: Callable[[str], Path]
) -> None:
    """The noise is made in the page."""
    with opened(browser, page_of(model), "#seed=5") as page:
        ready(page)
        assert difference(sheet(page), ganctl.load(archived(model)).sample(32, seed=5)) <= 1


def run_script(browser: Any, name: str, expression: str, *arguments: Any) -> Any:
    """What an expression comes to with the functions of one of the page's scripts."""
    source = re.sub(r"^export ", "", (PAGE / f"{name}.js").read_text("utf-8"), flags=re.MULTILINE)
    return browser.execute_script(f"{source}\nreturn {expression}", *arguments)


@pytest.mark.parametrize("seed", [0, 7, -3, 2**40 + 5])
@pytest.mark.parametrize("batch", [0, 3])
def test_the_noise_of_the_page_is_ganctls(browser: Any, seed: int, batch: int) -> None:
    browser.get("about:blank")
    key = Key(seed, batch, "sample")
    stream = f"new Stream({seed}, {batch}, \"'sample', 'latent'\")"
    bits = run_script(browser, "noise", f"(s => {list(range(99))}.map(n => s.bits(n)))({stream})")
    np.testing.assert_array_equal(bits, key.bits("latent", [99]).numpy())

    def drawn(**settings: Any) -> np.ndarray:
        vector = "[...latentVector(given[0], 128 * given[1] + n, given[2])]"
        script = f"(given => Array.from({{length: 128}}, (_, n) => {vector}))(arguments)"
        return np.array(run_script(browser, "noise", script, seed, batch, settings))

    normal, uniform = {"distribution": "normal"}, {"distribution": "uniform"}
    second = key.narrow("latent input", 1)
    np.testing.assert_allclose(drawn(input=0, width=7, **normal), key.latent([128, 7], "normal"), atol=3e-6)
    np.testing.assert_array_equal(drawn(input=0, width=6, **uniform), key.latent([128, 6], "uniform"))
    np.testing.assert_allclose(drawn(input=1, width=3, **normal), second.latent([128, 3], "normal"), atol=3e-6)
    for truncation in (0.1, 0.7, 2.5):
        found = drawn(input=0, width=7, truncation=truncation, **normal)
        np.testing.assert_allclose(found, key.latent([128, 7], "normal", truncation), atol=3e-6)


@pytest.mark.parametrize("text", ["", "x" * 127, "x" * 128, "x" * 129, "é" * 300])
def test_the_hash_of_the_page_is_blake2b(browser: Any, text: str) -> None:
    """Of texts of one block, and of several."""
    expected = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")
    assert run_script(browser, "noise", "String(blake2b8(arguments[0]))", text) == str(expected)


def as_canvas(image: np.ndarray, *, alpha: bool = False) -> np.ndarray:
    """What a canvas should hold of an image [H, W, C], straight colours: uint8 [H, W, 4]."""
    if alpha:
        colours, opacity = straight(image)[..., :-1], image[..., -1:]
    else:
        colours, opacity = visible(image), np.full((*image.shape[:2], 1), 255, np.uint8)
    return np.concatenate([np.broadcast_to(colours, (*image.shape[:2], 3)), opacity], axis=-1)


@pytest.mark.parametrize(("channels", "alpha"), [(1, False), (2, False), (2, True), (3, False), (4, True), (5, False)])
def test_images_of_any_channels_are_shown_and_taken_as_everywhere_in_ganctl(
    browser: Any, channels: int, alpha: bool
) -> None:
    browser.get("about:blank")
    random = np.random.default_rng(channels)
    levels = random.integers(0, 256, (2, 3, 4, channels), np.uint8)
    if alpha:
        levels = premultiplied(levels)
    values = levels.astype(np.float32) / np.float32(127.5) - np.float32(1.0)
    given = {"data": values.ravel().tolist(), "shape": list(values.shape)}
    script = "[...asImage(arguments[0], arguments[1], arguments[2]).data]"
    shown = np.array(run_script(browser, "pixels", script, given, 1, alpha), np.uint8).reshape(3, 4, 4)
    np.testing.assert_array_equal(shown, as_canvas(levels[1], alpha=alpha))
    if channels > 4:
        return
    picture = random.integers(0, 256, (3, 4, 4), np.uint8)
    if not alpha:
        picture[..., 3] = 255
    image = "{width: 4, height: 3, data: Uint8ClampedArray.from(arguments[0])}"
    script = f"(({{data, shape}}) => ({{data: [...data], shape}}))(asInput({image}, arguments[1], arguments[2]))"
    taken = run_script(browser, "pixels", script, picture.ravel().tolist(), channels, alpha)
    assert taken["shape"] == [1, 3, 4, channels]
    colours = to_channels(np.ascontiguousarray(picture[..., :3]), 1 if channels - alpha < 3 else 3)
    expected = premultiplied(np.concatenate([colours, picture[..., 3:]], axis=-1)) if alpha else colours
    found = (np.array(taken["data"]).reshape(3, 4, channels) + 1.0) * 127.5
    assert np.abs(found - np.broadcast_to(expected, found.shape)).max() <= (1.01 if channels - alpha < 3 else 0.01)


def test_grey_levels_are_rounded_as_ganctl_rounds_them(browser: Any) -> None:
    browser.get("about:blank")
    values = [*np.linspace(-1.2, 1.2, 999), *((np.arange(0, 255) + 0.5) / 127.5 - 1.0)]
    found = run_script(browser, "pixels", "arguments[0].map(level)", values)
    expected = np.round((np.array(values) + 1.0) * 127.5).clip(0, 255)
    np.testing.assert_array_equal(found, expected)


def test_walks_are_those_of_interpolate(browser: Any) -> None:
    browser.get("about:blank")
    first, last = np.random.default_rng(0).normal(size=(2, 12)).astype(np.float32)
    for share in (0.0, 0.3, 1.0):
        for name, path in (("slerp", walks.slerp), ("lerp", walks.lerp)):
            for end in (last, 2 * first):  # on one line, too
                found = run_script(browser, "vectors", f"{name}(...arguments)", first.tolist(), end.tolist(), share)
                np.testing.assert_allclose(found, path(first, end, share), atol=1e-6)


def stub(folder: Path, classes: int, distribution: str = "normal", name: str = "class") -> Path:
    """Write the page of a network that shows its class, and its numbers as they are."""
    latent, one_hot = keras.Input([8], name="latent"), keras.Input([classes], name="classes")
    number = keras.layers.Dense(1, use_bias=False)
    shade = number(one_hot)
    network = keras.Model(
        {"latent": latent, "classes": one_hot},
        keras.layers.Reshape([3, 3, 1])(keras.layers.Concatenate()([shade, latent])),
        name="exported",
    )
    number.kernel.assign(np.linspace(-1.0, 1.0, classes)[:, np.newaxis])
    names = tuple(f"{name} {index}" for index in range(classes))
    write_all = formats()["html"].write_all
    assert write_all
    subject = Subject(network, "stub", distribution=distribution, class_names=names, num_classes=classes)
    write_all([subject], folder / "stub.html")
    return folder / "stub.html"


def test_many_classes_are_a_list_and_numbers_of_a_cube_stay_in_it(browser: Any, tmp_path: Path) -> None:
    with opened(browser, stub(tmp_path, 51, "uniform")) as page:
        ready(page)
        assert page.find_elements(By.ID, "truncation") == [], "only normal numbers have tails"
        choices = page.find_elements(By.TAG_NAME, "select")
        assert [len(Select(choice).options) for choice in choices] == [52, 51]
        Select(choices[0]).select_by_visible_text("class 50")
        until(page, "document.querySelector('#sheet canvas').getContext('2d').getImageData(0, 0, 1, 1).data[0] === 255")
        assert (sheet(page)[:, 0, 0, 0] == 255).all()
        Select(choices[1]).select_by_visible_text("class 25")
        assert big(page)[0, 0, 0, 0] in (127, 128)
        one(page, "#entries summary").click()
        until(page, "document.querySelectorAll('#entries input').length")
        entry = one(page, "#entries input")
        assert (entry.get_attribute("min"), entry.get_attribute("max")) == ("-1", "1")
        slide(page, entry, Keys.END, 1)
        assert big(page)[0, 0, 1, 0] == 255


@pytest.mark.parametrize("classes", [3, 51])
def test_long_names_of_classes_stay_on_the_page(classes: int, browser: Any, tmp_path: Path) -> None:
    name = "<script>alert('x')</script>\"&" + "x" * 200
    with opened(browser, stub(tmp_path, classes, name=name)) as page:
        ready(page)
        mobile = {"width": 390, "height": 900, "deviceScaleFactor": 1, "mobile": True}
        for size in ({**mobile, "width": 1300, "mobile": False}, mobile):
            page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
            until(page, f"innerWidth === {size['width']}")
            until(page, "document.documentElement.scrollWidth <= innerWidth")
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        words = [
            each.get_property("textContent") for each in page.find_elements(By.CSS_SELECTOR, ".row button, option")
        ]
        assert words.count(f"{name} 2") == 2


@pytest.mark.parametrize("typed", ["-5", "2147483648", "1.5"])
def test_a_seed_that_sample_does_not_take_is_not_taken(typed: str, browser: Any, tmp_path: Path) -> None:
    with opened(browser, stub(tmp_path, 3), f"#seed={typed}&from=10000000") as page:
        ready(page)
        assert page.current_url.endswith("#seed=0&n=0")
        seed = one(page, "#seed")
        seed.send_keys(Keys.CONTROL, "a")
        seed.send_keys(typed, Keys.ENTER)
        until(page, "document.getElementById('seed').value === '0'")
        assert page.current_url.endswith("#seed=0&n=0")


def test_a_link_that_is_pasted_into_the_address_is_followed(browser: Any, tmp_path: Path) -> None:
    with opened(browser, stub(tmp_path, 3)) as page:
        ready(page)
        before = sheet(page)
        page.execute_script("location.hash = '#seed=4&n=2&class=1'")
        until(page, "document.getElementById('sheet').dataset.drawn === '4'")
        assert (sheet(page) != before).any()
        np.testing.assert_array_equal(big(page)[0], sheet(page)[2])
        assert one(page, "#seed").get_property("value") == "4"
        pressed = page.find_elements(By.CSS_SELECTOR, "[role=group] button[aria-pressed=true]")
        assert [each.text for each in pressed] == ["class 1", "class 1"]


def test_nothing_but_the_pages_own_script_may_run(browser: Any, page_of: Callable[[str], Path]) -> None:
    text = page_of("dcgan").read_text("utf-8")
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    assert policy
    directives = dict(part.strip().partition(" ")[::2] for part in html.unescape(policy[1]).split(";"))
    assert directives["default-src"] == "'none'"
    assert not [part for part in directives.values() if "'unsafe-" in part]
    assert "http" not in policy[1]
    tampered = page_of("dcgan").with_name("tampered.html")
    script = "<script>document.title = 'owned'</script><img src=x onerror=\"document.title = 'owned'\">"
    tampered.write_text(text.replace("<header>", f"{script}<header>"), encoding="utf-8")
    browser.get(tampered.as_uri())
    ready(browser)
    assert browser.title == "dcgan · ganctl"
    errors = [entry["message"] for entry in browser.get_log("browser")]
    assert len([error for error in errors if "Content Security Policy" in error]) >= 2


def test_the_runtime_in_the_package_is_what_npm_has() -> None:
    folder = PAGE / "onnxruntime"
    facts = json.loads((folder / "runtime.json").read_text("utf-8"))
    for name, digest in facts["files_sha256"].items():
        content = gzip.decompress((folder / f"{name}.gz").read_bytes())
        assert hashlib.sha256(content).hexdigest() == digest
    assert f"ONNX Runtime Web v{facts['version']}".encode() in gzip.decompress(
        (folder / "ort.wasm.bundle.min.mjs.gz").read_bytes()
    )
    assert "Permission is hereby granted" in (folder / "LICENSE").read_text("utf-8")
    assert {"Conv", "ConvTranspose", "Gemm", "Resize", "InstanceNormalization"} <= set(facts["operations"])


def the_point(page: Any) -> tuple[np.ndarray, int | None]:
    """The numbers and the class of the picture that one works on, out of the link."""
    link = dict(pair.split("=") for pair in page.current_url.partition("#")[2].split("&"))
    text = link["z"].replace("-", "+").replace("_", "/")
    vector = np.frombuffer(base64.b64decode(text + "=" * (-len(text) % 4)), np.float32)
    return vector, int(link["c"]) if "c" in link else None


def big(page: Any) -> np.ndarray:
    """The picture that one works on, once it stays as it is."""
    picture, before = page.find_element(By.ID, "big"), None
    for _ in range(100):
        shown = pixels(page, picture)
        if before is not None and np.array_equal(before, shown):
            return shown
        before = shown
        time.sleep(0.2)
    raise AssertionError("it never stops")


def by_keras(generator: Generator, vectors: dict[str, np.ndarray], number: int | None = None) -> np.ndarray:
    """What the network draws of latent vectors, uint8 [1, H, W, C]."""
    inputs = {name: vector[np.newaxis] for name, vector in vectors.items()}
    if number is not None:
        inputs["classes"] = np.eye(generator.num_classes, dtype=np.float32)[[number]]
    given = {name: inputs[name] for name in generator.inputs}
    return to_pixels(generator.draw(given)).numpy()


def slide(page: Any, element: Any, key: str, times: int) -> None:
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
    for _ in range(times):
        element.send_keys(key)


@pytest.fixture(scope="module")
def infogan(archived: Callable[[str], Path]) -> Generator:
    return Generator.load(archived("infogan"))


@pytest.fixture
def page(browser: Any, page_of: Callable[[str], Path]) -> Iterator[Any]:
    """InfoGAN's page: latent vectors, codes and categories."""
    with opened(browser, page_of("infogan")) as page:
        ready(page)
        yield page


def one(page: Any, selector: str) -> Any:
    return page.find_element(By.CSS_SELECTOR, selector)


def split(vector: np.ndarray, generator: Generator) -> dict[str, np.ndarray]:
    widths = {name: array.shape[1] for name, array in generator.inputs.items() if name != "classes"}
    assert sum(widths.values()) == len(vector)
    return dict(zip(widths, np.split(vector, np.cumsum(list(widths.values()))[:-1]), strict=True))


def test_a_sample_is_worked_on_and_gone_back_from(page: Any) -> None:
    shown, cells = sheet(page), page.find_elements(By.CSS_SELECTOR, "#sheet .cell")
    for number in (3, 11):
        cells[number].click()
        np.testing.assert_array_equal(big(page)[0], shown[number])
        assert f"n={number}" in page.current_url
        assert cells[number].get_attribute("aria-current") == "true"
    assert not one(page, "#forward").is_enabled()
    for name, number in (("back", 3), ("back", 0), ("forward", 3), ("forward", 11)):
        one(page, f"#{name}").click()
        np.testing.assert_array_equal(big(page)[0], shown[number])


def test_a_direction_a_code_and_a_category_change_the_picture_and_the_link_opens_it(
    page: Any, infogan: Generator, browser: Any, page_of: Callable[[str], Path]
) -> None:
    page.find_elements(By.CSS_SELECTOR, "#sheet .cell")[2].click()
    before = big(page)
    direction = page.find_elements(By.CSS_SELECTOR, "#directions input")[1]
    slide(page, direction, Keys.ARROW_RIGHT, 60)
    after = big(page)
    assert np.abs(after.astype(int) - before).max() > 2
    vector, category = the_point(page)
    drawn = split(vector, infogan)
    assert category == 2
    assert difference(after, by_keras(infogan, drawn, 2)) <= 1
    found = directions_of(infogan.plain, within="latent")
    assert found is not None
    original = split(np.concatenate([v[2] for n, v in infogan.inputs.items() if n != "classes"]), infogan)
    moved = drawn["latent"] - original["latent"]
    np.testing.assert_allclose(moved / np.linalg.norm(moved), found.vectors[1], atol=1e-3)
    np.testing.assert_allclose(
        float(direction.get_attribute("value")), float(drawn["latent"] @ found.vectors[1]), atol=0.01
    )
    codes = page.find_elements(By.CSS_SELECTOR, "#codes input")
    assert len(codes) == infogan.inputs["latent_2"].shape[1]
    slide(page, codes[0], Keys.HOME, 1)
    assert split(the_point(page)[0], infogan)["latent_2"][0] == float(codes[0].get_attribute("min"))
    buttons = page.find_elements(By.CSS_SELECTOR, "#picture [role=group] button")
    assert len(buttons) == infogan.num_classes
    buttons[4].click()
    last, (vector, category) = big(page), the_point(page)
    assert category == 4
    assert difference(last, by_keras(infogan, split(vector, infogan), 4)) <= 1
    link = page.current_url.partition("#")[2]
    browser.get("about:blank")
    browser.get(f"{page_of('infogan').as_uri()}#{link}")
    ready(page)
    np.testing.assert_array_equal(big(page), last)
    pressed = page.find_elements(By.CSS_SELECTOR, "#picture [role=group] button[aria-pressed=true]")
    assert [each.text for each in pressed] == ["5"]


def test_each_number_stands_behind_a_fold(page: Any, infogan: Generator) -> None:
    assert page.find_elements(By.CSS_SELECTOR, "#entries input") == []
    one(page, "#entries summary").click()
    until(page, "document.querySelectorAll('#entries input').length")
    numbers = page.find_elements(By.CSS_SELECTOR, "#entries input")
    assert len(numbers) == infogan.inputs["latent"].shape[1]
    slide(page, numbers[3], Keys.END, 1)
    vector, category = the_point(page)
    assert split(vector, infogan)["latent"][3] == float(numbers[3].get_attribute("max"))
    assert difference(big(page), by_keras(infogan, split(vector, infogan), category)) <= 1


def test_neighbours_are_near_and_can_be_taken(page: Any) -> None:
    until(page, "document.getElementById('neighbours').dataset.drawn")
    here = big(page).astype(int)
    cells = page.find_elements(By.CSS_SELECTOR, "#neighbours canvas")
    around = pixels(page, *cells)
    away = np.abs(around - here).mean(axis=(1, 2, 3))
    assert (away > 0.1).all(), "each differs"
    assert away.mean() < np.abs(sheet(page)[1:] - here).mean(), "less than other samples do"
    page.find_elements(By.CSS_SELECTOR, "#neighbours .cell")[5].click()
    np.testing.assert_array_equal(big(page)[0], around[5])
    one(page, "#back").click()
    np.testing.assert_array_equal(big(page), here)


def test_a_walk_reaches_another_sample_and_plays(page: Any, infogan: Generator) -> None:
    cells, shown = page.find_elements(By.CSS_SELECTOR, "#sheet .cell"), sheet(page)
    cells[1].click()
    one(page, "#walk").click()
    assert one(page, "#walk").get_attribute("aria-pressed") == "true"
    cells[8].click()
    frames = int(one(page, "#big").get_attribute("data-drawn"))
    until(page, f"Number(document.getElementById('big').dataset.drawn) > {frames + 3}")
    assert one(page, "#play").text == "Pause"
    one(page, "#play").click()
    assert one(page, "#play").text == "Play"
    step = one(page, "#step input")
    for key, number in ((Keys.END, 8), (Keys.HOME, 1)):
        slide(page, step, key, 1)
        np.testing.assert_array_equal(big(page)[0], shown[number])
    page.execute_script("arguments[0].value = 0.5; arguments[0].dispatchEvent(new Event('input'))", step)
    page.execute_script("arguments[0].dispatchEvent(new Event('change'))", step)
    vector, _ = the_point(page)
    first, last = (
        np.concatenate([v[number] for n, v in infogan.inputs.items() if n != "classes"]) for number in (1, 8)
    )
    parts = [split(each, infogan) for each in (first, last)]
    middle = walks.slerp if infogan.distribution == "normal" else walks.lerp
    expected = np.concatenate([middle(parts[0][name], parts[1][name], 0.5) for name in parts[0]])
    np.testing.assert_allclose(vector, expected, atol=1e-5)


def test_the_picture_is_saved_and_its_numbers_are_copied(page: Any, folder: Path, infogan: Generator) -> None:
    page.find_elements(By.CSS_SELECTOR, "#sheet .cell")[7].click()
    shown = big(page)
    one(page, "#save").click()
    saved = folder / "infogan.png"
    WebDriverWait(page, PATIENCE).until(lambda _: saved.is_file() and saved.stat().st_size)
    np.testing.assert_array_equal(np.asarray(Image.open(saved).convert("RGBA")), shown[0])
    one(page, "#copy").click()
    until(page, "document.getElementById('copy').textContent === 'Copied'")
    page.execute_script("document.body.prepend(document.createElement('textarea'))")
    one(page, "textarea").send_keys(Keys.CONTROL, "v")
    numbers = json.loads(one(page, "textarea").get_property("value"))
    assert numbers.pop("classes") == 7
    vectors = {name: np.array(vector, np.float32) for name, vector in numbers.items()}
    assert difference(shown, by_keras(infogan, vectors, 7)) <= 1


def test_the_arrow_keys_go_through_the_sheet(page: Any) -> None:
    cells = page.find_elements(By.CSS_SELECTOR, "#sheet .cell")
    columns = int(one(page, "#sheet").get_attribute("data-columns"))
    cells[0].send_keys(Keys.ARROW_RIGHT, Keys.ARROW_DOWN)
    page.switch_to.active_element.send_keys(Keys.ARROW_DOWN, Keys.ENTER)
    big(page)
    number = next(index for index, cell in enumerate(cells) if cell.get_attribute("aria-current") == "true")
    assert number in (1 + columns, 1 + 2 * columns)


def test_seed_truncation_and_further_samples_are_those_of_sample(
    browser: Any, page_of: Callable[[str], Path], archived: Callable[[str], Path]
) -> None:
    run = ganctl.load(archived("dcgan"))
    with opened(browser, page_of("dcgan")) as page:
        ready(page)
        count = len(page.find_elements(By.CSS_SELECTOR, "#sheet .cell"))
        seed = one(page, "#seed")
        seed.send_keys(Keys.CONTROL, "a")
        seed.send_keys("3", Keys.ENTER)
        until(page, "document.getElementById('sheet').dataset.drawn === '3'")
        assert difference(sheet(page), run.sample(count, seed=3)) <= 1
        for _ in range(2):  # beyond the first 128, which have the next key
            one(page, "#more").click()
            until(page, "document.getElementById('sheet').dataset.drawn === '3'")
        assert difference(sheet(page), run.sample(3 * count, seed=3)[2 * count :]) <= 1
        one(page, "#truncated").click()
        until(page, "document.getElementById('sheet').dataset.drawn === '3'")
        assert difference(sheet(page), run.sample(3 * count, seed=3, truncation=1.0)[2 * count :]) <= 1
        assert page.current_url.partition("#")[2].startswith(f"seed=3&from={2 * count}&truncation=1&z=")


@pytest.mark.parametrize("width", [390, 1300])
def test_it_fits_a_phone_and_every_pixel_is_a_square(page: Any, width: int) -> None:
    mobile = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", mobile)
    try:
        until(page, "document.documentElement.scrollWidth <= innerWidth")
        seen = "[...document.querySelectorAll('canvas')].filter(canvas => canvas.offsetParent)"
        script = f"return {seen}.map(canvas => canvas.clientWidth / canvas.width)"
        factors = page.execute_script(script)
        assert len(factors) > 60
        assert all(factor >= 1 and factor == int(factor) for factor in factors)
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_dark_mode_is_dark(page: Any) -> None:
    def ground(scheme: str) -> str:
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        return str(page.execute_script("return getComputedStyle(document.body).backgroundColor"))

    dark = ground("dark")
    assert (ground("light"), dark) == ("rgb(255, 255, 255)", "rgb(20, 23, 29)")


@pytest.mark.parametrize("link", ["#seed=x&from=-3&class=99&truncation=no&n=&z=@@@", "#z=AAAA&c=3", "#z=" + "_" * 80])
def test_a_link_that_is_damaged_opens_the_first_sample(link: str, browser: Any, page_of: Callable[[str], Path]) -> None:
    with opened(browser, page_of("infogan"), link) as page:
        ready(page)
        np.testing.assert_array_equal(big(page)[0], sheet(page)[0])
        browser.get("about:blank")
        page.get(page_of("infogan").as_uri())
        ready(page)


# Pictures from pictures ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cyclegan(small_experiment: Callable[..., Experiment], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both directions of a CycleGAN, untrained but with weights that do something."""
    entry, shape = models.registry.get("cyclegan"), home_shape("cyclegan")
    experiment, shapes = small_experiment("cyclegan"), shapes_of(entry, shape)
    networks = make_networks(resolving.resolve(experiment), shapes, 0)
    random = np.random.default_rng(0)
    groups = {}
    for sampler in entry.samplers.values():
        role = sampler.network if sampler.network in networks else drawing_role(sampler, networks)
        variables = game_state.named_variables(networks[role])
        for variable in variables.values():
            if len(variable.shape) > 1:
                variable.assign(variable + random.normal(0.0, 0.2, variable.shape))
        groups[role] = {name: np.asarray(variable) for name, variable in variables.items()}
    facts = {
        "experiment": experiment.model_dump(mode="json"),
        "image_shape": list(shape),
        "image_shapes": {feed: list(of_feed) for feed, of_feed in shapes.items()},
        "class_names": [],
        "generator": entry.sampler.network,
        "step": 3,
    }
    path = tmp_path_factory.mktemp("cyclegan") / "000000003.safetensors"
    checkpoint.save_generators(path, groups, facts)
    return path


@pytest.fixture(scope="module")
def cyclegan_page(cyclegan: Path) -> Path:
    path = cyclegan.with_name("cyclegan.html")
    export(Generator.load(cyclegan, every_direction=True), "html", path)
    return path


@pytest.fixture(scope="module")
def translated(cyclegan: Path) -> Callable[[str, np.ndarray], np.ndarray]:
    """Return what `ganctl translate` makes of an image [H, W, C] in a direction."""
    translators = {way: Translator(TrainedGenerator.load(cyclegan, direction=way)) for way in ("a_to_b", "b_to_a")}
    return lambda way, image: translators[way](image)


def paper_and_result(page: Any) -> tuple[np.ndarray, np.ndarray]:
    """What goes in and what comes out, once it stays as it is."""
    before = None
    for _ in range(100):
        shown = [pixels(page, one(page, f"#{name}"))[0, ..., :3] for name in ("paper", "result")]
        if before is not None and all(map(np.array_equal, before, shown)):
            return shown[0], shown[1]
        before = shown
        time.sleep(0.2)
    raise AssertionError("it never stops")


def check_translation(page: Any, way: str, translated: Callable[[str, np.ndarray], np.ndarray]) -> np.ndarray:
    """Check that what is shown is what `ganctl translate` makes of the paper, which is returned."""
    paper, result = paper_and_result(page)
    grey = to_channels(np.ascontiguousarray(paper), 1)
    expected = visible(translated(way, grey)).astype(int)
    assert expected.std() > 1, "pictures of something"
    assert np.abs(np.broadcast_to(expected, result.shape) - result).max() <= 1
    return paper


def test_a_picture_that_is_chosen_is_translated_both_ways(
    browser: Any, cyclegan_page: Path, translated: Callable[[str, np.ndarray], np.ndarray], tmp_path: Path
) -> None:
    height, width, _ = home_shape("cyclegan")
    given = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    Image.fromarray(given).save(tmp_path / "a.png")
    with opened(browser, cyclegan_page) as page:
        ready(page)
        check_translation(page, "a_to_b", translated)
        one(page, "#file").send_keys(str(tmp_path / "a.png"))
        until(page, "!document.getElementById('undo').disabled")
        np.testing.assert_array_equal(check_translation(page, "a_to_b", translated), given)
        a_to_b = paper_and_result(page)[1]
        buttons = page.find_elements(By.CSS_SELECTOR, "[role=group] button")
        assert [button.text for button in buttons] == ["a → b", "b → a"]
        buttons[1].click()
        check_translation(page, "b_to_a", translated)
        assert "way=b_to_a" in page.current_url
        buttons[0].click()
        check_translation(page, "a_to_b", translated)
        one(page, "#onward").click()
        until(page, "location.hash.includes('b_to_a')")
        np.testing.assert_array_equal(check_translation(page, "b_to_a", translated), a_to_b)


def test_a_drawing_is_translated_while_it_is_drawn_and_can_be_undone(
    browser: Any, cyclegan_page: Path, translated: Callable[[str, np.ndarray], np.ndarray], folder: Path
) -> None:
    with opened(browser, cyclegan_page) as page:
        ready(page)
        first = check_translation(page, "a_to_b", translated)
        one(page, "#fill-black").click()
        black = check_translation(page, "a_to_b", translated)
        assert not black.any()
        page.execute_script("document.getElementById('colour').value = '#ff8000'")
        paper = one(page, "#paper")
        side, size = paper.size["width"], black.shape[0]
        chain = ActionChains(page, duration=50)
        chain.move_to_element_with_offset(paper, int(-0.3 * side), 0).click_and_hold()
        chain.move_by_offset(int(0.6 * side), 0).release().perform()
        drawn = check_translation(page, "a_to_b", translated)
        assert {tuple(colour) for colour in drawn.reshape(-1, 3)} == {(0, 0, 0), (255, 128, 0)}, "no blur"
        line = (drawn[..., 0] > 0).any(axis=0)
        assert line[int(0.25 * size) : int(0.75 * size)].all()
        one(page, "#link").click()
        until(page, "document.getElementById('link').textContent === 'Copied'")
        link = page.current_url.partition("#")[2]
        one(page, "#save").click()
        saved = folder / "tiny.png"
        WebDriverWait(page, PATIENCE).until(lambda _: saved.is_file() and saved.stat().st_size)
        np.testing.assert_array_equal(np.asarray(Image.open(saved).convert("RGB")), paper_and_result(page)[1])
        for button, expected in (("undo", black), ("undo", first), ("redo", black), ("redo", drawn)):
            one(page, f"#{button}").click()
            np.testing.assert_array_equal(check_translation(page, "a_to_b", translated), expected)
    browser.get("about:blank")
    with opened(browser, cyclegan_page, f"#{link}") as page:
        ready(page)
        np.testing.assert_array_equal(check_translation(page, "a_to_b", translated), drawn)


@pytest.mark.parametrize("picture", ["AAAA", "iVBORw0KGgo", "%3Cb%3E"])
def test_a_damaged_picture_does_not_stay_in_the_link(picture: str, browser: Any, cyclegan_page: Path) -> None:
    with opened(browser, cyclegan_page, f"#way=b_to_a&picture={picture}") as page:
        ready(page)
        assert page.current_url.endswith("#way=b_to_a")
        browser.get("about:blank")
        page.get(cyclegan_page.as_uri())
        ready(page)


def test_what_is_no_picture_is_named(browser: Any, cyclegan_page: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.png").write_text("no picture")
    with opened(browser, cyclegan_page) as page:
        ready(page)
        before = paper_and_result(page)
        one(page, "#file").send_keys(str(tmp_path / "notes.png"))
        WebDriverWait(page, PATIENCE).until(lambda _: one(page, "#problem").is_displayed())
        assert one(page, "#problem").text == "notes.png is not a picture that this browser can read."
        np.testing.assert_array_equal(paper_and_result(page)[0], before[0])


def test_one_direction_that_was_asked_for_is_alone_on_the_page(
    browser: Any, cyclegan: Path, translated: Callable[[str, np.ndarray], np.ndarray], tmp_path: Path
) -> None:
    export(Generator.load(cyclegan, direction="b_to_a", every_direction=True), "html", tmp_path / "b.html")
    with opened(browser, tmp_path / "b.html") as page:
        ready(page)
        assert page.find_elements(By.CSS_SELECTOR, "[role=group]") == []
        check_translation(page, "b_to_a", translated)
