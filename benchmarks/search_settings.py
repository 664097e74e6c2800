"""What the settings of a search are worth: `python -m benchmarks.search_settings [--trials 30] [--seeds 4]`.

Samplers: the space of `-m model=gradient_boosting,lightgbm,xgboost` is searched on rows of three tables, by chance, by
Optuna's TPE as it comes, and by that of conf/hydra/sweeper/sampler/tpe.yaml, all from the same first trials on.
Shown is by how much the best cross-validated error of a study lies above the best that any found on the table.

Pruners: the trials drawn by chance are then replayed in random orders, with what each fold took and showed. Shown is
the same of the best trial that the pruner let finish, after a fifth of the seconds that all of them take.
"""

import argparse
import statistics
import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import yaml
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from hydra.utils import instantiate
from joblib import Parallel, delayed
from optuna.pruners import BasePruner, MedianPruner, NopPruner, SuccessiveHalvingPruner, WilcoxonPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from scipy.stats import spearmanr
from sklearn.compose import ColumnTransformer

from benchmarks.own_tables import HOUSING
from benchmarks.tables import TABLES
from champion import evaluation, features, pipeline, preparation
from champion.data import Dataset
from champion.home import home
from hydra_plugins.champion_sweeper import _reading
from hydra_plugins.champion_sweeper._space import Space

CONF = Path(__file__).resolve().parents[1] / "conf"
MODELS = "model=gradient_boosting,lightgbm,xgboost"
CHOSEN = {"california": 2500, "credit_data": 2500, "loans": 2500}  # rows of each table
OWN = yaml.safe_load((CONF / "hydra" / "sweeper" / "sampler" / "tpe.yaml").read_text())
SAMPLERS = {
    "by chance": (RandomSampler, {}),
    "TPE as it comes": (TPESampler, {}),
    "TPE of conf/": (TPESampler, {key: value for key, value in OWN.items() if key not in ("_target_", "seed")}),
}
PRUNERS: dict[str, BasePruner] = {
    "none": NopPruner(),
    "of conf/": instantiate(yaml.safe_load((CONF / "hydra" / "sweeper" / "study.yaml").read_text())["pruner"]),
    "halving by two": SuccessiveHalvingPruner(min_resource=1, reduction_factor=2),
    "median": MedianPruner(n_startup_trials=5),
    "Wilcoxon": WilcoxonPruner(p_threshold=0.1),
}
ORDERS = 50  # in which trials are replayed


@dataclass(frozen=True)
class Trial:
    """What a trial showed: the error and the seconds of each fold."""

    errors: list[float]
    seconds: list[float]

    @property
    def error(self) -> float:
        """The cross-validated error."""
        return statistics.fmean(self.errors)


def space() -> Space:
    """Return what the sweep of the command line would search."""
    home()
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        return _reading.read(
            [MODELS],
            loader=loader,
            compose=lambda overrides: loader.load_configuration("config", overrides, RunMode.RUN),
            seed=0,
        )


def study(read: Mapping[str, Any], sampler: BaseSampler, n_trials: int) -> list[Trial]:
    """Search a table; return its trials."""
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # here and below: each process has its own
    searched, found = space(), preparation.prepare(read, _features, task=None, test_size=0.2, n_splits=5, seed=0)
    folds, task, done = list(found.folds), found.train.task, []
    own = optuna.create_study(sampler=sampler)
    for params in searched.first():
        own.enqueue_trial(params)
    for _ in range(n_trials):
        trial = own.ask()
        model: Mapping[str, Any] = searched.compose(searched.suggest(trial)).model
        target = pipeline.class_for(task, model["_target_"])
        estimator = pipeline.for_task(task, instantiate({**model, "_target_": target}))
        shown = evaluation.cross_validate(estimator, folds, task=task, threads=1)
        done.append(Trial([fold.metrics[task.metric] for fold in shown], [fold.fit_seconds for fold in shown]))
        own.tell(trial, done[-1].error)
    return done


