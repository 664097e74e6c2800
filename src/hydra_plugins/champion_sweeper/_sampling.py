"""Decides which sampler proposes a trial and which pruner ends one, and tries both before the first trial."""

import inspect
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pkgutil import resolve_name
from typing import Any

import numpy as np
import optuna
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler
from optuna.study import StudyDirection

from hydra_plugins.champion_sweeper._errors import SweepError, did_you_mean
from hydra_plugins.champion_sweeper._space import Space

STARTUP = "n_startup_trials"  # of many samplers: those that they leave to chance


def sampler(settings: DictConfig | None, number: int, **options: Any) -> BaseSampler | None:
    """Make the sampler of one trial: its seed follows from the seed of the study and the number of the trial.

    So no two workers propose the same point, and a study that goes on doesn't begin again.
    """
    if settings is None:
        return None
    if settings.get("seed") is not None:
        options["seed"] = int(np.random.SeedSequence([settings.seed, number]).generate_state(1)[0])
    made: BaseSampler = instantiate(settings, **options)
    return made


def pruner(settings: DictConfig | None) -> BasePruner:
    """Make the pruner, or one that ends no trial where there are no settings."""
    made: BasePruner = optuna.pruners.NopPruner() if settings is None else instantiate(settings)
    return made


def rehearse(settings: DictConfig, space: Space, *, directions: Sequence[str]) -> None:
    """Let sampler and pruner deal with a few trials of a study that nobody keeps.

    Raises SweepError for an option that they don't have, a package that they lack, or a space that isn't theirs.
    """
    study = optuna.create_study(directions=[StudyDirection[direction.upper()] for direction in directions])
    with _said_of("pruner", settings.pruner):
        study.pruner = pruner(settings.pruner)
        if len(directions) == 1:
            trial = study.ask()
            trial.report(0.0, step=1)
            trial.should_prune()
    with _said_of("sampler", settings.sampler):
        soon = {STARTUP: 1} if settings.sampler and STARTUP in _options(settings.sampler) else {}
        study.sampler = sampler(settings.sampler, 0, **soon) or study.sampler
        for number in range(3):
            trial = study.ask()
            space.suggest(trial)
            study.tell(trial, [float(number)] * len(directions))


@contextmanager
def _said_of(name: str, settings: DictConfig | None) -> Iterator[None]:
    """Turn what goes wrong into a SweepError that names the setting."""
    key = f"hydra.sweeper.{name}"
    try:
        _check(key, settings)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they are said of the real trials
            yield
    except SweepError:
        raise
    except Exception as error:  # classes of anybody's, each with kinds of its own
        cause = error.__cause__ if isinstance(error, InstantiationException) and error.__cause__ else error
        reason = " ".join(str(cause).partition(", set env var")[0].split()).removesuffix(".")
        if isinstance(cause, ModuleNotFoundError) and cause.name:
            reason += f". `pip install {cause.name.partition('.')[0]}` installs it"
        raise SweepError(f"{key}={settings and settings._target_} can't be used: {reason}.") from error


def _check(key: str, settings: DictConfig | None) -> None:
    if settings is None:
        return
    if not isinstance(settings, DictConfig) or "_target_" not in settings:
        classes = f"optuna.{key.rpartition('.')[2]}s"
        raise SweepError(f"{key} must have a _target_, such as a class of {classes}, or be null, but got {settings!r}.")
    options, given = _options(settings), [str(name) for name in settings if not str(name).startswith("_")]
    unknown = [name for name in given if name not in options]
    if unknown and inspect.Parameter.VAR_KEYWORD not in options.values():
        made = settings._target_.rpartition(".")[2]
        raise SweepError(f"{key}.{unknown[0]} is not an option of {made}.{did_you_mean(unknown[0], options)}")


def _options(settings: DictConfig) -> dict[str, Any]:
    """Return the options that the class of these settings takes, and of which kind each is."""
    return {one.name: one.kind for one in inspect.signature(resolve_name(settings._target_)).parameters.values()}
