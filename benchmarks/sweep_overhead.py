"""What the sweeper itself costs: `python benchmarks/sweep_overhead.py [trials]`.

First, how much of two workers' time jobs take that last 0.1 s and 1 s in turn: the time that the study counts as
theirs, and the bare sleep in it. Then what asking, telling and tracking one trial of XGBoost costs in milliseconds,
with nothing fitted, about trial 10, 100 and the last (1000 unless told).
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import optuna
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import OmegaConf
from optuna.exceptions import ExperimentalWarning
from optuna.trial import FrozenTrial

REPOSITORY = Path(__file__).resolve().parents[1]
JOBS = 60


def busy() -> None:
    """Print the share of the workers' time that is spent in jobs."""
    with tempfile.TemporaryDirectory() as folder:
        toy = [sys.executable, str(REPOSITORY / "tests" / "toy" / "app.py"), "-m", f"n=range(0,{JOBS // 2})"]
        own = ["seconds=0.1,1", "hydra.sweeper.workers=2", f"hydra.sweeper.n_trials={JOBS}"]
        storage = f"{folder}/study.journal"
        named = [f"hydra.sweeper.storage={storage}", "hydra.sweeper.study_name=busy"]
        subprocess.run([*toy, *own, *named], cwd=folder, check=True, capture_output=True)
        trials = trials_of(storage)
    workers: dict[str, list[FrozenTrial]] = {}
    for trial in trials:
        workers.setdefault(trial.user_attrs["worker"], []).append(trial)
    spans = [max(map(ended, own)) - min(map(started, own)) for own in workers.values()]
    jobs = sum(ended(trial) - started(trial) for trial in trials)
    sleep = sum(float(trial.params["seconds"]) for trial in trials)
    ideal = sum(spans)
    print(f"{len(workers)} workers, {len(trials)} jobs: {jobs / ideal:.1%} of their time in trials,", end=" ")
    print(f"{sleep / ideal:.1%} asleep in the job's own function")


def trials_of(storage: str) -> list[FrozenTrial]:
    """Return the trials of the one study in a journal."""
    from hydra_plugins.champion_sweeper._store import Store

    return Store(storage, "busy").trials()


def started(trial: FrozenTrial) -> float:
    """Return when the trial began, in seconds."""
    return trial.datetime_start.timestamp() if trial.datetime_start else 0.0


def ended(trial: FrozenTrial) -> float:
    """Return when the trial ended, in seconds."""
    return trial.datetime_complete.timestamp() if trial.datetime_complete else 0.0


def costs(n_trials: int) -> None:
    """Print the milliseconds that one trial costs beside its job."""
    import warnings

    from champion import data, tracking
    from champion.home import home
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
                params = space.suggest(trial)
                written = OmegaConf.to_yaml(space.compose(params))
                score = 1 + params["model.learning_rate"] + params["model.subsample"]
                with running(trial):
                    run = tracking.start_run("costs", name="trial", params=params, tags={}, config=written, **common)
                    with run as kept:
                        for fold in range(5):
                            trial.report(score + fold / 100, fold)
                        kept.log_metrics({f"metric_{number}": score for number in range(6)})
                trial.study.tell(trial, score)
                spent.append(1000 * (time.perf_counter() - begun))
    for number in sorted({10, 100, n_trials}):
        near = spent[max(0, number - 10) : number + 5]
        print(f"trial {number:>5}: {statistics.median(near):5.1f} ms to ask, tell and track")


if __name__ == "__main__":
    busy()
    costs(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
