"""What the sweeper itself costs: `python -m benchmarks.sweep_overhead [--trials 1000]`.

First, how much of two workers' time jobs take that last 0.1 s and 1 s in turn: the time that the study counts as
theirs, and the bare sleep in it. Then what asking, telling and tracking one trial of XGBoost costs in milliseconds
beside its fits, which take 0.1 s in another process, about trial 10, 100 and the last.
"""

import os
import statistics
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import optuna
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import OmegaConf, open_dict
from optuna.exceptions import ExperimentalWarning
from optuna.trial import FrozenTrial

from benchmarks import figures, process
from benchmarks.process import REPOSITORY

JOBS = 60
FITS = 0.1  # seconds of a trial
FOLDS = 5
SHARES = ("workers", "in_trials", "asleep", "beside_ms")


def busy(n_jobs: int) -> figures.Row:
    """Return the share of the workers' time that is spent in jobs, and the milliseconds of each beside its sleep."""
    with tempfile.TemporaryDirectory() as folder:
        toy = [sys.executable, str(REPOSITORY / "tests" / "toy" / "app.py"), "-m", f"n=range(0,{n_jobs // 2})"]
        own = ["seconds=0.1,1", "hydra.sweeper.workers=2", f"hydra.sweeper.n_trials={n_jobs}"]
        storage = f"{folder}/study.journal"
        named = [f"hydra.sweeper.storage={storage}", "hydra.sweeper.study_name=busy"]
        process.run(*toy, *own, *named, home=folder, cwd=Path(folder))
        trials = trials_of(storage, "busy", n_jobs)
    workers: dict[str, list[FrozenTrial]] = {}
    for trial in trials:
        workers.setdefault(trial.user_attrs["worker"], []).append(trial)
    spans = [max(map(ended, own)) - min(map(started, own)) for own in workers.values()]
    jobs = sum(ended(trial) - started(trial) for trial in trials)
    sleep = sum(float(trial.params["seconds"]) for trial in trials)
    ideal = sum(spans)
    beside = 1000 * (jobs - sleep) / len(trials)
    return {"workers": len(workers), "in_trials": jobs / ideal, "asleep": sleep / ideal, "beside_ms": beside}


def trials_of(storage: str, name: str, asked: int) -> list[FrozenTrial]:
    """Return the trials of a study in a journal; exit unless they are those that were asked for, each one complete."""
    from hydra_plugins.champion_sweeper._store import Store

    trials = Store(storage, name).trials()
    if (states := [trial.state.name for trial in trials]) != ["COMPLETE"] * asked:
        sys.exit(f"{asked} trials were asked for, and these were told: {states}")
    return trials


def started(trial: FrozenTrial) -> float:
    """Return when the trial began, in seconds."""
    return trial.datetime_start.timestamp() if trial.datetime_start else 0.0


def ended(trial: FrozenTrial) -> float:
    """Return when the trial ended, in seconds."""
    return trial.datetime_complete.timestamp() if trial.datetime_complete else 0.0


