"""Decides what a run's experiment and its registered model are called: as the configuration says, or after the data."""

from collections.abc import Sequence

from champion import registry, tracking
from champion.base.errors import ConfigError
from hydra_plugins.champion_sweeper import as_typed


def read(experiment: object, model: object, *, data: str, overrides: Sequence[str]) -> tuple[str, str]:
    """Return the names that `experiment_name` and `registered_model` stand for, those after the `data` for None.

    `overrides` are the command's: what looks like a number is the text that was typed. Raises ConfigError for what is
    no name, TrackingError and ModelError for one that MLflow would refuse, so that it is said before the work.
    """
    experiment_name = text("experiment_name", experiment, overrides) or f"{data}_prediction"
    registered_model = text("registered_model", model, overrides) or f"{data}_predictor"
    tracking.check_name(experiment_name)
    registry.check_name(registered_model)
    return experiment_name, registered_model


def text(key: str, value: object, overrides: Sequence[str]) -> str | None:
    """Return the name that a key holds, None for the default; raise ConfigError for what is none."""
    if value is None:
        return None
    name = as_typed(key, value, overrides) if isinstance(value, int | float) else value
    if not isinstance(name, str) or not name.strip():
        raise ConfigError(f"{key} must be a name, or null for the default, but got {value!r}.")
    return name
