"""comparison.py: how much better, and how much of it is chance."""

import numpy as np
import pytest

from champion.promotion.comparison import Comparison, compare


def errors(seed: int, *, scale: float = 1.0, n_rows: int = 300) -> np.ndarray:
    """Simulate squared errors of a model whose errors are normal."""
    squared: np.ndarray = np.random.default_rng(seed).normal(scale=scale, size=n_rows) ** 2
    return squared


def compared(losses: np.ndarray, opponent: np.ndarray, *, seed: int = 0, resamples: int = 1000) -> Comparison:
    """Compare at the default confidence."""
    return compare(losses, opponent, metric="rmse", confidence=0.95, resamples=resamples, seed=seed)


def test_improvement_is_a_share_of_the_opponents_rmse() -> None:
    """An RMSE of 3 instead of 4 is a quarter lower, and 4 instead of 3 is a third higher."""
    three, four = np.array([9.0, 9.0]), np.array([16.0, 16.0])
    better, worse = compared(three, four), compared(four, three)
    assert (better.error, better.opponent_error, better.improvement, better.low) == (3, 4, 0.25, 0.25)
    assert worse.improvement == pytest.approx(-1 / 3)
    assert worse.n_rows == 2


def test_clearly_better_model_is_better_in_every_draw() -> None:
    """With errors a fifth smaller on the same rows, the lower bound lies close below the improvement."""
    losses = errors(1)
    found = compared(losses * 0.8**2, losses)
    assert found.improvement == pytest.approx(0.2)
    assert found.low == pytest.approx(0.2)


def test_same_model_again_improves_nothing() -> None:
    """All differences are zero, and so is the lower bound."""
    losses = errors(1)
    assert (compared(losses, losses).improvement, compared(losses, losses).low) == (0, 0)


def test_equal_models_seldom_seem_better() -> None:
    """Of 200 finals between models that are equally good, chance lets about one in twenty be won."""
    won = [compared(errors(2 * n), errors(2 * n + 1), seed=n, resamples=500).low > 0 for n in range(200)]
    assert 1 <= sum(won) <= 16


def test_better_models_mostly_seem_better() -> None:
    """A model that is 15 % better, with errors of its own, wins nearly always on 300 rows."""
    won = [compared(errors(n, scale=0.8), errors(n + 100), seed=n, resamples=500).low > 0 for n in range(40)]
    assert sum(won) >= 36


def test_same_seed_gives_the_same_digits() -> None:
    """The draws are chance, but that of the seed."""
    a, b = errors(1), errors(2)
    assert compared(a, b, seed=7) == compared(a, b, seed=7)
    assert compared(a, b, seed=7).low != compared(a, b, seed=8).low


def test_confidence_lowers_the_bound() -> None:
    """Who wants to be surer can promise less."""
    a, b = errors(1, scale=0.9), errors(2)
    lows = [compare(a, b, metric="rmse", confidence=c, resamples=1000, seed=0).low for c in (0.5, 0.8, 0.95, 0.999)]
    assert lows == sorted(lows, reverse=True)
    assert len(set(lows)) == 4


def test_more_draws_than_are_held_at_a_time() -> None:
    """Where rows times draws are many, they are drawn in parts."""
    many = errors(1, n_rows=20_000)
    assert compared(many * 0.25, many, resamples=200).low == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("losses", "opponent", "improvement", "low"),
    [
        ([0, 0, 0], [0, 0, 0], 0, 0),
        ([1, 0, 0], [0, 0, 0], -1, -1),
        ([0, 0, 0], [0, 0, 1], 1, 0),
        ([0, 4], [4, 0], 0, -1),
    ],
)
def test_models_without_error_are_compared(
    losses: list[float], opponent: list[float], improvement: float, low: float
) -> None:
    """Nothing beats an RMSE of 0, in a draw of the rows neither, and a tie with it is a tie."""
    found = compared(np.array(losses, dtype=float), np.array(opponent, dtype=float))
    assert (found.improvement, found.low) == (improvement, low)
