"""Decides from the cells of a column how they are read: as numbers, true and false, dates, or words."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import compute

from champion.base.errors import CellError, DataError
from champion.base.remedy import override
from champion.data import cells as out_of
from champion.data import date as dates
from champion.data.category import CODES, NUMBERS, made_of
from champion.data.number import AMOUNT, MEASURE, PLAIN, are_amounts
from champion.data.reading import BOOLEAN, CATEGORY, DATE, EXACT, LARGEST, NUMBER, STRANGE, TEXT, Reading

Where = Callable[[int], str]  # names a row of the file, as in "houses.csv, line 7"

HALF, MOST, NEARLY_ALL = 0.5, 0.9, 0.95  # shares of the cells
MARKERS = 5  # different words, up to which they stand for a missing value: ?, -, unknown and the like
FEW = 20  # rows, below which words that all differ are names
SENTENCE = 2.5  # words on average, from which cells are sentences rather than names of categories
TRUTHS = 60  # different cells, above which they aren't all spellings of true, false and nothing
DIGITS, CODE = r"^[\s\pZ]*[+-]?[0-9]+[\s\pZ]*$", r"^[\s\pZ]*[+-]?0[0-9]"  # whole numbers, and those that begin with 0
SWAPPED = str.maketrans("dm", "md")
THOUSANDS = re.compile(r"[+-]?\d{1,3}([.,]\d{3})+")


class Inferred(NamedTuple):
    """How a column is read, its values as a Series of shape (n_rows,), and what is worth knowing of the choice."""

    reading: Reading
    values: pd.Series
    note: str = ""


def infer(base: Reading, cells: pa.ChunkedArray, *, asked: str | None, where: Where) -> Inferred:
    """Read a column as the kind that was `asked` for, or else as the first one that fits.

    `base` is what is known of its name and its text beforehand, `where` names a row of the file. Raises DataError where
    most cells are numbers or dates and others aren't, where a cell can't be learned from, or is no `asked` kind.
    """
    if pa.types.is_dictionary(cells.type):  # somebody said that these are categories
        asked, cells = asked or CATEGORY, cells.cast(cells.type.value_type)
    column = Inference(base, own := out_of.column(cells), where, own.type == out_of.TEXT)
    reading = column.reading(asked)
    try:
        values = reading.read(column.cells if reading.kind != NUMBER or column.known is None else column.known)
    except CellError as error:
        raise DataError(f"{where(error.row)}: {error.breaks}. Correct it, or remove the row.") from error
    series = pd.Series(values, dtype="str" if reading.type == "string" else None, name=base.name)
    note = "" if asked else column.note(reading)
    return Inferred(replace(reading, whole=values.dtype == "int64"), series, note)


@dataclass(frozen=True, eq=False)
class Inference:
    """A column whose kind is looked for: its cells, what is known beforehand, and what names a row of the file."""

    base: Reading
    cells: pa.Array
    where: Where
    is_text: bool

    def reading(self, asked: str | None) -> Reading:
        """Return how the column is read; raise DataError where that can't be told, or isn't as asked."""
        if self.is_text and compute.any(damaged := compute.match_substring(self.cells, "\0")).as_py():
            says = f"{self._here(compute.index(damaged, True).as_py())} holds a NUL byte, which is no text"
            raise DataError(f"{says}. Is the file damaged? Correct the cell.")
        for kind, tried in {NUMBER: self._numbers, BOOLEAN: self._truths, DATE: self._dates}.items():
            if asked in (None, kind) and (found := tried(asked is not None)):
                return found
        if asked in (None, CATEGORY, TEXT):
            return self._words(asked)
        says = f"{self._here(0)} is no {asked}, it holds {str(self.cells[0].as_py())[:80]!r}"
        raise DataError(f"{says}. Take it from data.kinds.{asked}.")

    def note(self, words: Reading) -> str:
        """Return what is worth knowing of dates that may be others, and of words that look like something else."""
        if words.kind == DATE:
            own, other = words.date_format, words.date_format.translate(SWAPPED)
            both = own != other and (self._blank | ~np.isnat(dates.read(self._texts, other))).all()
            first = "day" if own.find("%d") < own.find("%m") else "month"
            says = f"'{self.base.name}' may have day or month first, and is read with the {first} first"
            return f"{says}. Write its dates as 2024-05-31." if both else ""
        if words.kind != CATEGORY:
            return ""
        name = self.base.name
        if words.made_of in (NUMBERS, CODES):
            why = "begin with 0" if re.search(r"(^|\0)[+-]?0[0-9]", words.words or "") else "are too long for one"
            as_numbers = f"{override('data.kinds.number', [name])} takes them for amounts"
            return f"'{name}' holds whole numbers, some of which {why}: they are taken for names. {as_numbers}."
        texts = [text for text in self._texts if text] if self.is_text else []
        like = [text for text in texts if dates.LIKE.fullmatch(text)]
        if not like or self._share(np.isin(self._texts, like)) <= HALF:
            return ""
        other = texts[int(np.argmax(np.isnat(dates.read(texts, *dates.formats(like[:1])))))]
        unlike = f" like {like[0]!r}" if other != like[0] else ""
        says = f"Most cells of '{name}' are dates, but {other[:80]!r} can't be read{unlike}, so they are words"
        return f"{says}. Write all of them as in 2024-05-31."

    def _numbers(self, asked: bool) -> Reading | None:
        reading = replace(self.base, kind=NUMBER)
        if (known := self.known) is not None:
            present, long, beyond = ~np.isnan(known), np.abs(known) >= EXACT, np.abs(known) > LARGEST
            digits = self._match(DIGITS)[present].all() if self.is_text else pa.types.is_integer(self.cells.type)
            codes = self.is_text and self._match(CODE)[present].any()
            if digits and not asked and (codes or (long.any() and not 0 < beyond.mean() < HALF)):
                return None
            return replace(reading, whole=bool(digits and present.all() and not long.any()))
        if not self.is_text:
            return None
        fits = np.array([value is not STRANGE for value in reading.values(self._texts)])
        of = HALF if (fits & ~self._blank).any() else MOST
        if not fits.all() and (asked or self._are_mistakes(fits | are_amounts(self._texts), of=of)):
            raise self._strange(fits, NUMBER)
        return reading if fits.all() else None

    def _truths(self, asked: bool) -> Reading | None:
        reading = replace(self.base, kind=BOOLEAN)
        if len(self._distinct[0]) > TRUTHS or STRANGE in (values := reading.values(self._distinct[0])):
            return None
        return reading if asked or any(value is not None for value in values) else None

    def _dates(self, asked: bool) -> Reading | None:
        """Return the reading of dates where all are, in the likeliest format that fits all of them."""
        reading = replace(self.base, kind=DATE)
        if not self.is_text:
            return reading if pa.types.is_timestamp(self.cells.type) or pa.types.is_date(self.cells.type) else None
        best = self._blank
        for written in dates.formats([text for text in self._texts if text][:3]):
            fits = self._blank | ~np.isnat(dates.read(self._texts, written))
            if fits.all():
                return replace(reading, date_format=written)
            best = max(best, fits, key=self._share)
        if best is not self._blank and (asked or self._are_mistakes(best, of=MOST)):
            raise self._strange(best, DATE)
        return reading if asked and self._blank.all() else None

    def _words(self, asked: str | None) -> Reading:
        """Return the reading of words: sentences where most are long and different, or else categories."""
        reading, (cells, positions) = replace(self.base, kind=asked or CATEGORY), self._distinct
        if STRANGE in (values := reading.values(cells)):
            says = f"{self._here(0)} holds {self.cells.type}, which no model takes"
            raise DataError(f"{says}. {override('data.drop', [self.base.name])} leaves it out.")
        seen = dict.fromkeys(word for word in values if word is not None)
        reading = replace(reading, present=tuple(word for word in reading.present if word in seen))
        rows = np.array([word is not None for word in values])[positions].sum()
        lengths = [word.count(" ") + 1 for word in islice(seen, 1000)]
        many = len(seen) > max(FEW, 0.1 * rows) and sum(lengths) >= SENTENCE * len(lengths)
        if asked == TEXT or (asked is None and many):
            return replace(reading, kind=TEXT)
        reading = replace(reading, made_of=made_of([reading.key(word) for word in seen]))
        spelt = {reading.key(word): word for word in reversed(seen)}
        return replace(reading, words="\0".join(reversed(spelt.values())))

    @cached_property
    def known(self) -> np.ndarray | None:
        """The cells as float64 where all are plainly written numbers, or numbers already."""
        return out_of.numbers(self.cells, decimal=self.base.decimal, nothing=self.base.nothing)

    @cached_property
    def _distinct(self) -> tuple[Sequence[Any], np.ndarray]:
        """The different cells, and of each row the position of its own among them."""
        return out_of.distinct(self.cells)

    @cached_property
    def _texts(self) -> list[str]:
        """The different cells of text without blanks around them, "" for nothing."""
        return [self.base.plain(cell) or "" for cell in self._distinct[0]]

    @cached_property
    def _blank(self) -> np.ndarray:
        return np.array([text == "" for text in self._texts])

    def _match(self, pattern: str) -> np.ndarray:
        return np.asarray(compute.match_substring_regex(self.cells, pattern).fill_null(False))

    def _share(self, fits: np.ndarray) -> float:
        counts = np.bincount(self._distinct[1], minlength=len(self._texts)) * ~self._blank
        return float(counts[fits].sum() / max(1, counts.sum()))

    def _are_mistakes(self, fits: np.ndarray, *, of: float) -> bool:
        """Tell whether the words that don't fit are mistakes, rather than a sign that the others only look like it."""
        share = self._share(fits)
        return share >= of and (share >= NEARLY_ALL or int((~fits).sum()) <= MARKERS)

    def _here(self, row: int) -> str:
        return f"{self.where(row)}: column '{self.base.name}'"

    def _strange(self, fits: np.ndarray, kind: str) -> DataError:
        strange = [text for text, fit in zip(self._texts, fits, strict=True) if not fit]
        here = self._here(int(np.argmax(self._distinct[1] == np.argmin(fits))))
        return DataError(f"{here} holds {kind}s, but here {strange[0][:80]!r}. {self._remedy(strange, kind)}")

    def _remedy(self, strange: list[str], kind: str) -> str:
        words = override("data.kinds.category", [self.base.name])
        other = "," if self.base.decimal == "." else "."
        if kind == NUMBER and all(re.fullmatch(PLAIN[other], one) and not THOUSANDS.fullmatch(one) for one in strange):
            return f"{override('data.decimal', other)} reads it as a number, {words} as a word."
        if kind == NUMBER and (AMOUNT.fullmatch(strange[0]) or MEASURE.fullmatch(strange[0])):
            return f"Write it as a plain number, as in 1200.5; {words} takes all cells for words."
        nothing = override("data.missing", [*self.base.missing, strange[0][:80]])
        return f"{nothing} says that nothing is there, {words} that all are words."
