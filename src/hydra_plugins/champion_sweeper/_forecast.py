"""Decides what going on with a search would likely bring, by what it brought so far."""

import math
from collections.abc import Sequence

import numpy as np
from optuna.trial import FrozenTrial, TrialState

FEWEST = 8  # trials that tell of others


def told(trials: Sequence[FrozenTrial], *, sign: int, workers: int, seconds: float = 600) -> str:
    """Return what so many seconds more would likely bring, by the trials of a search, or nothing where that is unknown.

    Those that were ended early count as the worst of the others. `sign` is 1 where less is better, or else -1.
    """
    done = [one for one in trials if one.state in (TrialState.COMPLETE, TrialState.PRUNED) and one.duration]
    complete = [sign * one.value for one in done if one.state is TrialState.COMPLETE and one.value is not None]
    took = sum(one.duration.total_seconds() for one in done if one.duration)
    if len(done) < FEWEST or not took or not complete or not min(complete):
        return ""
    more = int(seconds * workers / (took / len(done)))
    found = gain([*complete, *[max(complete)] * (len(done) - len(complete))], more)
    share = 100 * found / abs(min(complete))
    brings = "next to nothing" if share < 0.05 else f"{share:.1f} %" if share < 100 else "a lot"
    return f"ten minutes more, about {more:,} trials, would likely bring {brings}"


def gain(values: Sequence[float], more: int) -> float:
    """Return by how much the lowest of `values` would likely fall with so many more like them; at least 0.

    Each doubling of their number brought a share of what the one before brought, on average over all orders in which
    they could have come, and so is expected to go on.
    """
    ordered = np.sort(np.asarray(values, dtype="float64"))
    n = len(ordered)
    if n < FEWEST or more < 1 or not np.isfinite(ordered).all():
        return 0.0
    quarter, half, whole = (_lowest(ordered, n // part) for part in (4, 2, 1))
    last, before = half - whole, quarter - half
    if last <= 0:
        return 0.0
    ratio = min(last / before, 0.999) if before > 0 else 0.999
    doublings = math.log2((n + more) / n)
    return float(last * ratio * (1 - ratio**doublings) / (1 - ratio))


def _lowest(ordered: np.ndarray, m: int) -> float:
    """Return the expected lowest of `m` values that are drawn from these, which are in order, without putting back."""
    n = len(ordered)
    left, chance, expected = 1.0, 0.0, 0.0
    for place, value in enumerate(ordered[: n - m + 1]):
        chance = left * m / (n - place)  # that it is drawn, and none before it
        expected += chance * float(value)
        left -= chance
    return expected
