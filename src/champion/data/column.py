"""Decides what a column is to those who learn from it, and whether it can teach anything; cells.py reads its values."""

from dataclasses import dataclass

import pandas as pd

from champion.data.reading import BOOLEAN, CATEGORY, DATE, NUMBER, Reading

FEW = 20  # rows, below which a column whose values all differ says nothing about what it is
NAMELESS = ("column 1", "Unnamed: 0", "__index_level_0__")  # what an index that pandas saved is called


@dataclass(frozen=True)
class Column:
    """What is known of a column: its kind, or None where it is left out, and the facts that people look for.

    `holds` describes its values, `missing` is the share of rows without one, `why` says why it is left out, `note` what
    is worth knowing of how it was read, and `reading` how it is read wherever it comes from, if it is used.
    """

    name: str
    kind: str | None
    holds: str
    missing: float
    why: str = ""
    note: str = ""
    reading: Reading | None = None


def name_at(place: int, written: str) -> str:
    """Return the name of a column without blanks around it; one that has none is called after its place from 1."""
    return written.strip() or f"column {place}"


def describe(values: pd.Series, *, kind: str, asked: bool = False) -> Column:
    """Describe a column of this kind; one that wasn't `asked` for is left out where it can't teach anything."""
    present = values.dropna()
    why = "" if asked else _why_left_out(kind, present, n_rows=len(values))
    missing = 1 - len(present) / len(values) if len(values) else 0.0
    return Column(str(values.name), None if why else kind, _holds(kind, present), missing, why)


def _why_left_out(kind: str, present: pd.Series, *, n_rows: int) -> str:
    if present.empty:
        return "empty"
    if len(present) == n_rows and (present == present.iloc[0]).all():
        return "one value"
    if len(present) < FEW:
        return ""
    if kind == NUMBER and _is_index(present, n_rows=n_rows):
        return "numbers the rows"
    if kind == CATEGORY and present.nunique() >= 0.99 * len(present):
        return "names the rows"
    return ""


def _is_index(present: pd.Series, *, n_rows: int) -> bool:
    """Tell whether the values are whole numbers, one for each row in any order: consecutive ones, or an index's."""
    if len(present) < n_rows or (present.name not in NAMELESS and present.max() - present.min() != n_rows - 1):
        return False
    return bool((present % 1 == 0).all()) and present.is_unique


def _holds(kind: str, present: pd.Series) -> str:
    if present.empty:
        return "nothing"
    if kind == NUMBER:
        return _span(_short(present.min()), _short(present.max()))
    if kind == DATE:
        return _span(*(moment.date().isoformat() for moment in (present.min(), present.max())))
    if kind == BOOLEAN:
        return "true or false"
    distinct = present.nunique()
    shown = ", ".join(str(value) for value in present.unique()[:3])
    return f"{distinct:,} values" if distinct > 3 or len(shown) > 40 else shown


def _span(least: str, most: str) -> str:
    return least if least == most else f"{least} to {most}"


def _short(number: float) -> str:
    size = abs(float(number))
    if size >= 1e15:
        return f"{number:.4g}"
    if number % 1 == 0:
        return f"{number:,.0f}" if size >= 10_000 else f"{number:.0f}"  # 1963 is a year
    return f"{number:.4g}" if size < 10_000 else f"{number:,.1f}"
