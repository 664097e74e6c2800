"""Decides what becomes of a `-m` command: its space, its study, the search, and the one job at its end."""

import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import optuna
from hydra.core.utils import setup_globals
from hydra.types import HydraContext, TaskFunction
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf, open_dict
from optuna.exceptions import ExperimentalWarning

from hydra_plugins.champion_sweeper import (
    CHOICE,
    NOT_RANKED,
    _address,
    _again,
    _command,
    _console,
    _forecast,
    _launch,
    _learned,
    _notes,
    _overrides,
    _reading,
    _results,
    _sampling,
    _study,
)
from hydra_plugins.champion_sweeper._errors import Outage, SweepError
from hydra_plugins.champion_sweeper._limits import Limits
from hydra_plugins.champion_sweeper._output import goes_on_unheard
from hydra_plugins.champion_sweeper._parameter import chosen
from hydra_plugins.champion_sweeper._search import search
from hydra_plugins.champion_sweeper._settings import check, directions, patience
from hydra_plugins.champion_sweeper._space import Space, flat
from hydra_plugins.champion_sweeper._stop import stops_on_sigterm
from hydra_plugins.champion_sweeper._store import Store, refusals
from hydra_plugins.champion_sweeper._worker import STOPPED, Worker


@goes_on_unheard()
def sweep(
    arguments: list[str], *, task: TaskFunction, hydra_context: HydraContext, config: DictConfig, began: float
) -> None:
    """Search the space of `arguments`; leave the study, a leaderboard, pictures, and the best overrides.

    The timeout counts from `began`, in seconds since the epoch.
    Raises SweepError for what can't be begun and when too many trials fail, SystemExit when it is told to stop, and at
    its end OutputError where what it prints can't be written.
    """
    setup_globals()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore", ExperimentalWarning)
    settings, folder = config.hydra.sweeper, Path(str(config.hydra.sweep.dir)).absolute()
    check(settings)
    lasts = patience(settings, directions=directions(settings.direction))
    space = _read_space(arguments, hydra_context=hydra_context, config=config)
    notes = [*_notes.outside(space), *_notes.not_followed(space, settings)]
    _settle(space, settings)
    _sampling.rehearse(settings, space, directions=directions(settings.direction))
    first, *others = [space.compose(point) for point in space.examples()]
    last_job = any(one.hydra.sweeper.last_job for one in (first, *others))
    kept = settings.again.timeout * (settings.timeout or 0) if settings.again else 0
    deadline = None if settings.timeout is None else began + settings.timeout - kept
    limits = Limits(settings.n_trials, deadline, settings.max_failure_rate, last_job, lasts, kept)
    address = _address.storage(str(settings.storage), reserved=settings.reserved)
    space = replace(space, known=tuple(_learned.points(space, settings, folder=folder, address=address)))
    store = Store(address, str(settings.study_name), settings.grace_period)
    worker = Worker(task, hydra_context, config, space, store, limits, command="")
    if (winner := _found(worker, space, first, folder=folder, notes=notes)) is not None:
        best, number = [*space.overrides(winner), *map(str, settings.last_job_overrides)], len(store.trials())
        try:
            _launch.job(task, best, hydra_context=hydra_context, config=config, number=number, folder=folder)
        except (KeyboardInterrupt, SystemExit) as stop:
            if (status := getattr(stop, "code", 130)) in STOPPED:
                print(_console.kept(store, last_job=True), file=sys.stderr)
            raise SystemExit(status) from None


