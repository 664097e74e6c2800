"""Decides what a column is to those who learn from it, and whether it can teach anything; cells.py reads its values."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

NUMBER, BOOLEAN, CATEGORY, TEXT, DATE = "number", "boolean", "category", "text", "date"
KINDS = (NUMBER, BOOLEAN, CATEGORY, TEXT, DATE)
FEW = 20  # rows, below which a column whose values all differ says nothing about what it is
WORDS = 2.5  # on average, from which cells are sentences rather than names of categories


@dataclass(frozen=True)
class Column:
    """What is known of a column: its kind, or None where it is left out, and the facts that people look for.

    `holds` describes its values, `missing` is the share of rows without one, `why` says why it is left out, and
    `date_format` how its dates are written where that isn't ISO 8601.
    """

    name: str
    kind: str | None
    holds: str
    missing: float
    why: str = ""
    date_format: str = ""


def describe(values: pd.Series, *, kind: str | None = None, date_format: str = "") -> Column:
    """Describe a column of a table: its kind follows from its dtype, and for text from what is written there.

    `kind` is the one that was asked for, if any; without it columns are left out that can't teach anything.
    """
    present = values.dropna()
    found = kind or _kind(values, present)
    why = "" if kind else _why_left_out(found, present, n_rows=len(values))
    missing = 1 - len(present) / len(values) if len(values) else 0.0
    return Column(str(values.name), None if why else found, _holds(found, present), missing, why, date_format)


def _kind(values: pd.Series, present: pd.Series) -> str:
    if pd.api.types.is_bool_dtype(values) or (len(present) and set(map(type, present.iloc[:FEW])) == {bool}):
        return BOOLEAN
    if pd.api.types.is_datetime64_dtype(values):
        return DATE
    if pd.api.types.is_numeric_dtype(values):
        return NUMBER
    distinct = present.unique()
    words = np.mean([word.count(" ") + 1 for word in distinct[:1000]]) if len(distinct) else 0
    return TEXT if words >= WORDS and len(distinct) > max(FEW, 0.1 * len(present)) else CATEGORY


def _why_left_out(kind: str, present: pd.Series, *, n_rows: int) -> str:
    if present.empty:
        return "empty"
    if len(present) == n_rows and _is_constant(present):
        return "one value"
    if len(present) < FEW:
        return ""
    if kind == NUMBER and _is_index(present, n_rows=n_rows):
        return "numbers the rows"
    if kind == CATEGORY and present.nunique() >= 0.99 * len(present):
        return "names the rows"
    return ""


def _is_constant(present: pd.Series) -> bool:
    return bool((present == present.iloc[0]).all())


def _is_index(present: pd.Series, *, n_rows: int) -> bool:
    """Tell whether the values are consecutive whole numbers, one for each row, in any order."""
    if len(present) < n_rows or present.max() - present.min() != n_rows - 1:
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
