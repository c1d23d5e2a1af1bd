"""A real browser for tests of pages: Debian's Chromium, which must be there."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

OPTIONS = [
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--window-size=1300,1000"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]


@contextmanager
def running_browser(folder: Path) -> Iterator[Any]:
    """Run a browser with a new profile; what it saves goes into `folder`, too."""
    chromium, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    assert chromium, "These tests need Chromium: apt-get install chromium chromium-driver"
    assert chromedriver, "These tests need its driver: apt-get install chromium chromium-driver"
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for option in [*OPTIONS, f"--user-data-dir={folder / 'profile'}"]:
        options.add_argument(option)
    options.add_experimental_option("prefs", {"download.default_directory": str(folder)})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(chromedriver))
    yield driver
    driver.quit()


@contextmanager
def opened(browser: Any, path: Path, link: str = "") -> Iterator[Any]:
    """Open a page from the disk; afterwards nothing must have gone wrong or out."""
    for kind in ("browser", "performance"):  # what was before
        browser.get_log(kind)
    browser.get(path.as_uri() + link)
    yield browser
    assert browser.get_log("browser") == [], "no errors in the console"
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
    # The browser's own first tab loads its own pages; what a page saves or shows of its own is a `blob:` in memory.
    needed = {url.partition("#")[0] for url in asked if not url.startswith(("data:", "chrome", "blob:"))}
    assert needed == {path.as_uri()}, "the page needs nothing else"
