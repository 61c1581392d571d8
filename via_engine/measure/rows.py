"""What a benchmark answers with: rows that people and machines read alike."""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

COMPARISONS: dict[str, Callable[[float, float], bool]] = {"<=": operator.le, ">=": operator.ge}


@dataclass(frozen=True, kw_only=True)
class Bar:
    """What a figure has to reach: `comparison` is "<=" or ">=", `limit` in the row's unit."""

    comparison: str
    limit: float

    def holds(self, value: float) -> bool:
        """Whether `value` reaches the bar."""
        return COMPARISONS[self.comparison](value, self.limit)

    def __str__(self) -> str:
        return f"{self.comparison} {self.limit:g}"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One measured figure, of `cases` cases where it is a mean or a median of several.

    Without a bar it informs only.
    """

    name: str
    value: float
    unit: str
    bar: Bar | None = None
    cases: int | None = None

    @property
    def holds(self) -> bool:
        """False only when there is a bar and the figure misses it."""
        return self.bar is None or self.bar.holds(self.value)


def as_json(rows: Sequence[Row]) -> str:
    """A JSON list of `{name, value, unit, cases, bar, holds}`; `cases` and `bar` may be null."""
    return json.dumps(
        [
            {
                "name": row.name,
                "value": row.value,
                "unit": row.unit,
                "cases": row.cases,
                "bar": None if row.bar is None else str(row.bar),
                "holds": row.holds,
            }
            for row in rows
        ],
        indent=2,
    )


def print_table(title: str, rows: Sequence[Row]) -> None:
    """A table on stdout for people."""
    table = Table(title=title, title_justify="left")
    for heading in ("figure", "value", "unit", "cases", "bar", ""):
        table.add_column(heading, justify="right" if heading in ("value", "cases") else "left")
    for row in rows:
        verdict = "" if row.bar is None else ("holds" if row.holds else "MISSED")
        bar = "" if row.bar is None else str(row.bar)
        cases = "" if row.cases is None else str(row.cases)
        table.add_row(row.name, f"{row.value:.4g}", row.unit, cases, bar, verdict)
    Console().print(table)
