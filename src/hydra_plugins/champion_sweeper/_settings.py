"""Decides which settings of a sweep can't be meant: those of hydra.sweeper that are numbers or directions."""

import re
from collections.abc import Callable, Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf

from hydra_plugins.champion_sweeper._errors import SweepError
from hydra_plugins.champion_sweeper._patience import Patience


def check(settings: DictConfig) -> None:
    """Raise SweepError for a setting that breaks a rule."""
    whole = {"n_trials": settings.n_trials, "workers": settings.workers}
    for name, value in whole.items():
        if not (type(value) is int and value >= 1) and not (name == "n_trials" and value is None):
            raise SweepError(f"hydra.sweeper.{name} must be a whole number from 1, but got {value!r}.")
    if not (type(settings.grace_period) is int and settings.grace_period >= 1):
        given = settings.grace_period
        raise SweepError(f"hydra.sweeper.grace_period must be a whole number of seconds from 1, but got {given!r}.")
    _check_again(settings.again)
    if settings.timeout is not None and not (_is_number(settings.timeout) and settings.timeout > 0):
        raise SweepError(f"hydra.sweeper.timeout must be seconds above 0, or null, but got {settings.timeout!r}.")
    if not (_is_number(settings.max_failure_rate) and 0 <= settings.max_failure_rate <= 1):
        rate = settings.max_failure_rate
        raise SweepError(f"hydra.sweeper.max_failure_rate must lie between 0 and 1, but got {rate!r}.")


def _check_again(given: Any) -> None:
    """Check how trials are run again: which part of them, how often, in which part of a timeout, and who is chosen."""
    if given is None:
        return
    rules: dict[str, tuple[Callable[[Any], bool], str]] = {
        "share": (lambda value: _is_number(value) and 0 <= value <= 1, "a share from 0 to 1"),
        "times": (lambda value: type(value) is int and value >= 1, "a whole number from 1"),
        "timeout": (lambda value: _is_number(value) and 0 <= value < 1, "a share from 0 to below 1"),
        "choose": (lambda value: value in ("best", "fastest"), "best or fastest"),
        "key": (lambda value: isinstance(value, str) and bool(value), "a key of the configuration"),
    }
    if not OmegaConf.is_dict(given) or set(given) != set(rules):
        raise SweepError(f"hydra.sweeper.again must be null or have {', '.join(rules)}, but got {given!r}.")
    for name, (holds, rule) in rules.items():
        if not holds(given[name]):
            raise SweepError(f"hydra.sweeper.again.{name} must be {rule}, but got {given[name]!r}.")


def patience(settings: DictConfig, *, directions: Sequence[str]) -> Patience | None:
    """Return how long the search may go on without a gain; raise SweepError for what can't be meant."""
    given, gain = settings.patience, settings.min_gain
    if not (_is_number(gain) and 0 <= gain < 1):
        raise SweepError(f"hydra.sweeper.min_gain must be a share from 0 to below 1, but got {gain!r}.")
    if given is None:
        return None
    if len(directions) > 1:
        raise SweepError(f"hydra.sweeper.patience must be null where there are several objectives, but got {given!r}.")
    seconds = re.fullmatch(r"(\d+\.?\d*) ?s", given) if isinstance(given, str) else None
    trials = given if type(given) is int and given >= 1 else None
    if not (trials or (seconds and float(seconds[1]))):
        rule = "a number of trials from 1, seconds as in 90s, or null"
        raise SweepError(f"hydra.sweeper.patience must be {rule}, but got {given!r}.")
    return Patience(trials, seconds and float(seconds[1]), float(gain), maximize=directions[0] == "maximize")


def directions(given: Any) -> list[str]:
    """Return in which directions the job's numbers get better; raise SweepError for what is none."""
    found: list[Any] = list(given) if OmegaConf.is_list(given) else [given]
    for direction in found or [None]:
        if direction not in ("minimize", "maximize"):
            raise SweepError(f"hydra.sweeper.direction must be minimize or maximize, but got {direction!r}.")
    return found


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
