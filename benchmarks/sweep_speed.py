"""What a sweep costs beside its fitting: `python benchmarks/sweep_speed.py [repeats] [trials ...] [case ...]`.

The same random trials are run in three ways, in turn, each in a process of its own: by `train.py -m` with one worker,
no pruning and MLflow; by a bare Optuna loop with neither Hydra nor MLflow, which is given every parameter that
`train.py` resolves for each trial and all cores, and stops early where it does; and by `train.py -m` with two workers
and pruning. All must get the same score for the same fold of the same trial, or this fails. Times are those of whole
commands, and without what a process takes that does nothing but their imports; ratios are those within a repeat.
Medians over the repeats (3 unless told), each with trials of its own, the configured values first.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
TRAIN = [sys.executable, "src/train.py", "-m", "promote=false", "hydra/sweeper/sampler=random"]
CASES = {
    "xgboost_300": ["model=xgboost", "model.n_estimators=300", "model.early_stopping_rounds=null"],
    "xgboost": ["model=xgboost"],
    "xgboost_heavy": ["model=xgboost", "model.n_estimators=2000", "model.early_stopping_rounds=null"],
    "gradient_boosting": ["model=gradient_boosting"],
    "lightgbm": ["model=lightgbm"],
}
WAYS = {
    "one worker": ["hydra.sweeper.workers=1", "hydra.sweeper.pruner=null"],
    "two workers": ["hydra.sweeper.workers=2"],
}
SAME = 1e-6  # by which share scores may differ
MODULES = (
    "import hydra, optuna, {library}, plotly.io, optuna.visualization.matplotlib, sklearn.model_selection;"
    "from champion import console, finalist, promotion, report, split, tracking, preparation;"
)
IMPORTS = {
    "bare": "import optuna, {library}, pandas, sklearn.model_selection, sklearn.compose; import sklearn.pipeline",
    "one worker": MODULES,
    "two workers": MODULES
    + 'from joblib import Parallel, delayed; Parallel(2)(delayed(exec)("""'
    + MODULES
    + '""") for _ in range(2))',
}
BARE = """
import json, sys
import numpy, optuna, pandas, {library}
from {module} import {model} as Model
from sklearn.compose import ColumnTransformer
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import KFold, train_test_split
from sklearn.preprocessing import OneHotEncoder

table = pandas.read_csv("src/champion/datasets/california_housing.csv.gz")
train, _ = train_test_split(table, test_size=0.2, random_state=42)
X, y = train.drop(columns="median_house_value"), train["median_house_value"]
places = ColumnTransformer(
    [("place", OneHotEncoder(sparse_output=False), ["ocean_proximity"])], remainder="passthrough", n_jobs=None
)
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
        seen, other = places.fit_transform(X.iloc[learned]), places.transform(X.iloc[scored])
        model = fit(Model(**trials[trial.number]), seen, y.iloc[learned], other, y.iloc[scored])
        scores.append(root_mean_squared_error(y.iloc[scored], model.predict(other)))
    found.append(scores)
    return sum(scores) / len(scores)

optuna.create_study().optimize(objective, n_trials=len(trials))
json.dump(found, open(sys.argv[2], "w"))
"""


