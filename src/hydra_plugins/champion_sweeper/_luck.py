"""Decides which differences between trials may be chance, and what a choice is worth on folds that had no part in it.

What trials report, such as the scores of folds, is compared step by step. All arrays of scores have the shape
(n_trials, n_steps) and get better as they get lower.
"""

import math
from collections.abc import Callable

import numpy as np

CONFIDENCE = 0.95  # that a difference which isn't taken for chance is none


def error(differences: np.ndarray, *, folds: int) -> float:
    """Return the standard error of the mean of differences of shape (n_steps,), which are those of so many folds each.

    Models of two folds share rows that they learned from, so that more folds say less than as many samples would.
    Source: Nadeau and Bengio, Inference for the Generalization Error, Machine Learning 52 (2003).
    """
    n = len(differences)
    if n < 2 or folds < 2:
        return math.inf
    return float(np.std(differences, ddof=1) * math.sqrt(1 / n + 1 / (folds - 1)))


def may_be_chance(differences: np.ndarray, *, folds: int) -> bool:
    """Tell whether a trial that is worse by these differences, of shape (n_steps,), may be as good all the same."""
    from scipy.stats import t  # here, as it takes half a second

    n = len(differences)
    if n < 2:
        return True
    return bool(np.mean(differences) <= t.ppf(CONFIDENCE, n - 1) * error(differences, folds=folds))


def stated(first: np.ndarray, again: np.ndarray, choose: Callable[[np.ndarray], int]) -> float:
    """Return what a choice among trials is worth: its score on each step of `again`, chosen by all others.

    `choose` returns the position of one, given all scores. The scores by which trials have come this far, `first`, are
    the best of many, and so are the chosen one's: they promise too much. A step that had no part in a choice doesn't.
    """
    shown = [again[choose(np.hstack([first, np.delete(again, step, axis=1)])), step] for step in range(again.shape[1])]
    return float(np.mean(shown))
