"""Markers and colours, which timelines, their items and media pool clips have alike."""

from __future__ import annotations

from typing import Any

MARKER_COLORS = [
    "Blue",
    "Cyan",
    "Green",
    "Yellow",
    "Red",
    "Pink",
    "Purple",
    "Fuchsia",
    "Rose",
    "Lavender",
    "Sky",
    "Mint",
    "Lemon",
    "Sand",
    "Cocoa",
    "Cream",
]
CLIP_COLORS = [
    "Orange",
    "Apricot",
    "Yellow",
    "Lime",
    "Olive",
    "Green",
    "Teal",
    "Navy",
    "Blue",
    "Purple",
    "Violet",
    "Pink",
    "Tan",
    "Beige",
    "Brown",
    "Chocolate",
]


class Marked:
    """The marker family: keys are floats, one marker a frame, unknown colours refused."""

    def __init__(self) -> None:
        super().__init__()
        self.markers: dict[float, dict[str, Any]] = {}

    def AddMarker(
        self, frame: float, color: str, name: str, note: str, duration: float, custom: str = ""
    ) -> bool:
        if color not in MARKER_COLORS or float(frame) in self.markers:
            return False
        self.markers[float(frame)] = {
            "color": color,
            "duration": float(duration),
            "note": note,
            "name": name,
            "customData": custom,
        }
        return True

    def GetMarkers(self) -> dict[float, dict[str, Any]]:
        return {frame: dict(marker) for frame, marker in sorted(self.markers.items())}

    def GetMarkerCustomData(self, frame: float) -> str:
        return str(self.markers.get(float(frame), {}).get("customData", ""))

    def GetMarkerByCustomData(self, custom: str) -> dict[float, Any]:
        return {at: one for at, one in self.markers.items() if one["customData"] == custom}

    def DeleteMarkerAtFrame(self, frame: float) -> bool:
        return self.markers.pop(float(frame), None) is not None

    def DeleteMarkersByColor(self, color: str) -> bool:
        kept = {at: one for at, one in self.markers.items() if color not in ("All", one["color"])}
        changed = len(kept) != len(self.markers)
        self.markers = kept
        return changed


class Coloured:
    """Clip colours and flags."""

    def __init__(self) -> None:
        super().__init__()
        self.color = ""
        self.flags: list[str] = []

    def GetClipColor(self) -> str:
        return self.color

    def SetClipColor(self, color: str) -> bool:
        if color not in CLIP_COLORS:
            return False
        self.color = color
        return True

    def AddFlag(self, color: str) -> bool:
        self.flags.append(color)
        return True

    def GetFlagList(self) -> list[str]:
        return list(self.flags)

    def ClearFlags(self, color: str) -> bool:
        self.flags = [one for one in self.flags if color not in ("All", one)]
        return True