def _found(
    worker: Worker, space: Space, first: DictConfig, *, folder: Path, notes: Sequence[str]
) -> dict[str, Any] | None:
    """Search; leave what was found in the folder, and return the point of the last job, if there is to be one.

    `first` is one of the configurations that are searched.
    """
    store, config = worker.store, worker.config
    settings, asked = config.hydra.sweeper, directions(config.hydra.sweeper.direction)
    made_with = {"hydra.sweeper.direction": ", ".join(asked), **space.made_with(may_change=settings.may_change)}
    differing = _notes.differing(space, settings.incomparable or ())
    warning = _notes.not_ranked(differing)
    if differing:
        settings.pruner = None
    with refusals(store), store.alive() as command:
        study = _study.create(store, directions=asked, made_with=made_with, command=command)
        study.set_user_attr(NOT_RANKED, warning)
        with _writing_into(folder):
            folder.mkdir(parents=True, exist_ok=True)
            OmegaConf.save(config, folder / "multirun.yaml")
        worker = replace(worker, command=command)
        held = first.hydra.sweeper.get("context")
        with _told_to_stop(worker), nullcontext() if held is None else instantiate(held, study, folder):
            opening = partial(_console.opening, store, space, settings.workers, folder, [*notes, *warning])
            if (ended := search(worker, opening=opening)) is None:
                return None
            if (found := _again.run(worker, space, study, comparable=not differing)) is None:
                return None
            ended += _outlook(worker, space)
            winner = chosen(found.best)
            best = _command.program([*_command.places(), *space.overrides(winner)]) if len(asked) == 1 else None
            study.set_user_attr(
                CHOICE, {**found.known, "said": [f"the search has ended: {ended}", *found.said], "command": best}
            )
            study.set_user_attr(_learned.LEADERS, _learned.told(found.leaders, space))
            with _writing_into(folder):
                _results.write(study, space, found.best, folder=folder, differing=differing)
            _console.results(space, found, store=store, best=best, ended=ended, notes=warning)
    return winner if best and space.compose(winner).hydra.sweeper.last_job else None  # as its own recipe says


def _outlook(worker: Worker, space: Space) -> str:
    """Say what going on with the search would likely bring, where there is more to try, as the end of a sentence."""
    settings, study = worker.config.hydra.sweeper, worker.store.study()
    if len(study.directions) > 1 or space.grid(settings.n_trials) is not None:
        return ""
    sign = -1 if study.direction is optuna.study.StudyDirection.MAXIMIZE else 1
    more = _forecast.told(worker.store.counted(), sign=sign, workers=settings.workers)
    return f"; {more}" if more else ""


def _read_space(arguments: list[str], *, hydra_context: HydraContext, config: DictConfig) -> Space:
    """Read the space, and compose a point of each branch: what Hydra refuses is refused before the first trial."""
    loader, sampler = hydra_context.config_loader, config.hydra.sweeper.sampler

    def compose(overrides: list[str]) -> DictConfig:
        return loader.load_sweep_config(config, overrides)

    searched = (config.hydra.job.config_name, _overrides.composed_with(config)["hydra"])
    seed = sampler.get("seed") if sampler else None
    space = _reading.read(arguments, loader=loader, compose=compose, seed=seed, searched=searched)
    for point in space.examples():
        found = flat(space.compose(point))
        if missing := [key for key, value in found.items() if value == "???"]:
            raise SweepError(f"{missing[0]} must be given, as in {missing[0]}=VALUE.")
    return space


def _settle(space: Space, settings: DictConfig) -> None:
    """Give all that is swept the settings of the sweep, but those that each option has its own of."""
    for branch in space.branches.values():
        for own in (branch.base.hydra.sweeper, branch.config.hydra.sweeper):
            kept = [name for name in _notes.OWN if name in own]
            with open_dict(own):
                own.update({name: value for name, value in _notes.as_written(settings).items() if name not in kept})


@contextmanager
def _writing_into(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SweepError(f"hydra.sweep.dir '{folder}' can't be written: {error.strerror or error}.") from error


@contextmanager
def _told_to_stop(worker: Worker) -> Iterator[None]:
    """Answer Ctrl-C, SIGTERM, SIGHUP and an outage: close what was running, and say how to go on."""
    try:
        with stops_on_sigterm():
            yield
    except (KeyboardInterrupt, SystemExit, Outage) as stop:
        _study.close_lost(worker.store, command=worker.command, ended=_launch.is_local(worker.config))
        kept = _console.kept(worker.store)
        if isinstance(stop, Outage):
            raise SweepError(f"{stop} {kept}") from stop
        print(kept, file=sys.stderr)
        raise SystemExit(getattr(stop, "code", 130)) from None
    finally:  # or another command would wait for this one, should it fail to prepare the study
        _study.ready(worker.store, worker.command)
