"""Decides how much better one model is than another on the same rows, and how much of that isn't chance."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import bootstrap

CELLS = 2**20  # rows drawn at a time, of all resamples: some 30 MB


@dataclass(frozen=True)
class Comparison:
    """Two models' RMSEs on the same rows, and by which share of the opponent's the first one's is lower.

    `improvement` is 0.04 where it is 4 % lower and negative where it is higher; `low` is what it is at least, with
    the confidence asked for.
    """

    rmse: float
    opponent_rmse: float
    improvement: float
    low: float
    n_rows: int


def compare(
    losses: np.ndarray, opponent_losses: np.ndarray, *, confidence: float, resamples: int, seed: int
) -> Comparison:
    """Compare two models by their squared errors on the same two or more rows, both of shape (n_rows,).

    The rows are drawn again with replacement, both models' errors together, `resamples` times; the improvement that
    all but a share 1 - `confidence` of the draws exceed is the lower bound. Source: Efron and Tibshirani, An
    Introduction to the Bootstrap (1993), chapter 13.
    """
    n_rows = len(losses)
    drawn = bootstrap(
        (losses, opponent_losses),
        improvement,
        paired=True,
        vectorized=True,
        method="percentile",
        alternative="greater",
        confidence_level=confidence,
        n_resamples=resamples,
        batch=max(1, CELLS // n_rows),
        rng=np.random.default_rng(seed),
    )
    return Comparison(
        rmse=float(_rmse(losses)),
        opponent_rmse=float(_rmse(opponent_losses)),
        improvement=float(improvement(losses, opponent_losses)),
        low=float(drawn.confidence_interval.low),
        n_rows=n_rows,
    )


def improvement(losses: np.ndarray, opponent_losses: np.ndarray, axis: int = -1) -> np.ndarray:
    """Return by which share of the opponent's RMSE the other one is lower, along `axis` of the squared errors.

    Nothing is better than an opponent without error: against it a tie is 0, and everything else -1.
    """
    own, theirs = _rmse(losses, axis), _rmse(opponent_losses, axis)
    share: np.ndarray = np.divide(theirs - own, theirs, out=np.asarray(-np.sign(own)), where=theirs > 0)
    return share


def _rmse(losses: np.ndarray, axis: int = -1) -> np.ndarray:
    return np.asarray(np.sqrt(np.mean(losses, axis=axis)))