def _features(train: Dataset) -> ColumnTransformer:
    return features.plain(train, max_categories=20, text_components=10, seed=0)


def _written(name: str, folder: Path) -> dict[str, Any]:
    """Return how rows of a table are read, which is written into the folder unless it is the bundled one."""
    if name == "california":
        return {**HOUSING, "sample": CHOSEN[name]}
    file = folder / f"{name}.csv"
    TABLES[name].write(file)
    return {"path": str(file), "target": TABLES[name].target, "sample": CHOSEN[name]}


def pruned(trials: list[Trial], pruner: BasePruner, seconds: float) -> float:
    """Return the error of the best trial that finishes within the seconds."""
    own, best = optuna.create_study(pruner=pruner), np.inf
    for one in trials:
        trial = own.ask()
        for fold, (error, took) in enumerate(zip(one.errors, one.seconds, strict=True), 1):
            seconds -= took
            trial.report(error, fold)
            if fold < len(one.errors) and trial.should_prune():
                own.tell(trial, state=optuna.trial.TrialState.PRUNED)
                break
        else:
            own.tell(trial, one.error)
            best = min(best, one.error)
        if seconds <= 0:
            break
    return best


def main() -> None:
    """Search, print what samplers reach, replay, print what pruners save."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--seeds", type=int, default=4)
    given = parser.parse_args()
    if given.trials <= len(first := space().first()):
        parser.error(
            f"--trials must exceed the {len(first)} first ones, which no sampler chose, but got {given.trials}."
        )
    jobs = [(table, name, seed) for table in CHOSEN for name in SAMPLERS for seed in range(given.seeds)]
    with tempfile.TemporaryDirectory() as folder:
        read = {table: _written(table, Path(folder)) for table in CHOSEN}
        studies = Parallel(2)(
            delayed(study)(read[table], SAMPLERS[name][0](seed=seed, **SAMPLERS[name][1]), given.trials)
            for table, name, seed in jobs
        )
    found = dict(zip(jobs, studies, strict=True))
    least = {
        table: min(trial.error for job, trials in found.items() if job[0] == table for trial in trials)
        for table in CHOSEN
    }
    _print_heading("sampler")
    for name in SAMPLERS:
        best = [
            [min(trial.error for trial in found[table, name, seed]) for seed in range(given.seeds)] for table in CHOSEN
        ]
        _print_row(name, best, least)
    chance = {
        table: [trial for seed in range(given.seeds) for trial in found[table, "by chance", seed][len(first) :]]
        for table in CHOSEN
    }
    _print_pruners(chance, least)


def _print_pruners(drawn: Mapping[str, list[Trial]], least: Mapping[str, float]) -> None:
    agree = {
        table: round(float(spearmanr([one.errors[0] for one in of], [one.error for one in of])[0]), 2)
        for table, of in drawn.items()
    }
    print("\nrank correlation of the first fold and all:", agree)
    print()
    _print_heading("pruner")
    rng = np.random.default_rng(0)
    orders = {table: [rng.permutation(len(of)) for _ in range(ORDERS)] for table, of in drawn.items()}
    for name, pruner in PRUNERS.items():
        best = []
        for table, of in drawn.items():
            budget = sum(sum(trial.seconds) for trial in of) / 5
            best.append([pruned([of[place] for place in order], pruner, budget) for order in orders[table]])
        _print_row(name, best, least)


def _print_heading(what: str) -> None:
    print(f"| {what} | " + " | ".join(CHOSEN) + " | mean |\n" + "| --- " * (len(CHOSEN) + 2) + "|")


def _print_row(name: str, best: list[list[float]], least: Mapping[str, float]) -> None:
    above = [100 * (statistics.fmean(of) / least[table] - 1) for table, of in zip(CHOSEN, best, strict=True)]
    print(f"| {name} | " + " | ".join(f"{share:.2f} %" for share in [*above, statistics.fmean(above)]) + " |")


if __name__ == "__main__":
    main()
