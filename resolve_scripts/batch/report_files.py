"""The report of a batch beside its timeline: JSON for programs, a page for people."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from resolve_scripts.batch.outcomes import BatchReport
from resolve_scripts.batch.planned_batch import Server
from resolve_scripts.batch.report_page import report_page
from resolve_scripts.batch.report_pictures import FramePair, frame_pairs
from resolve_scripts.batch_destinations import page_of, written

# Each clip costs six pictures to ask for, and some 50 KiB of the page.
MOST_CLIPS_SHOWN = 200


def write_report(server: Server, title: str, report: BatchReport, out: Path) -> BatchReport:
    """Writes "<out>_report.json" and "<out>_report.html"; the report with where they are.

    Clips that share a render share its pictures; beyond 200 renders, clips go without.

    Raises:
        OutputError: they cannot be written.
    """
    page = page_of(out)
    found = replace(report, page=page)
    pairs = _pictures(server, report)
    with written(page) as partial:
        partial.write_text(report_page(title, found, pairs), encoding="utf-8")
    write_values(found.to_json(), page.with_suffix(".json"))
    return found


def write_values(values: dict[str, Any], path: Path) -> None:
    """Writes a report's plain values as JSON.

    Raises:
        OutputError: they cannot be written.
    """
    with written(path) as partial:
        partial.write_text(f"{json.dumps(values, indent=2)}\n", encoding="utf-8")


def _pictures(server: Server, report: BatchReport) -> dict[int, tuple[FramePair, ...]]:
    """Frames before and after, by the position of the clip in the report."""
    found: dict[Path, tuple[FramePair, ...]] = {}
    pairs: dict[int, tuple[FramePair, ...]] = {}
    for index, clip in enumerate(report.clips):
        if clip.plan is None or clip.path is None:
            continue
        if clip.path not in found and len(found) < MOST_CLIPS_SHOWN:
            found[clip.path] = frame_pairs(
                server.client, server.desk, clip.plan, clip.path, clip.record["job"]
            )
        pairs[index] = found.get(clip.path, ())
    return pairs
