"""Options of `via edit` in the columns of an instruction sheet, for one clip each."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import fields
from enum import Enum
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

from resolve_scripts.edit_options import ClipOptions, EditOptions
from resolve_scripts.errors import UsageError

# What a batch cannot do for a clip among many: nobody looks at roots, outputs are named for it.
NOT_IN_SHEETS = frozenset({"pick", "save_adapter", "identity", "h264", "lossless"})
YES, NO = frozenset({"yes", "true", "on", "1", "x"}), frozenset({"no", "false", "off", "0"})
LIST_SEPARATOR = " "


def with_sheet_options(options: EditOptions, row: Mapping[str, str], folder: Path) -> ClipOptions:
    """The options with those of a row in their place.

    Args:
        options: what the command line says for all clips.
        row: texts by the option's name without dashes, such as "seed" or "guidance-scale". Several
            points are separated by spaces; a flag is "yes" or "no".
        folder: what files are relative to.

    Raises:
        UsageError: there is no such option, or it cannot have this value.
    """
    known = _by_name()
    given = {field.name: getattr(options, field.name) for field in fields(EditOptions)}
    for name, text in row.items():
        if name not in known:
            raise UsageError(
                f"the sheet has a column {name!r}, which is no option of an edit; there are: "
                f"{', '.join(sorted(known))}",
                reason="SHEET_INVALID",
            )
        field_name, kind = known[name]
        given[field_name] = _value(name, kind, text, folder)
    return ClipOptions(**given)


def _by_name() -> dict[str, tuple[str, Any]]:
    """Field and type of each option, by its name on the command line without dashes."""
    hints = get_type_hints(ClipOptions, include_extras=True)
    kinds = {name: get_args(hint)[:2] for name, hint in hints.items() if name not in NOT_IN_SHEETS}
    return {_name(field, option): (field, kind) for field, (kind, option) in kinds.items()}


def _name(field: str, option: Any) -> str:
    # typer keeps the first name it is given in the place of the default.
    names = (option.default, *(option.param_decls or ()))
    declared = next((each for each in names if str(each).startswith("--")), field)
    return str(declared).partition("/")[0].lstrip("-").replace("_", "-")


def _value(name: str, kind: Any, text: str, folder: Path) -> Any:
    if get_origin(kind) in (Union, types.UnionType):
        (kind,) = (each for each in get_args(kind) if each is not type(None))
    if get_origin(kind) is list:
        return text.split(LIST_SEPARATOR)
    try:
        return _parsed(kind, text, folder)
    except (ValueError, KeyError) as error:
        raise UsageError(
            f"the sheet's {name} {text!r} cannot be read; give {_expected(kind)}",
            reason="SHEET_INVALID",
        ) from error


def _parsed(kind: Any, text: str, folder: Path) -> Any:
    if kind is bool:
        return {**dict.fromkeys(YES, True), **dict.fromkeys(NO, False)}[text.lower()]
    if kind is Path:
        return folder / text
    return kind(text)


def _expected(kind: Any) -> str:
    if isinstance(kind, type) and issubclass(kind, Enum):
        return f"one of {', '.join(str(each.value) for each in kind)}"
    return {bool: "yes or no", int: "a whole number", float: "a number"}.get(kind, "a text")
