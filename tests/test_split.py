"""split.py: who learns from which rows."""

import numpy as np
import pytest

from champion import split
from champion.data import Dataset
from champion.errors import ChampionError


def test_held_out_rows_are_a_fifth_and_nobody_elses(small: Dataset) -> None:
    """Training and held-out rows together are all rows, each once."""
    train, test = split.hold_out(small, test_size=0.2, seed=42)
    assert (len(train), len(test)) == (160, 40)
    assert sorted([*train.y.index, *test.y.index]) == list(range(200))


def test_seed_decides_the_split(small: Dataset) -> None:
    """The same seed gives the same rows, another seed others."""
    fingerprints = [split.hold_out(small, test_size=0.2, seed=seed)[1].fingerprint for seed in (1, 1, 2)]
    assert fingerprints[0] == fingerprints[1] != fingerprints[2]


def test_each_training_row_is_validated_once(small: Dataset) -> None:
    """The folds' validation rows are all rows once, and never among the rows that the fold is fitted on."""
    folds = split.folds(small, n_splits=5, seed=42)
    assert sorted(np.concatenate([validation for _, validation in folds])) == list(range(200))
    assert all(not set(fit) & set(validation) for fit, validation in folds)


def test_too_few_rows_are_refused(small: Dataset) -> None:
    """Nine rows can't be split into something to learn from and something to be judged by."""
    with pytest.raises(ChampionError, match="has 9 rows"):
        split.hold_out(small.take(np.arange(9)), test_size=0.2, seed=42)


@pytest.mark.parametrize("test_size", [0, 1, -0.1, "a", None, True])
def test_share_must_lie_between_nothing_and_all(small: Dataset, test_size: float) -> None:
    """A share that leaves nothing to learn from or nothing to be judged by is refused."""
    with pytest.raises(ChampionError, match="test_size must lie between 0 and 1"):
        split.hold_out(small, test_size=test_size, seed=42)


@pytest.mark.parametrize("n_splits", [0, 1, 201, 2.5, None])
def test_number_of_folds_must_fit_the_rows(small: Dataset, n_splits: int) -> None:
    """There are at least two folds and at most as many as rows."""
    with pytest.raises(ChampionError, match="n_splits must be a whole number from 2 to 200"):
        split.folds(small, n_splits=n_splits, seed=42)
