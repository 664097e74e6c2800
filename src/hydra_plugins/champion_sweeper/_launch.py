"""Decides where workers run: here and in processes beside this one, or wherever Hydra's launcher puts them."""

import os
import signal
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from hydra.core.plugins import Plugins
from hydra.core.singleton import Singleton
from hydra.core.utils import setup_globals
from hydra.types import HydraContext, TaskFunction
from joblib import Parallel, delayed
from joblib.externals.loky import get_reusable_executor
from joblib.externals.loky.backend import resource_tracker
from joblib.externals.loky.process_executor import BrokenProcessPool, TerminatedWorkerError
from omegaconf import DictConfig

from hydra_plugins.champion_sweeper import _alive, _job
from hydra_plugins.champion_sweeper._errors import SweepError
from hydra_plugins.champion_sweeper._stop import HANGUP
from hydra_plugins.champion_sweeper._worker import Worker

PATIENCE = 3  # seconds that a trial has to end in, once nobody waits for it


def launch(worker: Worker, n_workers: int) -> str | None:
    """Run `n_workers` workers to their end: local processes with Hydra's basic launcher, else its launcher's jobs.

    Return None where they ended by themselves, or else what the launcher says of one that died. When one of joblib's
    processes dies, the others are ended too; other launchers may leave them running.
    """
    if not is_local(worker.config):
        return _with_launcher(worker, n_workers)
    if n_workers == 1:
        worker()
    else:
        with suppress(TerminatedWorkerError):
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


def _with_launcher(worker: Worker, n_workers: int) -> str | None:
    launcher = Plugins.instance().instantiate_launcher(worker.hydra_context, worker, worker.config)
    # A worker is a job, too, with all that must be given, but the folders with plain numbers are the trials'.
    point, *_ = worker.space.examples()
    given = worker.space.overrides(point)
    own = [*given, f"hydra.sweep.subdir={_alive.LOCKS}/${{hydra.job.num}}", "hydra.output_subdir=null"]
    try:
        jobs = launcher.launch([own] * n_workers, initial_job_idx=0)
    except Exception as error:
        return " ".join(str(error).split())[:300] or type(error).__name__
    for job in jobs:
        _ = job.return_value  # raises what the worker raised
    return None


def _beside(worker: Worker, n_workers: int) -> None:
    state = Singleton.get_state()
    _start_tracker()
    try:
        Parallel(n_jobs=n_workers, backend="loky", batch_size=1)(
            delayed(_work)(worker, state, sys.path, os.getpid()) for _ in range(n_workers)
        )
    except TerminatedWorkerError:
        raise
    except BrokenProcessPool as error:
        raise SweepError(f"The job can't be sent to a process beside this one: {error.__cause__}") from error
    finally:
        get_reusable_executor().shutdown(wait=True, kill_workers=True)


def _start_tracker() -> None:
    """Start the process that tidies up behind all others so that it outlives a terminal that is closed."""
    if HANGUP is None or threading.current_thread() is not threading.main_thread():
        return
    before = signal.signal(HANGUP, signal.SIG_IGN)  # which it inherits
    try:
        resource_tracker.ensure_running()
    finally:
        signal.signal(HANGUP, before)


def _work(worker: Worker, state: Mapping[Any, Any], path: list[str], parent: int) -> None:
    """Be a worker in a process of its own, which the first one ends, or else the end of that one."""
    for sent_to_all in filter(None, (signal.SIGINT, HANGUP)):
        signal.signal(sent_to_all, signal.SIG_IGN)
    threading.Thread(target=_leave_with, args=[parent], daemon=True).start()
    sys.path[:] = path
    setup_globals()
    Singleton.set_state(state)
    worker()


def _leave_with(parent: int) -> None:
    """End this process when that one is gone: at first so that its trial can close what it has open."""
    while os.getppid() == parent:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(PATIENCE)
    os._exit(128 + signal.SIGTERM)
