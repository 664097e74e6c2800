"""What a sweep costs beside its fitting: `python -m benchmarks.sweep_speed [--repeats 5] [--trials 10 30] [--cases …]`.

The same random trials, cross-validated in five folds, are run in three ways, in turn, each in a process of its own: by
`train.py -m` with one worker, no pruning and MLflow; by a bare Optuna loop with neither Hydra nor MLflow, which has all
cores and every parameter that train.py resolves for each trial, and stops early where it does; and by `train.py -m`
with two workers and pruning. Each fold of each trial must have the same score in all of them, or this fails. Ratios are
those of whole commands, and of what is left without the time of processes that do nothing but import what these import.
Each repeat has trials of its own, the configured values first.
"""

import json
import os
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from benchmarks import figures, process
from benchmarks.process import REPOSITORY
from champion.base import resolvers
from champion.base.home import home as champion_home

SWEEP = ["-m", "promote=false", "hydra/sweeper/sampler=random"]
CASES = {
    "xgboost, 300 trees": ["model=xgboost", "model.n_estimators=300", "model.early_stopping_rounds=null"],
    "xgboost, 2,000 trees": ["model=xgboost", "model.n_estimators=2000", "model.early_stopping_rounds=null"],
    "xgboost": ["model=xgboost"],
    "gradient_boosting": ["model=gradient_boosting"],
    "lightgbm": ["model=lightgbm"],
}
WAYS = {
    "one": ["hydra.sweeper.workers=1", "hydra.sweeper.pruner=null"],
    "two": ["hydra.sweeper.workers=2"],
}
BARE = """
import json, sys
import numpy, optuna, pandas, {library}
from {module} import {model} as Model
from sklearn.compose import ColumnTransformer
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import KFold, train_test_split
from sklearn.preprocessing import OneHotEncoder

table = pandas.read_csv("src/champion/data/datasets/california_housing.csv.gz")
train, _ = train_test_split(table, test_size=0.2, random_state=42)
X, y = train.drop(columns="median_house_value"), train["median_house_value"]
numbers = list(X.columns.drop("ocean_proximity"))
one_hot = OneHotEncoder(sparse_output=False)
encoder = ColumnTransformer([("numbers", "passthrough", numbers), ("place", one_hot, ["ocean_proximity"])])
rows = list(KFold(5, shuffle=True, random_state=42).split(X))
trials, found = json.load(open(sys.argv[1])), []

def fit(model, X, y, X_validation, y_validation):
    if "{library}" == "xgboost" and model.early_stopping_rounds:
        return model.fit(X, y, eval_set=[(X_validation, y_validation)], verbose=False)
    if "{library}" == "lightgbm" and model.get_params().get("early_stopping_rounds"):
        return model.fit(X, y, eval_X=X_validation, eval_y=y_validation)
    if "{library}" == "sklearn" and model.early_stopping is True:
        model.fit(X, y, X_val=X_validation, y_val=y_validation)
        del model._predictors[1 + int(numpy.argmax(model.validation_score_[1:])):]
        return model
    return model.fit(X, y)

def objective(trial):
    scores = []
    for learned, scored in rows:
        seen, other = encoder.fit_transform(X.iloc[learned]), encoder.transform(X.iloc[scored])
        model = fit(Model(**trials[trial.number]), seen, y.iloc[learned], other, y.iloc[scored])
        scores.append(root_mean_squared_error(y.iloc[scored], model.predict(other)))
    found.append(scores)
    return sum(scores) / len(scores)

optuna.create_study().optimize(objective, n_trials=len(trials))
json.dump(found, open(sys.argv[2], "w"))
"""


def bare(models: list[dict[str, Any]], folder: Path) -> tuple[float, float, list[list[float]]]:
    """Fit these models by the bare loop; return its seconds, those of its imports, and each trial's scores by fold."""
    module, _, model = models[0]["_target_"].rpartition(".")
    script = BARE.format(library=module.partition(".")[0], module=module, model=model)
    own = [{key: value for key, value in one.items() if key != "_target_"} for one in models]
    asked, answer = folder / "models.json", folder / "bare.json"
    asked.write_text(json.dumps(own))
    imports = "\n".join(line for line in script.splitlines() if line.startswith(("import", "from")))
    took = process.run(sys.executable, "-c", script, str(asked), str(answer), home=folder)
    took_imports = process.run(sys.executable, "-c", imports, home=folder)
    return took.seconds, took_imports.seconds, json.loads(answer.read_text())


def resolved(folder: Path, n_trials: int) -> list[dict[str, Any]]:
    """Return the configuration of the model that train.py resolves for each trial of the sweep in this folder."""
    found = []
    with initialize_config_dir(str(REPOSITORY / "conf"), version_base="1.3"):
        for number in range(n_trials):
            overrides = [str(one) for one in OmegaConf.load(folder / str(number) / ".hydra" / "overrides.yaml")]
            model = OmegaConf.to_container(compose("config", overrides).model, resolve=True)
            found.append({str(key): value for key, value in dict(model).items()})  # type: ignore[arg-type]
    return found


