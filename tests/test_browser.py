"""The page in headless Chromium, on a phone and on a desk: nothing overflows, nothing complains, tables sort.

    python -m pytest -m slow tests/test_browser.py

Needs Debian's chromium and chromium-driver (or a Chrome with its driver on the PATH); skipped where there is none.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from arzip.bench.accounting import explain
from arzip.bench.measure import Row
from arzip.bench.results import FileResult, Group, explained
from arzip.report.page import cost_map, page
from arzip.settings import Settings
from tests.test_archive import picture_file

pytestmark = pytest.mark.slow
EXAMPLE = Path(__file__).resolve().parents[1] / "docs" / "report-example.html"
WIDTHS = {"phone": 360, "desk": 1280}
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    program = shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if not program or not driver:
        pytest.skip("no Chromium with its driver is installed (Debian: apt-get install chromium chromium-driver)")
    webdriver = pytest.importorskip("selenium.webdriver", reason="Selenium is not installed (extra `test`)")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for flag in (*_FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    running = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield running
    running.quit()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page made now, with a text, a picture, failures and long names."""
    files, maps = [], {}
    contents = {
        "a-name-without-any-place-to-break-" * 3 + ".txt": b"some text to look at " * 40,
        "p.pam": picture_file(),
    }
    for label, data in contents.items():
        explanation = explain(data, Settings(threads=1))
        ours = Row("arzip -5", True, explanation.size, 1.0, 0.5, 0.7, peak_mib=300.0, runs=1, road=explanation.road)
        peers = [Row(f"peer {n}", False, 100 * n, 1.0 * n, 0.1 * n, 0.01, peak_mib=30.0, runs=1) for n in (2, 10, 1)]
        rows = (ours, *peers, Row("broken", False, remark="failed: crashed (SIGSEGV)"))
        result = FileResult(label, len(data), "bytes", "bytes", explanation.dims, rows)
        files.append(explained(result, explanation))
        maps[label] = cost_map(explanation, data, f"m{len(maps)}")
    files.append(FileResult("gone.txt", failure="gone.txt: No such file or directory"))
    group = Group("g", "A group", "2026-01-01", {"cores": "2"}, {"arzip": "0"}, 1, 1, tuple(files))
    path = tmp_path_factory.mktemp("page") / "page.html"
    path.write_text(page([group], maps))
    return path


def opened(browser: Any, path: Path, width: int, scheme: str = "light") -> Any:
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    browser.get(path.as_uri())
    return browser


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
@pytest.mark.parametrize("which", ["made", "example"])
def test_nothing_overflows_and_nothing_complains(browser: Any, made: Path, which: str, width: int) -> None:
    opened(browser, made if which == "made" else EXAMPLE, width)
    browser.execute_script("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert browser.get_log("browser") == []
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    # Whatever is wider than the page must lie in a part that scrolls by itself.
    wide = browser.execute_script(
        "return [...document.querySelectorAll('main *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1"
        " && !e.closest('.scroll, svg, pre')).map(e => e.outerHTML.slice(0, 80))"
    )
    assert wide == []
    small = browser.execute_script(
        "return [...document.querySelectorAll('svg text')].filter(e => e.textContent.trim() &&"
        " e.getBoundingClientRect().height < 8).length"
    )
    assert small == 0, "letters too small to read"


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
def test_tables_sort_by_mouse_and_keyboard(browser: Any, made: Path, width: int) -> None:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    opened(browser, made, width)
    table = browser.find_element(By.CSS_SELECTOR, "table")
    buttons = table.find_elements(By.CSS_SELECTOR, "thead button")

    def names() -> list[str]:
        return [cell.get_attribute("data-value") for cell in table.find_elements(By.CSS_SELECTOR, "tbody th")]

    start = names()
    assert start[-1] == "broken" and "arzip -5" in start
    browser.execute_script("arguments[0].click()", buttons[1])
    assert names() == [*reversed(start[:-1]), "broken"], "descending, failures stay last"
    assert table.find_elements(By.CSS_SELECTOR, "th[aria-sort=descending]")[0].text.startswith("bytes")
    buttons[0].send_keys(Keys.ENTER)
    assert names() == sorted(start)
    assert [head.get_attribute("aria-sort") for head in table.find_elements(By.CSS_SELECTOR, "thead th")][:2] == [
        "ascending",
        "none",
    ]
    browser.execute_script("arguments[0].click()", buttons[4])
    assert names()[0] == "peer 1" and names()[-1] == "broken", "numbers sort as numbers"


def test_light_dark_and_paper_have_contrast(browser: Any, made: Path) -> None:
    def contrast() -> float:
        colours = browser.execute_script(
            "const s = getComputedStyle(document.body); return [s.color, s.backgroundColor]"
            ".map(c => c.match(/[\\d.]+/g).slice(0, 3).map(Number))"
        )
        light = sorted(_luminance(np.array(c) / 255) for c in colours)
        return (light[1] + 0.05) / (light[0] + 0.05)

    for scheme in ("light", "dark"):
        opened(browser, made, 1280, scheme)
        assert contrast() > 10
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert browser.execute_script("return getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def _luminance(rgb: np.ndarray) -> float:
    """Relative luminance (WCAG 2)."""
    linear = np.where(rgb <= 0.03928, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])
