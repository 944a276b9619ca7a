"""Follows every link of the registry pages in a real browser, and says what is wrong with each page.

    python -m mlreg_dagster_tests.pages.crawler http://127.0.0.1:8810 [--each N] [--shots FOLDER]

`--each` limits how many pages of one kind (one path, numbers and keys apart) are looked at; without it all are.
"""

import argparse
import re
import shutil
import sys
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urldefrag, urljoin, urlsplit

from mlreg_dagster_tests.pages.following import kind_of

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
AXE = Path(__file__).parents[1] / "vendored" / "axe-4.14.1.min.js"
LARGEST = 200_000
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
COLOURS = ["color-contrast", "link-in-text-block"]
"""The rules that a dark page can break and the same page in light does not."""
_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
_PATIENCE_MS = 300_000
_PARTS_OF_A_TIME = 8
"""Stops that the tabulator key makes within one control of a date and time."""
_LOOK = """async asked => (await axe.run({runOnly: asked})).violations.map(
    each => `${each.id}: ${each.nodes.slice(0, 3).map(node => node.html.slice(0, 120)).join(" | ")}`)"""
_FOCUSABLE = """() => [...document.querySelectorAll(
    'a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex="0"]')]
    .filter(each => each.checkVisibility() && !each.disabled && each.tabIndex >= 0
        && !(each.matches('input[type=radio]') && !each.checked)).length"""
_FOCUSED = """() => { const it = document.activeElement; if (it === document.body || it.dataset.seen) return false;
    it.dataset.seen = '1'; return true }"""


@dataclass
class Found:
    """What was looked at, and what was wrong: sentences by address."""

    seen: list[str] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    wrong: dict[str, list[str]] = field(default_factory=dict)
    largest: tuple[int, str] = (0, "")


@contextmanager
def browser() -> Iterator[Any]:
    """A headless Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as api:
        started = api.chromium.launch(executable_path=CHROMIUM, args=_ARGUMENTS)
        yield started
        started.close()


def crawl(url: str, started: Any, each: int | None = None, shots: Path | None = None) -> Found:
    """Look at every page that can be reached from the first one.

    Args:
        url: Of the server.
        started: A browser.
        each: How many pages of one kind are looked at; None: all.
        shots: Where pictures of each page are kept: light, dark, and narrow.
    """
    found, waiting, known, kinds = Found(), deque([f"{url}/"]), {f"{url}/"}, Counter[str]()
    context = started.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(_PATIENCE_MS)
    axe = AXE.read_text(encoding="utf-8")
    problems: list[str] = []
    page.on("console", lambda said: problems.append(f"console: {said.text}") if said.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(f"error: {error}"))
    page.on("request", lambda asked: None if _is_ours(asked.url, url) else problems.append(f"leaves: {asked.url[:99]}"))
    while waiting:
        address = waiting.popleft()
        kind = kind_of(address.removeprefix(url))
        if each is not None and kinds[kind] >= each:
            found.left_out[kind] += 1
            continue
        kinds[kind] += 1
        problems.clear()
        answer = page.goto(address, wait_until="networkidle")
        found.seen.append(address)
        if answer is None or answer.status != 200:
            problems.append(f"answered with {answer and answer.status}")
        elif "text/html" in answer.headers["content-type"]:
            size = len(answer.body())
            found.largest = max(found.largest, (size, address))
            if size > LARGEST:
                problems.append(f"has {size:,} bytes")
            problems += _looked_at(page, axe)
            if shots is not None:
                _shoot(page, shots, len(found.seen), kind)
            for link in page.eval_on_selector_all("a[href]", "all => all.map(each => each.href)"):
                target = urldefrag(urljoin(address, link))[0]
                if _is_ours(target, url) and target not in known:
                    known.add(target)
                    waiting.append(target)
        if problems:
            found.wrong[address] = [*dict.fromkeys(problems)]
    context.close()
    return found


def _looked_at(page: Any, axe: str) -> Iterator[str]:
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.evaluate(axe)
        asked = {"type": "tag", "values": RULES} if scheme == "light" else {"type": "rule", "values": COLOURS}
        yield from (f"axe, {scheme}: {each}" for each in page.evaluate(_LOOK, asked))
    page.emulate_media(color_scheme="light")
    yield from _by_keyboard(page)
    page.set_viewport_size({"width": 320, "height": 700})
    wide = page.evaluate("document.documentElement.scrollWidth")
    if wide > 320:
        yield f"is {wide} px wide on a screen of 320"
    page.set_viewport_size({"width": 1280, "height": 900})


def _by_keyboard(page: Any) -> Iterator[str]:
    """Everything that can be used is reached with the tabulator key."""
    expected, reached = page.evaluate(_FOCUSABLE), 0
    page.evaluate("document.activeElement.blur()")
    for _ in range(
        expected + 2 + _PARTS_OF_A_TIME * page.locator("input[type=datetime-local], input[type=date]").count()
    ):
        page.keyboard.press("Tab")
        reached += bool(page.evaluate(_FOCUSED))
        if reached >= expected:
            return
    yield f"only {reached} of {expected} controls are reached by keyboard"


def _shoot(page: Any, folder: Path, number: int, kind: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{number:03d}-{re.sub(r'[^a-z0-9]+', '-', kind.lower()).strip('-')[:60] or 'first'}"
    page.screenshot(path=folder / f"{name}-light.png", full_page=True)
    page.emulate_media(color_scheme="dark")
    page.screenshot(path=folder / f"{name}-dark.png", full_page=True)
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 320, "height": 700})
    page.screenshot(path=folder / f"{name}-narrow.png", full_page=True)
    page.set_viewport_size({"width": 1280, "height": 900})


def _is_ours(address: str, url: str) -> bool:
    return address.startswith(("data:", "blob:", "about:")) or urlsplit(address).netloc == urlsplit(url).netloc


def main() -> None:
    """Print what is wrong; exit with 1 where anything is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--each", type=int)
    parser.add_argument("--shots", type=Path)
    asked = parser.parse_args()
    with browser() as started:
        found = crawl(asked.url.rstrip("/"), started, asked.each, asked.shots)
    for address, wrong in found.wrong.items():
        print(address, *(f"  {each}" for each in wrong), sep="\n")
    size, address = found.largest
    print(f"{len(found.seen)} pages, {found.left_out.total()} more of the same kinds left out.")
    print(f"The largest has {size:,} bytes: {address}")
    sys.exit(1 if found.wrong else 0)


if __name__ == "__main__":
    main()