def compare(home: str, name: str, expected: list[list[float]], *, pruned: bool) -> None:
    """Exit unless the folds that the trials of a study reported, all if none was pruned, have the expected scores."""
    from hydra_plugins.champion_sweeper._store import Store

    trials = Store(f"{home}/multirun/{name}/study.journal", name).trials()
    for trial, other in zip(trials, expected, strict=True):
        own = [value for _, value in sorted(trial.intermediate_values.items())]
        if not own or (len(own) < len(other) and not (pruned and trial.state.name == "PRUNED")):
            sys.exit(f"{name}: trial {trial.number} is {trial.state.name} with {len(own)} folds of {len(other)}")
        if wrong := [(one, two) for one, two in zip(own, other, strict=False) if not figures.is_same(one, two)]:
            sys.exit(f"{name}: trial {trial.number} has other scores than the bare loop, so the work differs: {wrong}")


def importing(case: list[str], home: Path) -> dict[str, list[str]]:
    """Return, for each way, the command that only imports what the sweep's own process does.

    What its workers import comes beside that, once, and what of it has to be waited for counts as the sweep's.
    """
    short = [*SWEEP, *case, "model.n_estimators=2" if "model=gradient_boosting" not in case else "model.max_iter=2"]
    return {way: process.importing(*short, *more, "hydra.sweeper.n_trials=2", home=home) for way, more in WAYS.items()}


def measure(case: str, n_trials: int, repeat: int, imports: dict[str, list[str]], home: str) -> figures.Row:
    """Run the trials in every way; return the seconds of each, and of its imports."""
    row: figures.Row = {"sweep": f"{n_trials} of {case}", "repeat": repeat}
    scores: list[list[float]] = []
    for way, more in WAYS.items():
        name = f"{way}_{list(CASES).index(case)}_{n_trials}_{repeat}"
        own = [f"hydra.sweeper.n_trials={n_trials}", f"hydra.sweeper.study_name={name}"]
        swept = process.train(*SWEEP, *CASES[case], *more, *own, f"hydra.sweeper.sampler.seed={repeat}", home=home)
        row |= {way: swept.seconds, f"{way}_imports": process.run(*imports[way], home=home).seconds}
        if not scores:
            folder = Path(home, "multirun", name)
            row["bare"], row["bare_imports"], scores = bare(resolved(folder, n_trials), folder)
        compare(home, name, scores, pruned=way == "two")
    return row


def summary(rows: list[figures.Row]) -> list[figures.Row]:
    """Return for each sweep the ratios to the bare loop: of whole commands, and without their imports."""
    found = []
    for sweep, own in figures.grouped(rows, "sweep").items():
        alone = {way: [row[way] - row[f"{way}_imports"] for row in own] for way in ("bare", *WAYS)}
        one: figures.Row = {"sweep": sweep, "repeats": len(own), "bare_s": statistics.median(alone["bare"])}
        for way in WAYS:
            one[way] = figures.ratio(alone[way], alone["bare"])
            one[f"{way}_whole"] = figures.ratio((row[way] for row in own), (row["bare"] for row in own))
        found.append(one)
    return found


def text(found: list[figures.Row]) -> str:
    """Say them."""
    shown: list[dict[str, object]] = [
        {
            "trials": one["sweep"],
            "bare loop s": f"{one['bare_s']:.1f}",
            "one worker": figures.spanned(one["one"]),
            "two workers, pruning": figures.spanned(one["two"]),
            "whole commands": f"{figures.spanned(one['one_whole'])}, {figures.spanned(one['two_whole'])}",
        }
        for one in found
    ]
    repeats = {one["repeats"] for one in found}
    return f"{figures.table(shown)}\n\nMedians of {', '.join(map(str, sorted(repeats)))} repeats."


def main() -> None:
    """Measure every sweep."""
    parser = figures.parser(__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--trials", type=int, nargs="+", default=[10, 30])
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=CASES)
    given = parser.parse_args()
    with figures.measured("sweep_speed", save=given.save, by="sweep") as rows, tempfile.TemporaryDirectory() as home:
        os.environ["CHAMPION_HOME"] = home
        champion_home()  # conf/ needs it
        resolvers.register()
        process.train("experiment=quick", home=home)  # makes the database
        for case in given.cases:
            imports = importing(CASES[case], Path(home))
            for n_trials in given.trials:
                rows += [measure(case, n_trials, repeat, imports, home) for repeat in range(given.repeats)]


if __name__ == "__main__":
    main()
