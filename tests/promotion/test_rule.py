"""rule.py: what may be asked of a challenger."""

from typing import Any

import pytest
import yaml

from champion.base.errors import ConfigError
from champion.promotion import rule
from tests.conftest import REPOSITORY

DEFAULTS: dict[str, Any] = yaml.safe_load((REPOSITORY / "conf" / "config.yaml").read_text())["final"]


def test_configured_rule_asks_for_an_improvement_beyond_chance() -> None:
    """The defaults are a rule: any improvement, as long as 95 % of the draws show it, and no limits."""
    assert rule.read(DEFAULTS) == rule.Rule(0.0, 0.95, 2000, None, None)


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("confidence", 2, "final.confidence must lie between 0.5 and 1, but got 2."),
        ("confidence", 1, "final.confidence must lie between 0.5 and 1, but got 1."),
        ("confidence", True, "final.confidence must lie between 0.5 and 1, but got True."),
        ("confidence", "high", "final.confidence must lie between 0.5 and 1, but got 'high'."),
        ("min_improvement", -0.1, "final.min_improvement must lie between 0 and 1, but got -0.1."),
        ("min_improvement", None, "final.min_improvement must lie between 0 and 1, but got None."),
        ("resamples", 10, "final.resamples must be a whole number from 100, but got 10."),
        ("resamples", 2000.5, "final.resamples must be a whole number from 100, but got 2000.5."),
        ("max_model_mb", 0, "final.max_model_mb must be a number above 0, or null for no limit, but got 0."),
        ("max_ms_per_row", float("nan"), "final.max_ms_per_row must be a number above 0, or null for no limit"),
        ("confidense", 0.9, "Did you mean 'confidence'?"),
    ],
)
def test_rules_that_cannot_be_meant_are_refused(key: str, value: object, says: str) -> None:
    """The message names key, value and what is allowed."""
    with pytest.raises(ConfigError) as refusal:
        rule.read(DEFAULTS | {key: value})
    assert says in str(refusal.value)


def test_section_that_is_no_section_is_refused() -> None:
    """`final=null` names the keys that it lacks."""
    with pytest.raises(ConfigError, match=r"final must hold min_improvement, confidence, .* but got None"):
        rule.read(None)
