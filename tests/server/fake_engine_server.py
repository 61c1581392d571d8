"""`python -m server` with the fake engine and its models."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import replace

from server.cli import read_config, run
from via_engine.config import EngineConfig

if __name__ == "__main__":
    from tests.server.conftest import CATALOG

    config = replace(
        read_config(sys.argv[1:], os.environ),
        editor_factory="tests.fakes:FakeEditor",
        engine=EngineConfig(chunk_frames=8),
    )
    asyncio.run(run(config, CATALOG))
