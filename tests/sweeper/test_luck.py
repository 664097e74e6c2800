"""champion_sweeper/_luck.py, _forecast.py: what is chance, what a choice is worth, what going on would bring."""

import math
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from hydra_plugins.champion_sweeper import _forecast
from hydra_plugins.champion_sweeper._again import _choice
from hydra_plugins.champion_sweeper._luck import error, may_be_chance, stated

FOLDS, RIVALS = 5, 3
STUDIES = 4000


def studies(rng: np.random.Generator, *, spread: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Simulate a study of 30 trials: return true values of its rivals, their folds, and those of a repetition."""
    true = rng.normal(100, spread, 30)
    shown = true[:, None] + rng.normal(0, 2, (30, FOLDS)) + rng.normal(0, 5, FOLDS)  # some folds are harder for all
    rivals = np.argsort(shown.mean(axis=1))[:RIVALS]
    again = true[rivals][:, None] + rng.normal(0, 2, (RIVALS, FOLDS)) + rng.normal(0, 5, FOLDS)
    return true[rivals], shown[rivals], again


@pytest.mark.parametrize("spread", [0.1, 1, 5])
def test_stated_score_is_unbiased_and_the_lowest_mean_is_not(spread: float) -> None:
    """Over many studies the stated score is that of what is chosen, within its error; the lowest mean promises more."""
    rng, choose = np.random.default_rng(0), partial(_choice, folds=FOLDS, seconds=None)
    claims, lowest, gained = [], [], []
    for _ in range(STUDIES):
        true, first, again = studies(rng, spread=spread)
        best = choose(np.hstack([first, again]))
        claims.append(stated(first, again, choose) - true[best])
        lowest.append(first.mean(axis=1).min() - true[0])
        gained.append(true[0] - true[best])
    error_of_mean = np.std(claims) / math.sqrt(STUDIES)
    assert abs(np.mean(claims)) < 3 * error_of_mean
    assert np.mean(lowest) < -3 * error_of_mean
    assert np.mean(gained) > -0.001  # what is chosen is no worse than the lowest mean


def test_equal_trials_are_told_apart_as_seldom_as_is_said() -> None:
    """Of trials that are as good, few of a hundred seem worse beyond chance; of much worse ones, nearly all do."""
    rng = np.random.default_rng(0)
    same = [may_be_chance(rng.normal(0, 1, FOLDS), folds=FOLDS) for _ in range(STUDIES)]
    worse = [may_be_chance(rng.normal(5, 1, FOLDS), folds=FOLDS) for _ in range(STUDIES)]
    assert np.mean(same) > 0.95
    assert np.mean(worse) < 0.05


def test_two_folds_or_one_say_little() -> None:
    """One difference tells nothing, so that all may be chance; the error of two is large."""
    assert may_be_chance(np.array([3.0]), folds=1)
    assert error(np.array([3.0]), folds=1) == math.inf
    assert may_be_chance(np.array([1.0, 2.0]), folds=2)
    assert not may_be_chance(np.array([1.0, 1.001]), folds=2)


def test_fastest_within_an_error_of_the_best_is_chosen() -> None:
    """The one-standard-error rule: one that is a little worse and quick, but not one that is much worse."""
    scores = np.array([[1.0, 2, 3, 4, 5], [1.3, 1.9, 3.2, 3.9, 5], [2, 3, 4, 5, 6.1]])
    assert _choice(scores, folds=5, seconds=[9, 5, 1]) == 1
    assert _choice(scores, folds=5, seconds=None) == 0


@pytest.mark.parametrize("kind", ["uniform", "normal", "cubic"])
def test_forecast_is_near_what_more_trials_bring(kind: str) -> None:
    """On average over many searches by chance, the gain of as many trials again is told to within a factor of two."""
    rng = np.random.default_rng(1)
    draws: dict[str, Callable[[int], np.ndarray]] = {
        "uniform": rng.random,
        "normal": rng.standard_normal,
        "cubic": lambda n: rng.random(n) ** (1 / 3),
    }
    told, came = [], []
    for _ in range(1000):
        values = draws[kind](60)
        told.append(_forecast.gain(list(values[:30]), 30))
        came.append(values[:30].min() - values.min())
    assert 0.5 < np.mean(told) / np.mean(came) < 2


def test_forecast_needs_some_trials() -> None:
    """A few trials tell nothing of others, nor do those that are all alike."""
    assert _forecast.gain([3, 2, 1], 100) == 0
    assert _forecast.gain([1.0] * 20, 100) == 0
    assert _forecast.gain([1.0, *[math.inf] * 20], 100) == 0
