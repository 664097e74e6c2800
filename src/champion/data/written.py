"""Decides what is written in a column of text: numbers, true and false, dates, or words."""

import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import pyarrow as pa
from pandas.tseries.api import guess_datetime_format
from pyarrow import compute

from champion.data.column import BOOLEAN, CATEGORY, DATE, NUMBER, TEXT
from champion.data.remedy import override
from champion.errors import DataError

Where = Callable[[int], str]  # names a row of the file, as in "houses.csv, line 7"

EXACT = 2**53  # larger whole numbers lose their last digits as floats: they are names, not amounts
HALF, MOST, NEARLY_ALL = 0.5, 0.9, 0.95  # shares of the cells
MARKERS = 5  # different words, up to which they stand for a missing value: ?, -, unknown and the like
MONEY = (
    r"\s*[-+(]?\s*([$€£¥₹₽₩₺₪฿₫₴]|[A-Z]{3})?\s*[-+]?\d{1,3}([,.' \u00a0]?\d{3})*([.,]\d+)?"
    r"\s*([$€£¥₹₽₩₺₪฿₫₴%‰]|[A-Z]{3})?\s*\)?\s*"
)
THOUSANDS = re.compile(r"\s*-?\d{1,3}(,\d{3})+\s*")
COMMA = re.compile(r"\s*-?\d*,\d+\s*")
TRUTHS = {"true": True, "false": False, "": None}
ISO = re.compile(r"\d{4}-\d\d")
ISO_8601 = "ISO8601"  # what pandas calls it


