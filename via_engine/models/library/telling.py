"""Models and plans as values for programs and as lines for people."""

from __future__ import annotations

from typing import Any

from via_engine.models.library.library import Entry
from via_engine.models.library.manifest import Manifest
from via_engine.models.memory_plan import MemoryPlan, Part

_UNITS = (("GB", 1e9), ("MB", 1e6), ("kB", 1e3))


def plan_values(plan: MemoryPlan) -> dict[str, Any]:
    """A memory plan."""
    return {
        "fits": plan.fits,
        "group_cache_bytes": plan.group_cache_bytes,
        "parts": [
            {"name": part.name, "size_bytes": part.size_bytes, "stay": part.stay.name.lower()}
            for part in plan.parts
        ],
    }


def part_line(part: Part) -> str:
    """A part of an edit, its size, and what becomes of it."""
    return f"    {part.name:<38} {size_text(part.size_bytes):>8}  {part.stay.value}"


def groups_line(plan: MemoryPlan) -> str:
    """What is left for attention groups."""
    return f"    {'room for attention groups':<38} {size_text(plan.group_cache_bytes):>8}"


def entry_values(entry: Entry) -> dict[str, Any]:
    """A model of the library."""
    return {
        "name": entry.name,
        "role": entry.role.value,
        "path": str(entry.content),
        "size_bytes": entry.size_bytes,
        "licence": entry.licence,
        "commercial_use": entry.commercial_use,
        "origin": entry.origin,
        "revision": entry.revision,
        "sha256": {name: record.sha256 for name, record in entry.files.items()},
    }


def known_values(known: Manifest) -> dict[str, Any]:
    """A known model."""
    return {
        "name": known.name,
        "title": known.title,
        "role": known.role.value,
        "size_bytes": known.size_bytes,
        "licence": known.licence,
        "commercial_use": known.commercial_use,
        "use": known.use,
        "repositories": [source.repository for source in known.sources],
        "by_hand": known.by_hand,
    }


def entry_line(entry: Entry) -> str:
    """A model of the library."""
    size = size_text(entry.size_bytes)
    return f"  {entry.name:<24} {entry.role.value:<10} {size:>8}  {entry.licence}  {entry.content}"


def known_line(known: Manifest) -> str:
    """A known model."""
    size = size_text(known.size_bytes) if known.size_bytes else "?"
    return f"  {known.name:<24} {known.role.value:<10} {size:>8}  {known.licence}"


def repositories(known: Manifest) -> str:
    """Where a known model is fetched."""
    return ", ".join(source.repository for source in known.sources)


def size_text(count: int) -> str:
    """Bytes in the unit people read."""
    for unit, bytes_ in _UNITS:
        if count >= bytes_:
            return f"{count / bytes_:.1f} {unit}"
    return f"{count} bytes"
