"""Decides where workers run: here and in processes beside this one, or wherever Hydra's launcher puts them."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.plugins import Plugins
from hydra.core.singleton import Singleton
from hydra.core.utils import setup_globals
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from hydra_plugins.champion_sweeper import _alive, _job
from hydra_plugins.champion_sweeper._errors import SweepError
from hydra_plugins.champion_sweeper._forks import fork_server, start_fork_server

if TYPE_CHECKING:
    from hydra_plugins.champion_sweeper._worker import Worker

WORKER = "hydra_plugins.champion_sweeper._worker"


def get_ready(config: DictConfig) -> None:
    """Begin to import what jobs do, once for all workers, and for the folds of one where there are several cores."""
    from joblib import cpu_count  # here, as it takes a while

    settings = config.hydra.sweeper
    if is_local(config) and (settings.workers != 1 or cpu_count() > 1):
        start_fork_server([WORKER, *(settings.imports or ())])


def launch(worker: "Worker", n_workers: int) -> str | None:
    """Run `n_workers` workers to their end: local processes with Hydra's basic launcher, else its launcher's jobs.

    Return None where they ended by themselves, or else what the launcher says of one that died. When one of the local
    processes dies, the others are ended too; other launchers may leave them running.
    """
    if not is_local(worker.config):
        return _with_launcher(worker, n_workers)
    if n_workers == 1:
        worker()
    else:
        with suppress(ChildProcessError):
            _beside(worker, n_workers)
    return None


def job(
    task: TaskFunction,
    overrides: Sequence[str],
    *,
    number: int,
    hydra_context: HydraContext,
    config: DictConfig,
    folder: Path,
) -> None:
    """Run one ordinary job where the workers ran, in a folder named `best`; raise what it raises."""
    taken = len(list(folder.glob("best*")))
    own = [*overrides, f"hydra.sweep.subdir=best{f'-{taken + 1}' if taken else ''}"]
    if is_local(config):
        composed = hydra_context.config_loader.load_sweep_config(config, own)
        _job.run(task, composed, number=number, hydra_context=hydra_context)
    else:
        launcher = Plugins.instance().instantiate_launcher(hydra_context, task, config)
        [done] = launcher.launch([own], initial_job_idx=number)
        _ = done.return_value


def is_local(config: DictConfig) -> bool:
    """Tell whether workers run on this machine, and end with the command."""
    return bool(config.hydra.runtime.choices["hydra/launcher"] == "basic")


def _with_launcher(worker: "Worker", n_workers: int) -> str | None:
    launcher = Plugins.instance().instantiate_launcher(worker.hydra_context, worker, worker.config)
    # A worker is a job, too, with all that must be given, but the folders with plain numbers are the trials'.
    point, *_ = worker.space.examples()
    given = worker.space.overrides(point)
    own = [*given, f"hydra.sweep.subdir={_alive.LOCKS}/${{hydra.job.num}}", "hydra.output_subdir=null"]
    try:
        jobs = launcher.launch([own] * n_workers, initial_job_idx=0)
    except Exception as error:  # launchers of anybody's; what their workers ran is run again
        return " ".join(str(error).split())[:300] or type(error).__name__
    for job in jobs:
        _ = job.return_value  # raises what the worker raised
    return None


def _beside(worker: "Worker", n_workers: int) -> None:
    get_ready(worker.config)  # again, as it may have been killed
    if (server := fork_server()) is None:
        raise SweepError(
            f"hydra.sweeper.workers must be 1 where processes can't be copied, as on Windows, but got {n_workers}."
            " hydra/launcher=joblib has other ways."
        )
    job = (worker, Singleton.get_state())
    try:
        begun = server.each(_work, [job] * n_workers, n=n_workers)
    except ChildProcessError:
        raise
    except Exception as error:  # what can't be sent says so in every kind
        raise SweepError(f"The job can't be sent to a process beside this one: {error}") from error
    list(begun)


def _work(job: tuple["Worker", Mapping[Any, Any]]) -> None:
    worker, state = job
    setup_globals()
    Singleton.set_state(state)
    try:
        worker()
    except SystemExit as stop:  # it alone was told to stop, and what it ran is run again
        raise ChildProcessError(f"A worker was told to stop: {stop.code}.") from stop
