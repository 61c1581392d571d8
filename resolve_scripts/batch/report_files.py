"""The report of a batch beside its timeline: JSON for programs, a page for people."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from resolve_scripts.batch.outcomes import BatchReport
from resolve_scripts.batch.planned_batch import Server
from resolve_scripts.batch.report_page import report_page
from resolve_scripts.batch.report_pictures import FramePair, frame_pairs
from resolve_scripts.errors import OutputError

# Each clip costs six pictures to ask for, and some 50 KiB of the page.
MOST_CLIPS_SHOWN = 200


def write_report(server: Server, title: str, report: BatchReport, out: Path) -> BatchReport:
    """Writes "<out>_report.json" and "<out>_report.html"; the report with where they are.

    Clips that share a render share its pictures; beyond 200 renders, clips go without.

    Raises:
        OutputError: they cannot be written.
    """
    page = out.with_name(f"{out.stem}_report.html")
    found = replace(report, page=page)
    pairs = _pictures(server, report)
    try:
        page.write_text(report_page(title, found, pairs), encoding="utf-8")
        values = json.dumps(found.to_json(), indent=2)
        page.with_suffix(".json").write_text(f"{values}\n", encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write the report {page}: {error.strerror}") from error
    return found


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
