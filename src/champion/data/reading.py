"""Decides what a cell means in a column that was learned from: one answer, whichever way the cell comes."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from champion.base.errors import CellError
from champion.data import cells as out_of
from champion.data import date as dates
from champion.data.category import KEYS, value
from champion.data.cells import Held
from champion.data.date import ISO_8601
from champion.data.number import PLAIN

NUMBER, BOOLEAN, CATEGORY, TEXT, DATE = "number", "boolean", "category", "text", "date"
KINDS = (NUMBER, BOOLEAN, CATEGORY, TEXT, DATE)  # of what a column may hold
# What pandas takes for a missing value.
MISSING = ["", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A"]
MISSING += ["NA", "NULL", "NaN", "None", "n/a", "nan", "null"]
LARGEST = float(np.finfo("float32").max)  # models hold what they split on in so many bits
EXACT = 2**53  # from which on a float may be another whole number's too
OWN, OBJECT = {NUMBER: np.dtype("float64"), DATE: np.dtype(dates.DTYPE)}, np.dtype(object)  # of values, gaps included
WHOLE = EXACT - 1  # the largest number of a column of whole ones
STRANGE = object()  # what a cell stands for that has no place in its column
NUMERIC, POINTS = re.compile("[-+0-9.,eE]+"), str.maketrans(",.", ".,")  # from decimal commas to points
TYPES = {NUMBER: "double", BOOLEAN: "boolean", DATE: "datetime", CATEGORY: "string", TEXT: "string"}
DTYPES = {"double": "float64", "long": "int64", "boolean": "bool", "datetime": dates.DTYPE, "string": "str"}
RULES = {"double": "a finite number", "long": "a whole number", "boolean": "true or false", "string": "text"}
FOUND = {str: "text", bool: "true or false", int: "a number", float: "a number", Decimal: "a number"}  # by type
FOUND |= {date: "a date", time: "a time", timedelta: "a span of time", bytes: "bytes", type(None): "nothing"}


@dataclass(frozen=True)
class Reading:
    """How the cells of one column are read, as its training rows taught.

    Blanks around text are no part of it. `missing` are words for nothing beside pandas' own, `present` those that are
    values all the same where words are. `decimal` is the mark of decimals in text, `date_format` how dates are written,
    tried before ISO 8601. `made_of` tells which spellings of a category are one, and `words`, with NUL between them,
    those that training saw, None where nobody knows. The numbers of a `whole` column have no fraction, and of a
    `required` one no value is missing.
    """

    name: str
    kind: str
    missing: tuple[str, ...] = ()
    present: tuple[str, ...] = ()
    decimal: str = "."
    date_format: str = ISO_8601
    made_of: str = ""
    words: str | None = None
    whole: bool = False
    required: bool = False

    def read(self, held: Held) -> np.ndarray:
        """Return the values of cells, of shape (n_rows,).

        They are float64 (int64 where they are whole and none is missing), bool (object where some are missing),
        datetime64[us] in UTC, or text as objects. Raises CellError for the first cell that has no place in the column.
        """
        if (found := self._at_once(held)) is None:
            distinct, positions = out_of.distinct(out_of.column(held))
            values = self.values(distinct)
            wrong = [one is STRANGE or (self.required and one is None) for one in values]
            if any(wrong) and (strange := np.array(wrong)[positions]).any():
                row = int(np.argmax(strange))
                raise CellError(self.name, row, rule=self.rule, found=self._found(distinct[positions[row]]))
            known = [None if one is STRANGE else one for one in values]
            found = np.array(known, dtype=OWN.get(self.kind, OBJECT))[positions]
        is_narrow = self.whole or self.kind == BOOLEAN  # where none is missing
        return found.astype(self.dtype) if is_narrow and not pd.isna(found).any() else found

    def values(self, cells: Sequence[Any]) -> list[Any]:
        """Return what each cell stands for, None for nothing, STRANGE for what has no place in the column."""
        plain = [self.plain(cell) for cell in cells]
        if self.kind == DATE:
            found = self._dates(plain)
        else:
            one = {NUMBER: self._number, BOOLEAN: _truth, CATEGORY: self._category, TEXT: _text}[self.kind]
            found = [None if cell is None else one(cell) for cell in plain]
        return [None if value in self._stand_ins else value for value in found] if self._stand_ins else found

    def unseen(self, values: np.ndarray) -> int:
        """Return how many of the values, of shape (n_rows,), are categories that training never saw."""
        if self.kind != CATEGORY or self.words is None:
            return 0
        return sum(value is not None and value not in self._seen for value in values.tolist())

    def plain(self, cell: Any) -> Any:
        """Return the cell as a type of Python without blanks around it, or None where it stands for nothing."""
        if isinstance(cell, str):
            return None if (text := cell.strip()) in self.nothing else text
        if isinstance(cell, np.generic):
            cell = cell.item()
        return None if cell is pd.NA or cell is pd.NaT or (isinstance(cell, float) and cell != cell) else cell

    def key(self, cell: Any) -> str:
        """Return what all spellings of one category have in common."""
        return KEYS[self.made_of](self._pointed(cell))

    @property
    def type(self) -> str:
        """What MLflow calls a column of such values."""
        return "long" if self.whole else TYPES[self.kind]

    @property
    def dtype(self) -> str:
        """The dtype of its values in a table, where none is missing."""
        return DTYPES[self.type]

    @property
    def rule(self) -> str:
        """What the column is said to hold."""
        as_learned = f"{dates.EXAMPLE.strftime(self.date_format)} or " if self.date_format != ISO_8601 else ""
        return RULES.get(self.type, f"a date such as {as_learned}2024-05-31")

    @cached_property
    def nothing(self) -> frozenset[str]:
        """The words that mean a missing value."""
        return frozenset([*MISSING, *self.missing]).difference(self.present if self.kind in (CATEGORY, TEXT) else ())

    def __getstate__(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}  # without what was derived from them

    @cached_property
    def _stand_ins(self) -> set[Any]:
        """The values that mean nothing, such as -999, however they are written."""
        return set(replace(self, missing=()).values(self.missing)) - {None, STRANGE} if self.missing else set()

    @cached_property
    def _seen(self) -> frozenset[str]:
        return frozenset((self.words or "").split("\0")) - self.nothing

    @cached_property
    def _meant(self) -> dict[str, Any]:
        """The category that a number, a time or a truth stands for, by its value; STRANGE where it may be several."""
        meant: dict[str, Any] = {}
        for word in self._seen:
            said = value(self._pointed(word))
            meant[said] = STRANGE if said in meant else word
        return meant

    def _at_once(self, held: Held) -> np.ndarray | None:
        """Return cells that are numbers or moments already, or plainly written numbers: the short way for most."""
        if isinstance(held, out_of.LISTS) and len(held) <= out_of.FEW:  # NumPy takes longer to begin
            fit = all(map(self._fits, held)) and self._stand_ins.isdisjoint(held)
            return np.array(held, dtype=OWN.get(self.kind, OBJECT)) if fit else None
        if self._stand_ins or self.kind not in (NUMBER, DATE):
            return None
        cells = out_of.column(held)
        if self.kind == DATE:
            moments = out_of.moments(cells)
            return None if moments is None or (self.required and np.isnat(moments).any()) else moments
        numbers = out_of.numbers(cells, decimal=self.decimal, nothing=self.nothing)
        if numbers is None or (self.whole and (numbers > np.floor(numbers)).any()):
            return None
        fits = np.abs(numbers) <= (WHOLE if self.whole else LARGEST)
        return numbers if (fits if self.required else fits | np.isnan(numbers)).all() else None

    def _fits(self, cell: Any) -> bool:
        """Tell whether a cell is the value that it stands for."""
        if self.kind == NUMBER and (type(cell) is float or type(cell) is int):
            most = WHOLE if self.whole else LARGEST
            return -most <= cell <= most and not (self.whole and cell % 1)
        return self.kind == CATEGORY and type(cell) is str and cell in self._seen

    def _number(self, cell: Any) -> Any:
        number = self._float(cell)
        return number if number is not None and self._fits(number) else STRANGE

    def _float(self, cell: Any) -> float | None:
        text, mark = (cell, self.decimal) if isinstance(cell, str) else (str(_text(cell)), ".")
        if isinstance(cell, bool) or not re.fullmatch(PLAIN[mark], text):
            return np.inf if isinstance(cell, float) else None
        return float(text.replace(mark, "."))

    def _category(self, cell: Any) -> Any:
        if (text := _text(cell)) is STRANGE or (isinstance(cell, str) and text in self._seen):
            return text
        if isinstance(cell, float) and abs(cell) > EXACT and self.made_of:  # it may have been another whole number
            return STRANGE
        unseen = self.key(cell) if self.made_of else text
        meant = self._meant.get(value(self._pointed(cell)), unseen)
        return unseen if meant is STRANGE and isinstance(cell, str) else meant

    def _pointed(self, cell: Any) -> str:
        """Return the cell as text with a point in its decimals."""
        has_commas = self.decimal == "," and isinstance(cell, str) and NUMERIC.fullmatch(cell)
        return cell.translate(POINTS) if has_commas else str(_text(cell))

    def _dates(self, cells: Sequence[Any]) -> list[Any]:
        digits = re.fullmatch("(%[YmdHMS])+", self.date_format)  # numbers say it as well
        texts = [cell if isinstance(cell, str) else str(_text(cell)) if digits else "" for cell in cells]
        read = dates.read(texts, self.date_format, ISO_8601)
        told = zip(cells, texts, read, strict=True)
        return [None if cell is None or text in self.missing else _moment(cell, at) for cell, text, at in told]

    def _found(self, cell: Any) -> str:
        """Return what stands in a cell that has no place here, without its content."""
        plain = self.plain(cell)
        if self.kind == NUMBER and plain is not None and (number := self._float(plain)) is not None:
            return "a fraction" if abs(number) <= WHOLE else f"a number beyond {WHOLE if self.whole else LARGEST:.1e}"
        if self.kind == DATE and isinstance(plain, str):
            return "no such date"
        if self.kind == CATEGORY and isinstance(plain, int | float):
            return "a number that may be several of its words"
        return next((says for kind, says in FOUND.items() if isinstance(plain, kind)), "a list or an object")


def _truth(cell: Any) -> Any:
    return {"true": True, "false": False}.get(str(_text(cell)).lower(), STRANGE)


def _text(cell: Any) -> Any:
    """Return the cell as CSV has it; a whole number is written without a fraction."""
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, timedelta):
        cell = cell.total_seconds()
    if isinstance(cell, float):
        return f"{cell:.0f}" if cell.is_integer() else repr(cell)
    return str(cell) if isinstance(cell, str | int | Decimal | date | time) else STRANGE


def _moment(cell: Any, read: np.datetime64) -> Any:
    """Return the moment of a cell that is one, in UTC where it has a zone, or else the one that was read in it."""
    if isinstance(cell, datetime) and cell.tzinfo:
        cell = cell.astimezone(UTC).replace(tzinfo=None)
    if isinstance(cell, date):  # a datetime is one, too
        return np.datetime64(cell, "us")
    return STRANGE if np.isnat(read) else read
