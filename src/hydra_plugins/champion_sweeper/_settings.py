"""Decides which settings of a sweep can't be meant: those of hydra.sweeper that are numbers or directions."""

from typing import Any

from omegaconf import DictConfig, OmegaConf

from hydra_plugins.champion_sweeper._errors import SweepError


def check(settings: DictConfig) -> None:
    """Raise SweepError for a setting that breaks a rule."""
    whole = {"n_trials": settings.n_trials, "workers": settings.workers}
    for name, value in whole.items():
        if not (type(value) is int and value >= 1) and not (name == "n_trials" and value is None):
            raise SweepError(f"hydra.sweeper.{name} must be a whole number from 1, but got {value!r}.")
    if not (type(settings.grace_period) is int and settings.grace_period >= 1):
        given = settings.grace_period
        raise SweepError(f"hydra.sweeper.grace_period must be a whole number of seconds from 1, but got {given!r}.")
    if settings.timeout is not None and not (_is_number(settings.timeout) and settings.timeout > 0):
        raise SweepError(f"hydra.sweeper.timeout must be seconds above 0, or null, but got {settings.timeout!r}.")
    if not (_is_number(settings.max_failure_rate) and 0 <= settings.max_failure_rate <= 1):
        rate = settings.max_failure_rate
        raise SweepError(f"hydra.sweeper.max_failure_rate must lie between 0 and 1, but got {rate!r}.")


def directions(given: Any) -> list[str]:
    """Return in which directions the job's numbers get better; raise SweepError for what is none."""
    found: list[Any] = list(given) if OmegaConf.is_list(given) else [given]
    for direction in found or [None]:
        if direction not in ("minimize", "maximize"):
            raise SweepError(f"hydra.sweeper.direction must be minimize or maximize, but got {direction!r}.")
    return found


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
