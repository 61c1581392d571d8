"""Media on its way to the server."""

from __future__ import annotations

import os
from pathlib import Path

from resolve_scripts.client import ViaClient
from resolve_scripts.transfer import MediaDesk
from tests.resolve_scripts.fake_server import FakeServer


def test_a_file_that_changed_is_sent_again(fake: FakeServer, client: ViaClient, clip: Path) -> None:
    desk = MediaDesk(client, shares_disk=False)
    first = desk.source(clip).upload_id
    size_bytes = clip.stat().st_size
    clip.write_bytes(b"other" * (size_bytes // 5 + 1))
    second = desk.source(clip).upload_id
    # The same size, a moment later.
    os.utime(clip, ns=(1, 1))
    third = desk.source(clip).upload_id
    assert len({first, second, third}) == 3
    assert desk.source(clip).upload_id == third
    assert len(fake.uploads) == 3
