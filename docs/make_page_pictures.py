"""Makes the pictures of pages in docs/page.md: screenshots of exported pages in Chromium.

    python docs/make_page_pictures.py FOLDER [PICTURE]...

FOLDER holds quickstart.html, photos.html, sngan.html and pix2pix_edges.html, as `ganctl export RUN --format html`
writes them from the runs of docs/gallery.md. Needs the `test` extra, chromium and chromium-driver.
"""

import base64
import io
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By

IMAGES = Path(__file__).parent / "images"
PHONE = 390  # pixels
SHOTS = {
    "page": ("quickstart", 1300, 1130, False),
    "page_photos": ("photos", 1300, 960, True),
    "page_classes": ("sngan", 1300, 960, False),
    "page_drawing": ("pix2pix_edges", 1300, 850, False),
    "page_phone": ("quickstart", PHONE, 1150, True),
}


def main(folder: Path, names: list[str]) -> None:
    """Make pictures by their names, by default all."""
    with tempfile.TemporaryDirectory() as profile:
        options = webdriver.ChromeOptions()
        for option in ("--headless=new", "--no-sandbox", "--hide-scrollbars", f"--user-data-dir={profile}"):
            options.add_argument(option)
        driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
        for name in names or SHOTS:
            page, width, height, dark = SHOTS[name]
            scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
            driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})
            size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width == PHONE}
            driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
            driver.get("about:blank")
            driver.get((folder / f"{page}.html").absolute().as_uri())
            while not driver.execute_script("return document.body.dataset.ready"):
                time.sleep(0.1)
            ACTS[page](driver, width)
            time.sleep(1)
            driver.execute_script("document.activeElement.blur(); scrollTo(0, 0)")
            shot = driver.execute_cdp_cmd("Page.captureScreenshot", {})["data"]
            picture = Image.open(io.BytesIO(base64.b64decode(shot))).convert("RGB")
            picture.save(IMAGES / f"{name}.png", optimize=True)
        driver.quit()


def walked(driver: Any, width: int) -> None:
    """Walk half of the way from one sample to another."""
    cells = driver.find_elements(By.CSS_SELECTOR, "#sheet .cell")
    cells[7].click()
    if width == PHONE:
        return
    driver.find_element(By.ID, "walk").click()
    cells[37].click()
    driver.find_element(By.ID, "play").click()
    step = driver.find_element(By.CSS_SELECTOR, "#step input")
    driver.execute_script("arguments[0].value = .5; arguments[0].dispatchEvent(new Event('input'))", step)


def chosen(number: int) -> Any:
    """Return what clicks a sample."""
    return lambda driver, _: driver.find_elements(By.CSS_SELECTOR, "#sheet .cell")[number].click()


def drawn(driver: Any, _: int) -> None:
    """Draw a bag: a box and its handle."""
    driver.find_element(By.ID, "fill-white").click()
    paper = driver.find_element(By.ID, "paper")
    side = paper.size["width"]
    outlines = [
        [(-0.36, -0.1), (0.36, -0.1), (0.4, 0.36), (-0.4, 0.36), (-0.36, -0.1)],
        [(-0.2, -0.1), (-0.16, -0.32), (0.16, -0.32), (0.2, -0.1)],
        [(-0.1, 0.02), (0.1, 0.02)],
    ]
    for outline in outlines:
        chain = ActionChains(driver, duration=30)
        points = [(int(x * side), int(y * side)) for x, y in outline]
        chain.move_to_element_with_offset(paper, *points[0]).click_and_hold()
        for (from_x, from_y), (x, y) in pairwise(points):
            chain.move_by_offset(x - from_x, y - from_y)
        chain.release().perform()


ACTS = {"quickstart": walked, "photos": chosen(9), "sngan": chosen(12), "pix2pix_edges": drawn}

if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
