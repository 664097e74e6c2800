"""Decides in which words a final is told; who wins it is decided in decision.py."""

from champion.base.words import amount
from champion.promotion.comparison import Comparison

NAMES = {"rmse": "RMSE", "log_loss": "Log loss"}


def outcome(
    found: Comparison, *, metric: str, opponent: str, rows: str, min_improvement: float, confidence: float
) -> str:
    """Return a sentence on what the comparison showed; `rows` says on which ones, as in "on the same 90 rows"."""
    told = standing(found, metric=metric, opponent=opponent, rows=rows)
    if found.improvement < 0:
        return f"{told}."
    if found.improvement == 0:
        return f"{told}, and a tie keeps the champion."
    return (
        f"{told}; with {_percent(confidence)} confidence it is"
        f" at least {_percent(found.low)}, and more than {_percent(min_improvement)} is asked."
    )


def standing(found: Comparison, *, metric: str, opponent: str, rows: str) -> str:
    """Return the words for who has the lower error, and by how much, without a full stop."""
    own, theirs = f"{NAMES[metric]} {amount(found.error)}", f"{opponent}'s {amount(found.opponent_error)}"
    if found.improvement == 0:
        return f"{own} is {opponent}'s too {rows}"
    return (
        f"{own} is {_percent(abs(found.improvement))} {'above' if found.improvement < 0 else 'below'} {theirs} {rows}"
    )


def _percent(share: float) -> str:
    """Return a share of 0.04 as 4 %, of 0.0412 as 4.1 %, and of 0.0002 as 0.02 %."""
    percent = 100 * share + 0.0  # -0.0 is 0
    return f"{percent:.1f}".removesuffix(".0") + " %" if abs(percent) >= 0.1 else f"{percent:.1g} %"
