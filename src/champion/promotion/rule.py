"""Decides what a challenger must do to become champion, and checks that this makes sense before anything is trained."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from math import inf

from champion.base.errors import ConfigError
from champion.base.words import did_you_mean


@dataclass(frozen=True)
class Rule:
    """The config's section `final`; raises ConfigError for a value that can't be meant.

    `min_improvement` is a share of the champion's RMSE or log loss, and `confidence` that the improvement is larger;
    megabytes are 1,000,000 bytes, milliseconds those for one row alone, and None is no limit.
    """

    min_improvement: float
    confidence: float
    resamples: int
    max_model_mb: float | None
    max_ms_per_row: float | None

    def __post_init__(self) -> None:
        self._check("min_improvement", _within(self.min_improvement, 0, 1), "lie between 0 and 1")
        self._check("confidence", _within(self.confidence, 0.5, 1), "lie between 0.5 and 1")
        self._check("resamples", type(self.resamples) is int and self.resamples >= 100, "be a whole number from 100")
        for key in ("max_model_mb", "max_ms_per_row"):
            limit = getattr(self, key)
            allowed = limit is None or (_within(limit, 0, inf) and limit > 0)
            self._check(key, allowed, "be a number above 0, or null for no limit")

    def _check(self, key: str, holds: bool, rule: str) -> None:
        if not holds:
            raise ConfigError(f"final.{key} must {rule}, but got {getattr(self, key)!r}.")


def read(settings: object) -> Rule:
    """Return the rule that the config's section `final` states."""
    keys = [field.name for field in fields(Rule)]
    if not isinstance(settings, Mapping):
        raise ConfigError(f"final must hold {', '.join(keys)}, but got {settings!r}.")
    for key in settings:
        if key not in keys:
            raise ConfigError(f"final.{key} is not one of {', '.join(keys)}.{did_you_mean(str(key), keys)}")
    return Rule(**{key: settings[key] for key in keys})


def _within(value: object, low: float, high: float) -> bool:
    """Tell whether `value` is a number from `low` to below `high`."""
    return isinstance(value, int | float) and not isinstance(value, bool) and low <= value < high
