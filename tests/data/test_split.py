"""split.py: who learns from which rows."""

import numpy as np
import pandas as pd
import pytest

from champion.base.errors import ChampionError
from champion.data import Dataset, split
from champion.data.task import classification
from tests.conftest import dataset


@pytest.fixture(scope="module")
def dated(small: Dataset) -> Dataset:
    """Give each row a day, in no order; two rows share each day."""
    days = np.random.default_rng(0).permutation(np.arange(200) // 2)
    sold = pd.Series(pd.Timestamp("2024-01-01") + pd.to_timedelta(days, unit="D"), name="sold")
    return dataset(small.X.assign(sold=sold), small.y, time=sold)


@pytest.fixture(scope="module")
def grouped(small: Dataset) -> Dataset:
    """Give the rows to 25 customers."""
    return dataset(small.X, small.y, group=pd.Series(np.arange(200) % 25, name="customer"))


@pytest.fixture(scope="module")
def classes(small: Dataset) -> Dataset:
    """Ask for one of three classes, one of them in 10 rows only."""
    kinds = pd.Series(np.where(np.arange(200) < 10, "rare", small.X["place"]), name="kind")
    return dataset(small.X, kinds, task=classification(tuple(sorted(kinds.unique()))))


def test_latest_rows_are_held_out(dated: Dataset) -> None:
    """Nothing is learned from a time later than what is predicted, and rows of one time stay together."""
    train, test = split.hold_out(dated, test_size=0.25, seed=42)
    assert train.time is not None
    assert test.time is not None
    assert train.time.max() < test.time.min()
    assert (len(train), len(test)) == (150, 50)


def test_folds_go_forward_in_time(dated: Dataset) -> None:
    """Each fold is fitted on what lies before the rows that it is scored on."""
    train, _ = split.hold_out(dated, test_size=0.25, seed=42)
    folds = split.folds(train, n_splits=4, seed=42)
    assert train.time is not None
    assert len(folds) == 4
    for fit, scored in folds:
        assert train.time.iloc[fit].max() < train.time.iloc[scored].min()


def test_repetitions_are_other_folds_of_the_same_rows(small: Dataset, dated: Dataset) -> None:
    """Each number deals all rows to folds of the same size, in another way; times are cut in other places."""
    dealt = [split.folds(small, n_splits=4, seed=42, repeat=repeat) for repeat in range(4)]
    assert len({tuple(np.concatenate([scored for _, scored in folds])) for folds in dealt}) == 4
    for folds in dealt:
        assert sorted(np.concatenate([scored for _, scored in folds])) == list(range(len(small)))
        assert {len(scored) for _, scored in folds} == {50}
    forward = [split.folds(dated, n_splits=4, seed=42, repeat=repeat) for repeat in range(2)]
    assert [len(folds) for folds in forward] == [4, 5]
    with pytest.raises(ChampionError, match="repeat must be a whole number from 0, but got -1"):
        split.folds(small, n_splits=4, seed=42, repeat=-1)


def test_no_group_is_in_two_parts(grouped: Dataset) -> None:
    """Neither the held-out rows nor a fold's hold a customer whose other rows were learned from."""
    train, test = split.hold_out(grouped, test_size=0.2, seed=42)
    assert train.group is not None
    assert test.group is not None
    assert not set(train.group.unique()) & set(test.group.unique())
    assert test.group.nunique() == 5
    for fit, scored in split.folds(train, n_splits=4, seed=42):
        assert not set(train.group.iloc[fit]) & set(train.group.iloc[scored])


def test_classes_keep_their_shares(classes: Dataset) -> None:
    """A rare class is in the training rows, the held-out rows and every fold."""
    train, test = split.hold_out(classes, test_size=0.2, seed=42)
    assert ((train.y == "rare").sum(), (test.y == "rare").sum()) == (8, 2)
    for fit, scored in split.folds(train, n_splits=4, seed=42):
        assert ((train.y.iloc[fit] == "rare").sum(), (train.y.iloc[scored] == "rare").sum()) == (6, 2)


def test_classes_keep_their_shares_by_group(classes: Dataset) -> None:
    """Groups are kept together first, and classes balanced as far as that allows."""
    own = dataset(classes.X, classes.y, task=classes.task, group=pd.Series(np.arange(200) % 50, name="customer"))
    for fit, scored in split.folds(own, n_splits=4, seed=42):
        assert not set(fit % 50) & set(scored % 50)
        assert set(own.y.iloc[fit]) == set(own.task.classes)


@pytest.mark.parametrize(("rows", "classes"), [(1, ("common", "rare")), (2, (0, 1))])
def test_class_too_rare_to_be_learned_is_refused(small: Dataset, rows: int, classes: tuple[str | int, ...]) -> None:
    """A class seen once or twice is named, as the table has it, with what to do about it."""
    kinds = pd.Series(np.where(np.arange(200) < rows, *reversed(classes)), name="kind")
    table = dataset(small.X, kinds, task=classification(classes))
    with pytest.raises(ChampionError, match=f"class {classes[1]!r} has {rows} row.*needs 3 training rows.*join it"):
        split.hold_out(table, test_size=0.2, seed=42)


@pytest.mark.parametrize(
    ("column", "values", "says"),
    [
        ("time", np.zeros(200), "data.time 'when' is the same in every row"),
        ("group", np.zeros(200), "data.group 'when' of houses.csv has one group"),
    ],
)
def test_column_that_splits_nothing_is_refused(small: Dataset, column: str, values: np.ndarray, says: str) -> None:
    """One time, or one group, leaves nothing to hold out."""
    with pytest.raises(ChampionError, match=says):
        split.hold_out(dataset(small.X, small.y, **{column: pd.Series(values, name="when")}), test_size=0.2, seed=42)


def test_folds_may_not_outnumber_times_and_groups(dated: Dataset, grouped: Dataset) -> None:
    """The message counts what the folds are made of."""
    with pytest.raises(ChampionError, match=r"from 2 to 99 .training times of data.time=sold, less one.*got 100"):
        split.folds(dated, n_splits=100, seed=42)
    with pytest.raises(ChampionError, match=r"from 2 to 25 .training groups of data.group=customer.*got 26"):
        split.folds(grouped, n_splits=26, seed=42)


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
