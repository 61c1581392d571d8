"""What the FCPXML adapter of OpenTimelineIO leaves out without a word: retimes."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import opentimelineio as otio


def refuse_dropped_retimes(timeline: otio.schema.Timeline, path: Path) -> None:
    """Marks the clips that the file retimes, in place, so that they are refused by name."""
    root = ElementTree.parse(path).getroot()
    retimed = {element.get("name"): words for element in root.iter() if (words := _retime(element))}
    for clip in timeline.find_clips() if retimed else ():
        if (words := retimed.get(clip.name)) is not None:
            clip.effects.append(otio.schema.TimeEffect(effect_name=words))


def _retime(element: ElementTree.Element) -> str | None:
    """What retimes an element of the file; None for normal speed."""
    if element.find("timeMap") is not None:
        return "a Final Cut retime"
    conform = element.find("conform-rate")
    if conform is not None and conform.get("scaleEnabled", "1") == "1":
        return "a Final Cut rate conform"
    return None
