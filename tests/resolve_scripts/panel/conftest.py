"""The panel as an editor meets it: a menu entry in the fake Resolve, a page in Chromium, a real
server with the packaged models."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.conftest import ROOT, require_program
from tests.resolve_scripts.fake_resolve.scene import Scene
from tests.resolve_scripts.fake_resolve.session import MenuSession, menu_session
from via_engine.media_types import ColourTags, FrameRange, OutputFormat
from via_engine.picture.encode import ClipGeometry, write_chunk
from via_engine.starter.world.render import render_frame
from via_engine.starter.world.scene import demo_scene

# For people to look at; git-ignored.
SCREENSHOTS = ROOT / "build" / "panel"
WIDTH, HEIGHT = 128, 72
PAGE_TIMEOUT_MS = 45_000

MakeClip = Callable[..., Path]


@dataclass(frozen=True, kw_only=True)
class InResolve:
    """The panel opened from a menu entry: the page, and the fake with its timeline."""

    page: Page
    session: MenuSession
    folder: Path


@pytest.fixture(scope="session")
def make_clip(tmp_path_factory: pytest.TempPathFactory) -> MakeClip:
    """Renders the demo's scene, a red ball among others, as ProRes; each clip once."""
    folder = tmp_path_factory.mktemp("media")
    made: dict[object, Path] = {}

    def make(name: str = "shot.mov", frames: int = 12, rate: Fraction = Fraction(24)) -> Path:
        key = (name, frames, rate)
        if key not in made:
            pictures = (
                render_frame(demo_scene(), frame, width=WIDTH, height=HEIGHT).astype(np.float32)
                / 255
                for frame in range(frames)
            )
            geometry = ClipGeometry(
                width=WIDTH,
                height=HEIGHT,
                frame_rate=rate,
                sample_aspect_ratio=Fraction(1),
                colour=ColourTags(primaries=1, transfer=1, matrix=1, full_range=False),
            )
            own = folder / f"{len(made)}"
            own.mkdir()
            codec = OutputFormat.PRORES_422_HQ_MOV
            chunk = write_chunk(own, 0, FrameRange(0, frames), pictures, geometry, codec)
            made[key] = chunk.path.rename(own / name)
        return made[key]

    return make


@pytest.fixture(scope="session")
def media_folder(make_clip: MakeClip) -> Path:
    """The folder tree of all clips."""
    return make_clip().parents[1]


@contextmanager
def serving(state: Path, media: Path) -> Iterator[str]:
    """A real server with the packaged models; gives its address."""
    options = ["--state-folder", str(state), "--media-root", f"clips={media}"]
    options += ["--media-root", f"tmp={state.parent}"]
    command = [sys.executable, "-W", "ignore", "-m", "server", "--device", "cpu", *options]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())["address"]
        finally:
            process.terminate()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, media_folder: Path) -> Iterator[str]:
    """A server that stays for all tests."""
    with serving(tmp_path_factory.mktemp("server") / "state", media_folder) as address:
        yield address


# Playwright keeps an event loop running in this thread, and other tests start loops of their own.
@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """Debian's browser, without a screen."""
    program = require_program("chromium")
    expect.set_options(timeout=PAGE_TIMEOUT_MS)
    with sync_playwright() as playwright:
        # As root, as in a container, the browser's own sandbox cannot be had.
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A window as large as a small screen; errors of the page fail the test."""
    context = chromium.new_context(viewport={"width": 1280, "height": 720})
    page = context.new_page()
    page.set_default_timeout(PAGE_TIMEOUT_MS)
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda told: faults.append(told.text) if "Security" in told.text else None)
    yield page
    context.close()
    assert faults == []


@pytest.fixture
def open_in_resolve(page: Page, server: str, tmp_path: Path) -> Iterator[Callable[..., InResolve]]:
    """Clicks the menu entry in the fake Resolve and opens the page it wants opened."""
    with ExitStack() as stack:

        def opened(scene: Scene, *, address: str | None = server) -> InResolve:
            with link_catcher(tmp_path) as (browser, link):
                environment = {**os.environ, "BROWSER": browser}
                environment["VIA_STATE_FOLDER"] = str(tmp_path / "via")
                environment.pop("VIA_SERVER", None)
                if address is not None:
                    environment["VIA_SERVER"] = address
                session = stack.enter_context(
                    menu_session(scene, fresh(tmp_path), environment=environment)
                )
                page.goto(link())
            return InResolve(page=page, session=session, folder=tmp_path)

        yield opened


def fresh(folder: Path) -> Path:
    """A new folder in the folder."""
    made = folder / f"resolve{len(list(folder.glob('resolve*')))}"
    made.mkdir()
    return made


@contextmanager
def link_catcher(folder: Path) -> Iterator[tuple[str, Callable[[], str]]]:
    """A "browser" that hands on the link it is told to open, and who waits for that."""
    pipe, program = folder / "link", folder / "browser.sh"
    os.mkfifo(pipe)
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$1" > "{pipe}"\n')
    program.chmod(0o755)
    try:
        yield str(program), lambda: pipe.read_text().strip()
    finally:
        pipe.unlink()


def look(page: Page, name: str, *, whole: bool = False) -> None:
    """Keeps what the page looks like, for people."""
    if page.locator("#screen[aria-busy=true]").count():
        expect(page.locator("#screen")).to_have_attribute("aria-busy", "false")
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=whole)


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """axe-core's source, the oracle for what screen readers and keyboards would miss."""
    require_program("node")
    npm, folder = require_program("npm"), tmp_path_factory.mktemp("axe") / "accessibility"
    shutil.copytree(Path(__file__).parent / "accessibility", folder)
    install = [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
    subprocess.run(install, cwd=folder, check=True, capture_output=True, timeout=120)
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


def barriers(page: Page, axe: str) -> list[str]:
    """What keeps people out, by the rules of WCAG 2.2 A and AA."""
    page.evaluate(axe)
    rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
    found = page.evaluate("(rules) => axe.run({runOnly: rules})", rules)
    return [
        f"{each['id']}: {node['html'][:120]}"
        for each in found["violations"]
        for node in each["nodes"]
    ]