def seconds(command: list[str], env: dict[str, str]) -> float:
    """Return the wall time of a process."""
    started = time.perf_counter()
    done = subprocess.run(command, env=env, cwd=REPOSITORY, check=False, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return time.perf_counter() - started


def resolved(overrides: list[list[str]]) -> list[dict[str, Any]]:
    """Return the configuration of the model that train.py resolves by each list of overrides."""
    from hydra import compose, initialize_config_dir
    from omegaconf import OmegaConf

    with initialize_config_dir(str(REPOSITORY / "conf"), version_base="1.3"):
        composed = [compose("config", own) for own in overrides]
    return [OmegaConf.to_container(one.model, resolve=True) for one in composed]  # type: ignore[misc]


def scores(home: str, name: str) -> list[list[float]]:
    """Return what each trial of a study reported, fold by fold: fewer, where it was pruned."""
    from hydra_plugins.champion_sweeper._store import Store

    trials = Store(f"{home}/multirun/{name}/study.journal", name).trials()
    return [[value for _, value in sorted(trial.intermediate_values.items())] for trial in trials]


def compare(found: list[list[float]], bare: list[list[float]], *, whole: bool) -> None:
    """Exit unless all the folds that were scored, which are `whole` trials or parts, got the bare loop's scores."""
    for number, (own, other) in enumerate(zip(found, bare, strict=True)):
        if whole and len(own) != len(other) or not own:
            sys.exit(f"trial {number} has {len(own)} folds of {len(other)}")
        for fold, (one, two) in enumerate(zip(own, other, strict=False)):
            if abs(one - two) > SAME * abs(two):
                sys.exit(f"trial {number}, fold {fold + 1}: {one} is not {two}, so the work wasn't the same")


def measure(case: str, n_trials: int, repeat: int, home: str, env: dict[str, str]) -> dict[str, tuple[float, float]]:
    """Run the trials in every way; return the seconds of each as a whole, and without imports."""
    found: dict[str, tuple[float, float]] = {}
    library = "sklearn.ensemble" if case == "gradient_boosting" else case.partition("_")[0]
    bare: list[list[float]] = []
    for way, overrides in WAYS.items():
        name = f"{way.partition(' ')[0]}_{case}_{n_trials}_{repeat}"
        own = [f"hydra.sweeper.n_trials={n_trials}", f"hydra.sweeper.study_name={name}"]
        command = [*TRAIN, *CASES[case], *overrides, *own, f"hydra.sweeper.sampler.seed={repeat}"]
        spent = seconds(command, env)
        found[way] = spent, spent - seconds([sys.executable, "-c", IMPORTS[way].format(library=library)], env)
        if not bare:
            folder = Path(home, "multirun", name)
            typed = (
                [
                    [str(one) for one in json.loads((folder / str(number) / "overrides.json").read_text())]
                    for number in range(n_trials)
                ]
                if False
                else [overrides_of(folder / str(number)) for number in range(n_trials)]
            )
            models = resolved(typed)
            module, _, model = models[0]["_target_"].rpartition(".")
            file, answer = folder / "models.json", folder / "bare.json"
            file.write_text(json.dumps([{k: v for k, v in one.items() if k != "_target_"} for one in models]))
            script = BARE.format(library=library.partition(".")[0], module=module, model=model)
            spent = seconds([sys.executable, "-c", script, str(file), str(answer)], env)
            found["bare"] = spent, spent - seconds([sys.executable, "-c", IMPORTS["bare"].format(library=library)], env)
            bare = json.loads(answer.read_text())
        compare(scores(home, name), bare, whole="pruner=null" in "".join(overrides))
    return found


def overrides_of(folder: Path) -> list[str]:
    """Return what a trial of a sweep was composed of."""
    from omegaconf import OmegaConf

    return [str(one) for one in OmegaConf.load(folder / ".hydra" / "overrides.yaml")]


def main() -> None:
    """Measure, and print seconds and ratios."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--trials", type=int, nargs="+", default=[10, 30])
    parser.add_argument("--cases", nargs="+", default=list(CASES))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        env = {**os.environ, "CHAMPION_HOME": home}
        os.environ["CHAMPION_HOME"] = home
        from champion import resolvers
        from champion.home import home as known

        known()
        resolvers.register()
        seconds([sys.executable, "src/train.py", "experiment=quick"], env)
        for case in given.cases:
            for n_trials in given.trials:
                rows = []
                for repeat in range(given.repeats):
                    rows.append(measure(case, n_trials, repeat, home, env))
                    for way in WAYS:
                        print(
                            case,
                            n_trials,
                            way,
                            "bare %.1f/%.1f" % rows[-1]["bare"],
                            "%.1f/%.1f" % rows[-1][way],
                            "whole %.2f, without imports %.2f"
                            % tuple(a / b for a, b in zip(rows[-1][way], rows[-1]["bare"])),
                            flush=True,
                        )
                for way in WAYS:
                    print(
                        "MEDIAN",
                        case,
                        n_trials,
                        way,
                        *(f"{statistics.median(row[way][i] / row['bare'][i] for row in rows):.2f}" for i in (0, 1)),
                    )


if __name__ == "__main__":
    main()
