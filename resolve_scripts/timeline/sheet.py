"""Instruction sheets: a table of edits, one clip or record range a row, as CSV or TOML."""

from __future__ import annotations

import csv
import io
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from resolve_scripts.errors import ClipNotSupportedError, UsageError
from resolve_scripts.timeline.clip_edit import ClipEdit, ClipRefusal
from resolve_scripts.timeline.mapping import Span
from resolve_scripts.timeline.record import ClipPlace
from resolve_scripts.timeline.selection.cut import Cut
from resolve_scripts.timeline.selection.record_range import record_span
from resolve_scripts.timeline.selection.visible import topmost

OWN_COLUMNS = ("clip", "range", "track", "instruction")


@dataclass(frozen=True, kw_only=True)
class SheetRow:
    """One edit of a sheet.

    Attributes:
        number: line of the CSV, or position of the TOML table from 1.
        instruction: what to change; empty where none is given.
        clip: name, with * and ? standing for any letters; None for every clip.
        range: record range as `record_span` reads it; None for all of the clip.
        track: name or number of a video track; None for any.
        options: the other columns that are filled, by name: options of `via edit` without dashes.
    """

    number: int
    instruction: str
    clip: str | None = None
    range: str | None = None
    track: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)


def read_sheet(path: Path) -> tuple[SheetRow, ...]:
    """Reads a sheet.

    A CSV has a header with the columns clip, range, track and instruction, the first or the
    second of them at least, separated by commas, semicolons or tabs. A TOML has a table [[edit]]
    with the same keys for every row. Further columns are options of `via edit`, such as seed.

    Raises:
        UsageError: the sheet is missing, cannot be read, or a row names neither clip nor range,
            or has more cells than the header.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read the sheet {path} ({error})") from error
    rows = _toml_rows(text, path) if path.suffix.lower() == ".toml" else _csv_rows(text, path)
    found = tuple(_row(number, values, path) for number, values in rows)
    if not found:
        raise UsageError(f"the sheet {path} holds no edit; see `via batch --help` for its columns")
    return found


def asked_by_sheet(
    cut: Cut, rows: Iterable[SheetRow], instruction: str
) -> tuple[list[ClipEdit], list[ClipRefusal]]:
    """The edits of a sheet; a row without an instruction takes `instruction`.

    A row with a clip means every clip of that name, one with a range alone what a viewer sees
    then. Rows that name nothing in the timeline are refused by their number.
    """
    edits: list[ClipEdit] = []
    refusals: list[ClipRefusal] = []
    for row in rows:
        try:
            edits.extend(_row_edits(cut, row, instruction))
        except (UsageError, ClipNotSupportedError) as error:
            refusals.append(ClipRefusal(name=f"row {row.number} of the sheet", error=error))
    return edits, refusals


def _row_edits(cut: Cut, row: SheetRow, instruction: str) -> list[ClipEdit]:
    span = record_span(row.range, cut.clock) if row.range else None
    track = cut.track_index(row.track) if row.track else None
    edits = [
        ClipEdit(
            place=place,
            instruction=row.instruction or instruction,
            options=row.options,
            part=None if part == place.window else part,
        )
        for place, part in _row_places(cut, row, span, track)
    ]
    if not edits:
        sought = " ".join(filter(None, (row.clip, row.range, row.track and f"on {row.track}")))
        raise ClipNotSupportedError(
            f"the timeline shows no clip {sought}; names are matched letter by letter, with * and "
            "? for any",
            reason="CLIP_NOT_FOUND",
        )
    return edits


def _row_places(
    cut: Cut, row: SheetRow, span: Span | None, track: int | None
) -> Iterator[tuple[ClipPlace, Span]]:
    """The clips a row means, each with the record time to edit."""
    if row.clip is None and span is not None:
        places = [one for one in cut.in_time.within(span) if track in {None, one.track_index}]
        yield from topmost(places, span)
        return
    for place in cut.named(row.clip or "*"):
        part = place.window if span is None else span.overlap(place.window)
        if part is not None and track in {None, place.track_index}:
            yield place, part


def _csv_rows(text: str, path: Path) -> Iterable[tuple[int, dict[str, str]]]:
    header = text.partition("\n")[0]
    delimiter = max(",;\t", key=header.count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    for values in reader:
        kept = {
            key.strip().lower(): value.strip()
            for key, value in values.items()
            if isinstance(key, str) and isinstance(value, str) and value.strip()
        }
        if surplus := " ".join(values.get(None) or ()).strip():
            raise UsageError(
                f"row {reader.line_num} of {path} has more cells than the header has columns "
                f'({surplus!r}); put a text that holds {delimiter!r} in quotes, "like, this"'
            )
        if kept:
            yield reader.line_num, kept


def _toml_rows(text: str, path: Path) -> Iterable[tuple[int, dict[str, str]]]:
    try:
        tables = tomllib.loads(text).get("edit", [])
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"the sheet {path} is no TOML ({error})") from error
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise UsageError(f"the sheet {path} needs a table [[edit]] for every edit")
    for number, table in enumerate(tables, 1):
        yield number, {key.lower(): _text(value) for key, value in table.items()}


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _row(number: int, values: Mapping[str, str], path: Path) -> SheetRow:
    own = {key: values.get(key) for key in OWN_COLUMNS}
    if own["clip"] is None and own["range"] is None:
        raise UsageError(
            f"row {number} of {path} says neither clip nor range; name the clip, or its record "
            "range, in a column of that name"
        )
    return SheetRow(
        number=number,
        instruction=own["instruction"] or "",
        clip=own["clip"],
        range=own["range"],
        track=own["track"],
        options={
            key.replace("_", "-"): value for key, value in values.items() if key not in OWN_COLUMNS
        },
    )
