"""Decides which held-out rows a final counts: those that the champion did not learn from."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from champion.data import Dataset

FILE = "train_rows.npy"  # in every finalist's run: the hashes of the rows that its model learned from


@dataclass(frozen=True, eq=False)
class Counted:
    """The held-out rows that count, as a mask of shape (n_rows,), the words for them, and how many there must be."""

    mask: np.ndarray
    said: str
    fewest: int

    @property
    def enough(self) -> bool:
        """Whether anything can be said from so few."""
        return bool(self.mask.sum() >= self.fewest)


def write(folder: Path, train: Dataset) -> Path:
    """Write the hashes of the training rows into `folder`."""
    file = folder / FILE
    np.save(file, train.row_hashes, allow_pickle=False)
    return file


def read(file: Path) -> np.ndarray | None:
    """Return the hashes that `write` wrote, of shape (n_rows,), or None where the file is damaged."""
    try:
        hashes: np.ndarray = np.load(file, allow_pickle=False)
    except (ValueError, EOFError, OSError):
        return None
    return hashes


def the_same(test: Dataset) -> Counted:
    """Count all rows: the very same ones were held back from the champion."""
    return _all(test, f"on the same {len(test):,} rows")


def unlearned(test: Dataset, learned: np.ndarray, *, by: str) -> Counted:
    """Count the rows whose hash isn't among `learned`, the hashes that the model called `by` learned from."""
    mask = ~np.isin(test.row_hashes, learned)
    said = f"on the {mask.sum():,} of {len(test):,} held-out rows that {by} did not learn from"
    return Counted(mask, said, fewest=30)


def unknown(test: Dataset, *, by: str) -> Counted:
    """Count all rows, as nothing tells which of them the model called `by` learned from."""
    return _all(test, f"on all {len(test):,} held-out rows (it can't be told which of them {by} learned from)")


def _all(test: Dataset, said: str) -> Counted:
    return Counted(np.ones(len(test), dtype=bool), said, fewest=2)  # a single row shows no chance