@dataclass(frozen=True, eq=False)
class Written:
    """A column of text: its cells, the mark of decimals in it, and what names a row of the file."""

    name: str
    cells: pa.ChunkedArray
    decimal: str
    where: Where

    def read(self, kind: str | None) -> tuple[pd.Series, str]:
        """Return the values as a Series of shape (n_rows,), and the format of its dates where they aren't in ISO 8601.

        `kind` is the one that was asked for; None takes the first that fits: numbers, true and false, dates, words.
        Raises DataError where most cells are numbers or dates and others aren't.
        """
        if kind in (CATEGORY, TEXT):
            return self.words(), ""
        if kind in (None, NUMBER) and (numbers := self.numbers(asked=kind is not None)) is not None:
            return numbers, ""
        if kind in (None, BOOLEAN) and (truths := self.truths(asked=kind is not None)) is not None:
            return truths, ""
        if kind in (None, DATE) and (dates := self.dates(asked=kind is not None)) is not None:
            return dates
        if kind is not None:
            raise self._not_asked(kind)
        return self.words(), ""

    def words(self) -> pd.Series:
        """Return the cells as they are; raise DataError where one holds a NUL byte, which text never does."""
        damaged = compute.match_substring(self.cells, "\0")
        if compute.any(damaged).as_py():
            raise self._nul(compute.index(damaged, True).as_py())
        words: pd.Series = self.cells.to_pandas().astype("str")
        return words

    def numbers(self, *, asked: bool) -> pd.Series | None:
        """Return the cells as numbers, or None where they aren't: identifiers too long for a float are words."""
        points = compute.replace_substring(self.cells, self.decimal, ".") if self.decimal != "." else self.cells
        for dtype in (pa.int64(), pa.float64()):
            try:
                numbers = points.cast(dtype)
            except pa.ArrowInvalid:
                continue
            return None if not asked and self._are_names(numbers) else plain(numbers)
        words = self._distinct.str.replace(self.decimal, ".", regex=False)
        parsed = pd.to_numeric(words.where(words != ""), errors="coerce")
        fits = (parsed.notna() | (words == "")).to_numpy()
        if fits.all():
            return self._spread(parsed.to_numpy(dtype="float64"))
        like = fits | self._distinct.str.fullmatch(MONEY).to_numpy(dtype=bool)
        if asked or self._are_mistakes(like, of=HALF if parsed.notna().any() else MOST):
            raise self._strange(fits, NUMBER)
        return None

    def truths(self, *, asked: bool) -> pd.Series | None:
        """Return the cells as True and False, or None where they hold other words; None among them for no value."""
        words = self._distinct.str.lower()
        if not words.isin(TRUTHS).all() or (words.eq("").all() and not asked):
            return None
        truths = np.array([*(TRUTHS[word] for word in words), None], dtype=object)[self._positions]
        return pd.Series(truths if pd.isna(truths).any() else truths.astype(bool))

    def dates(self, *, asked: bool) -> tuple[pd.Series, str] | None:
        """Return the cells as dates without a time zone (those with one in UTC), and their format; "" for ISO 8601.

        Where day and month can't be told apart in the whole column, the month comes first.
        """
        blank = (self._distinct == "").to_numpy()
        best = blank
        for written in _date_formats(self._distinct[~blank][:3]):
            dates = pd.to_datetime(self._distinct.mask(blank), format=written, utc=True, errors="coerce")
            fits = dates.notna().to_numpy() | blank
            if fits.all():
                found = self._spread(dates.dt.tz_localize(None).to_numpy(dtype="datetime64[us]"))
                return found, "" if written == ISO_8601 else written
            best = max(best, fits, key=self._share)
        if blank.all():
            return (self._spread(np.full(len(blank), "NaT", dtype="datetime64[us]")), "") if asked else None
        if best is not blank and (asked or self._are_mistakes(best, of=MOST)):
            raise self._strange(best, DATE)
        return None

    @cached_property
    def _encoded(self) -> pa.DictionaryArray:
        encoded = self.cells.dictionary_encode().combine_chunks()
        return encoded.chunk(0) if isinstance(encoded, pa.ChunkedArray) else encoded

    @cached_property
    def _distinct(self) -> pd.Series:
        """The different words in the order of their first rows, without spaces around them."""
        words: pd.Series = self._encoded.dictionary.to_pandas().astype("str").str.strip()
        return words

    @cached_property
    def _positions(self) -> np.ndarray:
        """The position of each row's word among the different ones, -1 for a missing one."""
        return self._encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)  # type: ignore[no-any-return]

    @cached_property
    def _counts(self) -> np.ndarray:
        return np.bincount(self._positions[self._positions >= 0], minlength=len(self._distinct))

    def _spread(self, values: np.ndarray) -> pd.Series:
        """Return the value of each row, given those of the different words."""
        absent = np.array(["NaT" if values.dtype.kind == "M" else np.nan], dtype=values.dtype)
        return pd.Series(np.concatenate([values, absent])[self._positions])

    def _share(self, fits: np.ndarray) -> float:
        return float(self._counts[fits].sum() / max(1, self._counts.sum()))

    def _are_mistakes(self, fits: np.ndarray, *, of: float) -> bool:
        """Tell whether the words that don't fit are mistakes, rather than a sign that the others only look like it."""
        share = self._share(fits)
        return share >= of and (share >= NEARLY_ALL or int((~fits).sum()) <= MARKERS)

    def _are_names(self, numbers: pa.ChunkedArray) -> bool:
        if not is_long(numbers):
            return False
        return bool(compute.all(compute.match_substring_regex(self.cells, r"^\s*[-+]?\d+\s*$")).as_py())

    def _row(self, word: int) -> int:
        return int(np.argmax(self._positions == word))

    def _strange(self, fits: np.ndarray, kind: str) -> DataError:
        first = int(np.argmin(fits))
        shown = self._distinct[first]
        if "\0" in shown:
            return self._nul(self._row(first))
        says = f"{self.where(self._row(first))}: column '{self.name}' holds {kind}s, but here {shown[:80]!r}"
        return DataError(f"{says}. {self._remedy(self._distinct[~fits], kind)}")

    def _nul(self, row: int) -> DataError:
        says = f"{self.where(row)}: column '{self.name}' holds a NUL byte, which is no text"
        return DataError(f"{says}. Is the file damaged? Correct the cell.")

    def _remedy(self, strange: pd.Series, kind: str) -> str:
        words = override("data.kinds.category", [self.name])
        with_comma = self.decimal == "." and strange.str.fullmatch(COMMA).all()
        if kind == NUMBER and with_comma and not strange.str.fullmatch(THOUSANDS).all():
            return f"{override('data.decimal', ',')} reads it as a number, {words} as a word."
        if kind == NUMBER and re.fullmatch(MONEY, strange.iloc[0]):
            return f"Write it as a plain number, as in 1200.5; {words} takes all cells for words."
        nothing = override("data.missing", [strange.iloc[0][:80]])
        return f"{nothing} says that nothing is there, {words} that all are words."

    def _not_asked(self, kind: str) -> DataError:
        example = self._distinct[0][:80]
        says = f"{self.where(self._row(0))}: column '{self.name}' is no {kind}, it holds {example!r}"
        return DataError(f"{says}. Take it from data.kinds.{kind}.")


def plain(numbers: pa.ChunkedArray) -> pd.Series:
    """Return numbers as int64, or as float64 where they have fractions, missing ones among them, or too many digits."""
    whole = pa.types.is_integer(numbers.type) and not numbers.null_count and not is_long(numbers)
    values: pd.Series = numbers.cast(pa.int64() if whole else pa.float64(), safe=False).to_pandas()
    return values


def is_long(numbers: pa.ChunkedArray) -> bool:
    """Tell whether some number is too large for a float to hold all digits of it."""
    extremes = compute.min_max(numbers).as_py()
    return bool(EXACT < max(abs(extremes["min"] or 0), abs(extremes["max"] or 0)) < np.inf)


def _date_formats(examples: pd.Series) -> list[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of a day that can't be a month
        guesses = [guess_datetime_format(one, dayfirst=day) or "" for one in examples for day in (False, True)]
    in_may = [name for guess in guesses for name in (guess, guess.replace("%B", "%b"), guess.replace("%b", "%B"))]
    found = [written for written in dict.fromkeys(in_may) if written]
    return [ISO_8601, *found] if found and any(ISO.match(one) for one in examples) else found
