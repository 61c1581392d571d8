"""Only the page that was opened with the link talks to the panel."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import parse_qs, urlparse

import pytest
from starlette.testclient import TestClient

from resolve_scripts.connect import ServerChoice
from resolve_scripts.panel.app import make_app
from resolve_scripts.panel.guard import Keys
from resolve_scripts.panel.panel import make_panel

PORT = 48123
OWN = f"http://127.0.0.1:{PORT}"


@pytest.fixture
def keys() -> Keys:
    return Keys(PORT)


@pytest.fixture
def browser(keys: Keys, tmp_path: Path) -> TestClient:
    """A browser that has not opened anything yet; no server and no Resolve."""
    choice = ServerChoice(address=None, state_folder=tmp_path)
    panel = make_panel(choice, None, lambda text: None)
    app = make_app(panel, keys, is_ending=lambda: True, end=lambda: None)
    return TestClient(app, base_url=OWN, follow_redirects=False)


def opened(browser: TestClient, keys: Keys) -> TestClient:
    answer = browser.get(keys.link)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    return browser


def test_the_link_opens_the_page_once(browser: TestClient, keys: Keys) -> None:
    link = keys.link
    assert opened(browser, keys).get("/").status_code == 200
    browser.cookies.clear()
    again = browser.get(link)
    assert again.status_code == 403
    assert "used already" in again.text and "Workspace &gt; Scripts &gt; VIA" in again.text


def test_the_cookie_is_kept_from_scripts_and_other_sites(browser: TestClient, keys: Keys) -> None:
    told = browser.get(keys.link).headers["set-cookie"]
    assert re.search(r"httponly", told, re.I) and re.search(r"samesite=strict", told, re.I)
    assert parse_qs(urlparse(keys.link).query)["key"][0] not in told


@pytest.mark.parametrize("path", ["/", "/api/state", "/api/events", "/api/paths?typed=/"])
def test_without_the_cookie_nothing_is_told(browser: TestClient, path: str) -> None:
    assert browser.get(path).status_code == 403
    assert browser.get(path, headers={"cookie": f"via_panel_{PORT}=guess"}).status_code == 403


@pytest.mark.parametrize("host", ["evil.example", f"evil.example:{PORT}", "127.0.0.1", ""])
def test_another_host_is_refused(browser: TestClient, keys: Keys, host: str) -> None:
    opened(browser, keys)
    # A name of another site may be made to point to this machine (DNS rebinding).
    for headers in ({"host": host}, {"host": host, "origin": f"http://{host}"}):
        assert browser.get("/api/state", headers=headers).status_code == 403
        assert browser.post("/api/clips/find", json={}, headers=headers).status_code == 403


@pytest.mark.parametrize("origin", [None, "null", "http://evil.example", "http://127.0.0.1:1"])
def test_changes_come_from_the_page_only(
    browser: TestClient, keys: Keys, origin: str | None
) -> None:
    opened(browser, keys)
    headers = {} if origin is None else {"origin": origin}
    for method, path in (("POST", "/api/close"), ("PUT", "/api/mattes/a.png")):
        assert browser.request(method, path, headers=headers).status_code == 403
    assert browser.post("/api/close", headers={"origin": OWN}).status_code == 200


def test_every_answer_forbids_foreign_code(browser: TestClient, keys: Keys) -> None:
    opened(browser, keys)
    answers = [browser.get(path) for path in ("/", "/api/state", "/static/main.js")]
    browser.cookies.clear()
    for answer in [*answers, browser.get("/")]:
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "script-src 'self'" in policy
        assert "unsafe" not in policy and "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
    page = answers[0].text
    assert not re.search(r"<script(?![^>]*src=)|\son\w+=|style=|javascript:|https?://", page)


def test_names_of_media_are_data(browser: TestClient, keys: Keys, tmp_path: Path) -> None:
    path = tmp_path / "<img src=x onerror=alert(1)>.mov"
    path.write_bytes(b"")
    opened(browser, keys)
    answer = browser.post("/api/clips/open", json={"path": str(path)}, headers={"origin": OWN})
    assert answer.json()["clips"][0]["name"] == path.name
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b'{"path": 3}', b"[" * 5000])
def test_what_is_no_request_is_refused(browser: TestClient, keys: Keys, body: bytes) -> None:
    opened(browser, keys)
    answer = browser.post("/api/clips/open", content=body, headers={"origin": OWN})
    assert (answer.status_code, set(answer.json())) == (409, {"problem"})


def test_a_matte_stays_in_its_folder(browser: TestClient, keys: Keys, tmp_path: Path) -> None:
    opened(browser, keys)
    for name in ("a.png", "..%2F..%2Fevil.png", "%2Fetc%2Fpasswd", "sp ace.mov"):
        answer = browser.put(f"/api/mattes/{name}", content=b"matte", headers={"origin": OWN})
        if answer.status_code == 200:
            kept = Path(answer.json()["path"])
            assert kept.parent == tmp_path / "panel" / "mattes" and kept.read_bytes() == b"matte"
    assert [path.name for path in tmp_path.rglob("evil*")] == []


def test_mattes_of_one_name_are_kept_apart(browser: TestClient, keys: Keys) -> None:
    opened(browser, keys)
    kept = [
        browser.put("/api/mattes/matte.png", content=content, headers={"origin": OWN})
        for content in (b"shot 010", b"shot 020", b"shot 010")
    ]
    first, second, again = (Path(answer.json()["path"]) for answer in kept)
    assert first == again != second
    assert (first.read_bytes(), second.read_bytes()) == (b"shot 010", b"shot 020")
    assert sorted(first.parent.iterdir()) == sorted([first, second])
    assert first.suffix == ".png"
