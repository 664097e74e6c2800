"""wording.py: what is said of a final."""

import pytest

from champion.base.words import amount
from champion.promotion.comparison import Comparison
from champion.promotion.wording import outcome


def said(rmse: float, theirs: float, low: float, *, min_improvement: float = 0, metric: str = "rmse") -> str:
    """Tell a final against version 2."""
    found = Comparison(rmse, theirs, 1 - rmse / theirs, low, 4128)
    rows = "on the same 4,128 rows"
    return outcome(
        found, metric=metric, opponent="version 2", rows=rows, min_improvement=min_improvement, confidence=0.95
    )


def test_outcomes_are_one_sentence() -> None:
    """A better, a worse and an equal challenger are told in numbers a person can judge."""
    assert said(45_010, 46_900, 0.0288) == (
        "RMSE 45,010 is 4 % below version 2's 46,900 on the same 4,128 rows;"
        " with 95 % confidence it is at least 2.9 %, and more than 0 % is asked."
    )
    assert said(45_010, 46_900, -0.0012, min_improvement=0.005).endswith(
        "at least -0.1 %, and more than 0.5 % is asked."
    )
    assert said(0.25, 0.2, -0.3, metric="log_loss").startswith("Log loss 0.25 is 25 % above version 2's 0.2")
    assert said(2.5, 2.0, -0.3) == "RMSE 2.5 is 25 % above version 2's 2 on the same 4,128 rows."
    assert said(2.0, 2.0, 0) == "RMSE 2 is version 2's too on the same 4,128 rows, and a tie keeps the champion."


@pytest.mark.parametrize(
    ("low", "shown"), [(0.00004, "0.004 %"), (-0.0, "0 %"), (0.0009, "0.09 %"), (0.1234, "12.3 %")]
)
def test_small_shares_are_not_rounded_to_nothing(low: float, shown: str) -> None:
    """A bound just above 0 is seen to be above it."""
    assert f"at least {shown}, and" in said(1.0, 2.0, low)


def test_amounts_have_four_digits() -> None:
    """Large ones are whole."""
    assert [amount(value) for value in (48_963.4, 0.123456, 12.3456)] == ["48,963", "0.1235", "12.35"]
