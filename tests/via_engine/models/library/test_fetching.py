"""Known models are fetched at one commit, checked, gone on with when cut off, and kept."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import save

from tests.via_engine.models.library.fake_hub import COMMIT, FakeHub, running_hub
from via_engine.errors import DownloadError, ModelIntegrityError, RequestError
from via_engine.models.library.fetching import accept, offer
from via_engine.models.library.library import Library
from via_engine.models.library.manifest import (
    Manifest,
    Role,
    Source,
    WantedFile,
    known_manifests,
    manifest,
)

TRACKER = {
    "config.json": json.dumps({"model_type": "sam2_video"}).encode(),
    "model.safetensors": save({"weight": torch.arange(50_000.0)}),
    "model.fp16.safetensors": b"a copy nobody wants",
    "README.md": b"about it",
}
KNOWN = Manifest(
    name="tracker",
    title="A tracker",
    role=Role.TRACKER,
    licence="Apache-2.0",
    commercial_use=True,
    use="Free.",
    sources=(
        Source(
            repository="them/tracker",
            revision=None,
            files=(WantedFile(pattern="config.json"), WantedFile(pattern="model.*")),
        ),
    ),
)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    with running_hub() as running:
        running.repositories["them/tracker"] = dict(TRACKER)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setattr(constants, "ENDPOINT", running.address)
        template = f"{running.address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        yield running


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "models")


def test_an_offer_tells_size_and_commit_and_fetches_nothing(hub: FakeHub, library: Library) -> None:
    offered = offer(library, KNOWN)
    wanted = ("config.json", "model.safetensors")
    assert [file.path for file in offered.snapshots[0].files] == list(wanted)
    assert offered.size_bytes == sum(len(TRACKER[name]) for name in wanted)
    assert offered.revision == COMMIT
    assert not any("resolve" in request for request in hub.requests)
    assert not library.folder.exists()


def test_what_is_fetched_is_kept_with_hashes_and_commit(hub: FakeHub, library: Library) -> None:
    entry = accept(library, offer(library, KNOWN), lambda _: None)
    assert library.entry("tracker") == entry
    assert (entry.role, entry.revision, entry.licence) == (Role.TRACKER, COMMIT, "Apache-2.0")
    weights = TRACKER["model.safetensors"]
    assert (entry.content / "model.safetensors").read_bytes() == weights
    assert entry.files["model.safetensors"].sha256 == hashlib.sha256(weights).hexdigest()
    assert sorted(entry.files) == ["config.json", "model.safetensors"]
    entry.check(thorough=True)
    with pytest.raises(RequestError, match="there already"):
        offer(library, KNOWN)


def test_a_fetch_that_was_stopped_goes_on_where_it_was(
    hub: FakeHub, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1000)
    hub.repositories["them/tracker"].pop("config.json")
    hub.cut_after_bytes = 100_000
    with monkeypatch.context() as patch:
        # The connection is lost, and before the client tries again the person stops the command.
        patch.setattr("huggingface_hub.file_download.time.sleep", stop)
        with pytest.raises(KeyboardInterrupt):
            accept(library, offer(library, KNOWN), lambda _: None)
    assert not (library.folder / "tracker").exists()
    hub.repositories["them/tracker"]["config.json"] = TRACKER["config.json"]
    entry = accept(library, offer(library, KNOWN), lambda _: None)
    assert hub.ranges == ["bytes=100000-"]
    assert (entry.content / "model.safetensors").read_bytes() == TRACKER["model.safetensors"]


def stop(_seconds: float) -> None:
    raise KeyboardInterrupt


def test_another_file_than_the_manifests_is_refused_with_both_hashes(
    hub: FakeHub, library: Library
) -> None:
    expected = "ab" * 32
    files = (WantedFile(pattern="model.safetensors", sha256=expected),)
    known = replace(KNOWN, sources=(replace(KNOWN.sources[0], files=files),))
    found = hashlib.sha256(TRACKER["model.safetensors"]).hexdigest()
    with pytest.raises(ModelIntegrityError, match=f"{expected}, found {found}"):
        accept(library, offer(library, known), lambda _: None)
    assert not (library.folder / "tracker").exists()


def test_a_repository_that_is_gone_is_named(hub: FakeHub, library: Library) -> None:
    source = replace(KNOWN.sources[0], repository="them/gone")
    with pytest.raises(DownloadError, match=r"them/gone on http.*via models add"):
        offer(library, replace(KNOWN, sources=(source,)))


def test_a_hub_out_of_reach_is_named(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    with running_hub() as gone:
        pass
    monkeypatch.setattr(constants, "ENDPOINT", gone.address)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with pytest.raises(DownloadError, match="out of reach"):
        offer(library, KNOWN)


def test_mgie_is_never_fetched(library: Library) -> None:
    with pytest.raises(DownloadError, match=r"never fetched.*--accept-noncommercial"):
        offer(library, manifest("mgie"))


def test_every_manifest_says_what_people_need_to_know() -> None:
    manifests = known_manifests()
    assert {one.role for one in manifests} == set(Role)
    for one in manifests:
        assert one.licence and one.use
        assert one.sources or one.by_hand
        for source in one.sources:
            assert source.revision is None or len(source.revision) == 40
            for file in source.files:
                assert file.sha256 is None or len(file.sha256) == 64


def test_the_command_asks_before_it_fetches(hub: FakeHub, tmp_path: Path) -> None:
    hub.repositories["facebook/sam2.1-hiera-tiny"] = dict(TRACKER)
    environment = {
        "VIA_MODELS_FOLDER": str(tmp_path / "models"),
        "HF_ENDPOINT": hub.address,
        "NO_PROXY": "127.0.0.1",
        "PATH": "/usr/bin",
    }

    def pull(*more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "via_engine.models", "pull", "sam2.1-hiera-tiny", *more]
        return subprocess.run(
            command,
            env=environment,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )

    refused = pull("--json")
    assert refused.returncode == 2
    assert "Apache-2.0" in refused.stderr and COMMIT in refused.stderr
    assert "add --yes" in json.loads(refused.stderr.splitlines()[-1])["error"]["message"]
    assert not any("resolve" in request for request in hub.requests)
    agreed = pull("--yes", "--json")
    assert agreed.returncode == 0, agreed.stderr
    assert json.loads(agreed.stdout)["revision"] == COMMIT