def costs(n_trials: int) -> list[float]:
    """Return the milliseconds that each trial costs beside its job."""
    import warnings

    from mlflow import MlflowClient

    from champion import data, tracking
    from champion.base.home import home
    from champion.job import study as job
    from champion.tracking import Point
    from hydra_plugins.champion_sweeper import _queue, _reading, _sampling, _study, running
    from hydra_plugins.champion_sweeper._limits import Limits
    from hydra_plugins.champion_sweeper._store import Store

    warnings.simplefilter("ignore", ExperimentalWarning)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["CHAMPION_HOME"] = folder
        home()  # conf/ needs it
        with initialize_config_dir(str(REPOSITORY / "conf"), version_base="1.3"):
            loader = GlobalHydra.instance().config_loader()
            config = loader.load_configuration("config", ["model=xgboost"], RunMode.RUN)
            space = _reading.read(
                ["model=xgboost"],
                loader=loader,
                compose=lambda overrides: loader.load_configuration("config", overrides, RunMode.RUN),
                seed=42,
            )
        store = Store(f"{folder}/study.journal", "costs")
        study = _study.create(store, directions=["minimize"], made_with={}, command="costs")
        dataset, settings = data.load(**config.data), config.hydra.sweeper
        spent: list[float] = []
        tracking.connect(config.tracking.uri, artifacts=config.tracking.artifacts)
        common = {
            "artifacts": config.tracking.artifacts,
            "data": dataset.summary,
            "typical": dataset,
            "folder": Path(folder),
        }
        with tracking.start_sweep("costs", name="costs", run_id=None, tags={}, **common) as parent:
            study.set_user_attr("mlflow_run_id", parent.id)
            while len(spent) < n_trials:
                _queue.fill(store, space, n_trials=n_trials)
                begun = time.perf_counter()
                found = _queue.take(store, "one@costs", Limits(n_trials, None, 1.0))
                assert found is not None  # noqa: S101
                taken, _ = found
                sampler = _sampling.sampler(settings.sampler, taken.number)
                trial = store.start(taken, sampler=sampler, pruner=_sampling.pruner(settings.pruner))
                with store.together():
                    params = space.suggest(trial)
                config = space.compose(params)
                with open_dict(config):
                    del config["hydra"]  # as jobs have it
                written = partial(OmegaConf.to_yaml, config, resolve=True)
                score = 1 + params["model.learning_rate"] + params["model.subsample"]
                with running(trial):
                    part_of = job.sweep() or tracking.ALONE
                    known = partial(tracking.start_run, "costs", name="trial", part_of=part_of)
                    run = known(params=params, tags={}, config=written, **common)
                    with run as kept:
                        for fold in range(1, FOLDS + 1):
                            time.sleep(FITS / FOLDS)
                            folds = [Point(f"fold_{number}", score, fold) for number in range(5)]
                            kept.draw([*folds, *(Point(f"loss/fold_{fold}", score, 1 + tree) for tree in range(100))])
                            trial.report(score + fold / 100, fold)
                        kept.log_metrics({f"metric_{number}": score for number in range(6)})
                trial.study.tell(trial, score)
                spent.append(1000 * (time.perf_counter() - begun - FITS))
            experiments = [MlflowClient().get_experiment_by_name("costs").experiment_id]
            children = f"tags.`mlflow.parentRunId` = '{parent.id}' and attributes.status = 'FINISHED'"
            tracked = len(MlflowClient().search_runs(experiments, children, max_results=n_trials + 1))
        told = len(trials_of(f"{folder}/study.journal", "costs", n_trials))
    if tracked != told:
        sys.exit(f"{told} trials were told, but MLflow has {tracked} finished runs of them")
    return spent


def summary(rows: list[figures.Row]) -> figures.Row:
    """Return the medians of the shares, and of the milliseconds about a trial."""
    [shares] = figures.medians([{key: row[key] for key in SHARES} for row in rows], "workers")
    last = len(rows[0]["spent_ms"])
    about = {
        str(number): statistics.median(one for row in rows for one in row["spent_ms"][max(0, number - 10) : number + 5])
        for number in sorted({min(10, last), min(100, last), last})
    }
    return shares | {"about": about}


def text(found: figures.Row) -> str:
    """Say them."""
    about = ", ".join(f"{spent:.0f} ms at trial {number}" for number, spent in found["about"].items())
    return (
        f"Asking, telling and tracking a trial takes {about}. With jobs that sleep 0.1 s and 1 s in turn, "
        f"{found['workers']} workers spend {100 * found['in_trials']:.1f} % of their time in trials and "
        f"{100 * found['asleep']:.1f} % asleep; between the two are {found['beside_ms']:.0f} ms a job."
    )


def main() -> None:
    """Measure both."""
    parser = figures.parser(__doc__)
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--jobs", type=int, default=JOBS)
    given = parser.parse_args()
    with figures.measured("sweep_overhead", save=given.save) as rows:
        rows.append(busy(given.jobs) | {"spent_ms": [round(one, 2) for one in costs(given.trials)]})


if __name__ == "__main__":
    main()
