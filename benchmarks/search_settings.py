"""What the settings of a search are worth: `python -m benchmarks.search_settings [--trials 30] [--seeds 4]`.

Samplers: the space of `-m model=gradient_boosting,lightgbm,xgboost` is searched on rows of three tables, by chance, by
Optuna's TPE as it comes, and by that of conf/hydra/sweeper/sampler/tpe.yaml, all from the same first trials on.
Shown is by how much the best cross-validated error of a study lies above the best that any found on the table.

Pruners: the trials drawn by chance are then replayed in random orders, with what each fold took and showed. Shown is
the same of the best trial that the pruner let finish, after a fifth of the seconds that all of them take.
"""

import statistics
import sys
import tempfile
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
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
from optuna.exceptions import ExperimentalWarning
from optuna.pruners import BasePruner, MedianPruner, NopPruner, SuccessiveHalvingPruner, WilcoxonPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from scipy.stats import spearmanr
from sklearn.compose import ColumnTransformer

from benchmarks import figures
from benchmarks.own_tables import HOUSING
from benchmarks.tables import TABLES
from champion import features
from champion.base.home import home
from champion.data import Dataset
from champion.learning import cores, evaluation, learner, preparation
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
PRUNERS: dict[str, Callable[[], BasePruner]] = {
    "none": NopPruner,
    "of conf/": lambda: instantiate(yaml.safe_load((CONF / "hydra" / "sweeper" / "study.yaml").read_text())["pruner"]),
    "after folds 1 and 3": lambda: SuccessiveHalvingPruner(min_resource=1, reduction_factor=3),
    "halving by two": lambda: SuccessiveHalvingPruner(min_resource=1, reduction_factor=2),
    "median": lambda: MedianPruner(n_startup_trials=5),
    "Wilcoxon": lambda: WilcoxonPruner(p_threshold=0.1),
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
        target = learner.class_for(task, model["_target_"])
        estimator = learner.for_task(task, instantiate({**model, "_target_": target}))
        shown = evaluation.cross_validate(estimator, folds, task=task, each=partial(cores.one_by_one, threads=1))
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
            if seconds < 0:
                return best
            trial.report(error, fold)
            if fold < len(one.errors) and trial.should_prune():
                own.tell(trial, state=optuna.trial.TrialState.PRUNED)
                break
        else:
            own.tell(trial, one.error)
            best = min(best, one.error)
    return best


def check(table: str, studies: list[list[Trial]], n_trials: int, n_first: int) -> None:
    """Exit unless all studies of a table have as many trials, and the first ones found the same."""
    begun = np.array([[trial.errors for trial in trials[:n_first]] for trials in studies])
    if {len(trials) for trials in studies} != {n_trials} or not np.allclose(begun, begun[0], rtol=1e-6):
        sys.exit(f"the studies of {table} have {[len(one) for one in studies]} trials, which begin with {begun}")


def sampled(found: Mapping[tuple[str, str, int], list[Trial]]) -> list[figures.Row]:
    """Return the best error of each study, each name and seed of each table."""
    return [
        {"table": table, "sampler": name, "seed": seed, "best": min(trial.error for trial in trials)}
        for (table, name, seed), trials in found.items()
    ]


def replayed(table: str, drawn: list[Trial]) -> list[figures.Row]:
    """Return the best error that a pruner lets finish, the mean over the orders; and how the first fold's ranks agree.

    Every pruner has the same seconds and the same orders.
    """
    rng = np.random.default_rng(0)
    orders = [rng.permutation(len(drawn)) for _ in range(ORDERS)]
    budget = sum(sum(trial.seconds) for trial in drawn) / 5
    agree = spearmanr([one.errors[0] for one in drawn], [one.error for one in drawn])[0]
    best = {
        name: [pruned([drawn[place] for place in order], pruner(), budget) for order in orders]
        for name, pruner in PRUNERS.items()
    }
    return [
        *({"table": table, "pruner": name, "best": statistics.fmean(own)} for name, own in best.items()),
        {"table": table, "agree": float(agree)},
    ]


def summary(rows: list[figures.Row]) -> figures.Row:
    """Return by how many percent the mean of the best errors lies above the least, by table, for each setting."""
    least = {
        table: min(row["best"] for row in own if "sampler" in row)
        for table, own in figures.grouped(rows, "table").items()
    }
    shares = {
        what: {
            name: {
                table: 100 * (statistics.fmean(row["best"] for row in own) / least[table] - 1)
                for table, own in figures.grouped(of, "table").items()
            }
            for name, of in figures.grouped(rows, what).items()
        }
        for what in ("sampler", "pruner")
    }
    return {**shares, "agree": [row["agree"] for row in rows if "agree" in row]}


def text(found: figures.Row) -> str:
    """Say them."""
    tables = {
        what: figures.table(
            {what: name} | {table: f"{share:.2f} %" for table, share in _with_mean(own).items()}
            for name, own in found[what].items()
        )
        for what in ("sampler", "pruner")
    }
    agree = f"{min(found['agree']):.2f} to {max(found['agree']):.2f}"
    ranks = f"The first of five folds is the cheap look: its ranks correlate with those of the whole by {agree}."
    return f"{tables['sampler']}\n\n{ranks}\n\n{tables['pruner']}"


def _with_mean(shares: Mapping[str, float]) -> dict[str, float]:
    return {**shares, "mean": statistics.fmean(shares.values())}


def main() -> None:
    """Search, then replay what was drawn by chance."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore", ExperimentalWarning)
    parser = figures.parser(__doc__)
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--tables", nargs="+", default=list(CHOSEN), choices=CHOSEN)
    given = parser.parse_args()
    if given.trials <= (first := len(space().first())):
        parser.error(f"--trials must exceed the {first} first ones, which no sampler chose, but got {given.trials}.")
    jobs = [(table, name, seed) for table in given.tables for name in SAMPLERS for seed in range(given.seeds)]
    with figures.measured("search_settings", save=given.save) as rows, tempfile.TemporaryDirectory() as folder:
        read = {table: _written(table, Path(folder)) for table in given.tables}
        studies = Parallel(2)(
            delayed(study)(read[table], SAMPLERS[name][0](seed=seed, **SAMPLERS[name][1]), given.trials)
            for table, name, seed in jobs
        )
        found = dict(zip(jobs, studies, strict=True))
        rows.extend(sampled(found))
        for table in given.tables:
            check(table, [trials for job, trials in found.items() if job[0] == table], given.trials, first)
            drawn = [found[table, "by chance", seed][first:] for seed in range(given.seeds)]
            rows.extend(replayed(table, [trial for trials in drawn for trial in trials]))


if __name__ == "__main__":
    main()
