"""Decides how dates are written, and which moment one says."""

import re
import warnings
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

import numpy as np
import pandas as pd
from pandas.tseries.api import guess_datetime_format

from champion.data.cells import YEARS

ISO_8601 = "ISO8601"  # what pandas calls it
DTYPE = "datetime64[us]"
WORD = r"(\d{1,2}|[^\W\d_]{3,9})"  # of a day or a month
LIKE = re.compile(rf"(\d{{4}}([-/.])\d{{1,2}}(\2\d{{1,2}})?|{WORD}([-/. ]){WORD},?\5\d{{2,4}})([T ]+\d.*)?")
CLOCK = re.compile(r"(.*\d)( ?)[AaPp][Mm]")  # 3:05 PM
EXAMPLE = datetime(2024, 5, 31)
FEW = 20  # texts that are each remembered: a server reads the same days again and again


def formats(examples: Sequence[str]) -> list[str]:
    """Return the formats in which these may be written, the likeliest first: before dots the day, or else the month."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of a day that can't be a month
        orders = (True, False) if any("." in one for one in examples) else (False, True)
        guesses = [_guess(one, day_first) for one in examples for day_first in orders]
    in_may = [name for guess in guesses for name in (guess, guess.replace("%B", "%b"), guess.replace("%b", "%B"))]
    found = [written for written in dict.fromkeys(in_may) if written]
    return [ISO_8601, *found] if found and any(re.match(r"\d{4}-\d\d", one) for one in examples) else found


def read(texts: Sequence[str], *written: str) -> np.ndarray:
    """Return the moments that texts say in the first of these formats that fits, in UTC where they name a zone.

    They are datetime64[us] of shape (n_texts,), NaT for what is no date of the years 1 to 9999.
    """
    moments = np.full(len(texts), "NaT", dtype=DTYPE)
    for one in dict.fromkeys(written):
        odd = re.compile(r"\d*|\D*" if one == ISO_8601 else r"\D*")  # pandas takes "2024" for a date, and "now"
        left = [n for n, text in enumerate(texts) if np.isnat(moments[n]) and not odd.fullmatch(text)]
        some = [texts[n] for n in left]
        moments[left] = [_remembered(text, one) for text in some] if len(some) < FEW else _read(some, one)
    return moments


def write(moment: datetime, written: str) -> str:
    """Return a moment that was read in a format as text of it; in ISO 8601 the time is left out at midnight."""
    return moment.isoformat().removesuffix("T00:00:00") if written == ISO_8601 else moment.strftime(written)


def _guess(text: str, day_first: bool) -> str:
    clock = CLOCK.fullmatch(text)
    guess = guess_datetime_format(clock[1] if clock else text, dayfirst=day_first) or ""
    return f"{guess.replace('%H', '%I')}{clock[2]}%p" if clock and guess else guess


def _read(texts: Sequence[str], written: str) -> np.ndarray:
    dates = pd.to_datetime(pd.Series(texts, dtype=object), format=written, utc=True, errors="coerce")
    found = dates.dt.tz_localize(None).to_numpy(dtype=DTYPE)
    return np.where((found >= YEARS[0]) & (found < YEARS[1]), found, np.datetime64("NaT"))


@lru_cache(2**12)
def _remembered(text: str, written: str) -> np.datetime64:
    return _read([text], written)[0]  # type: ignore[no-any-return]
