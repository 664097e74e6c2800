"""What a sweep costs beside its fitting: `python benchmarks/sweep_speed.py [repeats] [trials ...]`.

The same trials of XGBoost, cross-validated in five folds, are run in three ways, in turn, each in a process of its own:
by `train.py -m` with one worker, no pruning and MLflow; by a bare Optuna loop with neither Hydra nor MLflow; and with
two workers and pruning. Times are those of the processes without their imports, which are timed beside them; ratios are
those within a repeat. Medians over the repeats (3 unless told), each with trials of its own, the configured values
first; 10 and 30 trials unless told.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
TRAIN = [sys.executable, "src/train.py", "-m", "model=xgboost", "promote=false"]
RANDOM = ["hydra/sweeper/sampler=random"]  # trials don't depend on results
WAYS = {
    "one worker": ["hydra.sweeper.workers=1", "hydra.sweeper.pruner=null"],
    "two workers, pruning": ["hydra.sweeper.workers=2"],
}
MODULES = (
    "import hydra, optuna, xgboost, plotly.io, optuna.visualization.matplotlib, sklearn.model_selection;"
    "from champion import console, finalist, promotion, report, split, tracking, preparation;"
)
IMPORTS = {
    "bare": "import optuna, xgboost, pandas, sklearn.model_selection, sklearn.compose; import sklearn.pipeline",
    "one worker": MODULES,
    "two workers, pruning": MODULES
    + "from joblib import Parallel, delayed; Parallel(2)(delayed(exec)("
    + repr(MODULES)
    + ") for _ in range(2))",
}
BARE = """
import json, sys
import optuna, pandas, xgboost
from sklearn.compose import ColumnTransformer
from sklearn.model_selection import KFold, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

table = pandas.read_csv("src/champion/datasets/california_housing.csv.gz")
train, _ = train_test_split(table, test_size=0.2, random_state=42)
X, y = train.drop(columns="median_house_value"), train["median_house_value"]
places = ColumnTransformer([("place", OneHotEncoder(), ["ocean_proximity"])], remainder="passthrough")
folds = KFold(5, shuffle=True, random_state=42)
trials = json.load(open(sys.argv[1]))

def objective(trial):
    model = xgboost.XGBRegressor(**trials[trial.number], random_state=42)
    scores = cross_val_score(make_pipeline(places, model), X, y, cv=folds, scoring="neg_root_mean_squared_error")
    return -scores.mean()

study = optuna.create_study()
study.optimize(objective, n_trials=len(trials))
print(study.best_value)
"""


def seconds(command: list[str], env: dict[str, str]) -> float:
    """Return the wall time of a process."""
    started = time.perf_counter()
    subprocess.run(command, env=env, cwd=REPOSITORY, check=True, capture_output=True)
    return time.perf_counter() - started


def params_of(home: str, name: str) -> list[dict[str, float]]:
    """Return the parameters of each trial of a study, as the model takes them."""
    import optuna
    from optuna.storages.journal import JournalFileBackend

    storage = optuna.storages.JournalStorage(JournalFileBackend(f"{home}/multirun/{name}/study.journal"))
    trials = optuna.load_study(study_name=name, storage=storage).trials
    return [{key.removeprefix("model."): value for key, value in trial.params.items()} for trial in trials]


def measure(n_trials: int, repeat: int, home: str, env: dict[str, str]) -> dict[str, float]:
    """Run the trials in every way; return the seconds of each, without imports."""
    found = {}
    for way, overrides in WAYS.items():
        name = f"{way.partition(' ')[0]}_{n_trials}_{repeat}"
        own = [f"hydra.sweeper.n_trials={n_trials}", f"hydra.sweeper.study_name={name}"]
        command = [*TRAIN, *RANDOM, *overrides, *own, f"hydra.sweeper.sampler.seed={repeat}"]
        found[way] = seconds(command, env) - seconds([sys.executable, "-c", IMPORTS[way]], env)
        if "bare" not in found:
            file = Path(home) / f"{name}.json"
            file.write_text(json.dumps(params_of(home, name)))
            found["bare"] = seconds([sys.executable, "-c", BARE, str(file)], env)
            found["bare"] -= seconds([sys.executable, "-c", IMPORTS["bare"]], env)
    return found


def main() -> None:
    """Measure, and print seconds and ratios."""
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    print(f"{'trials':>6}  {'bare s':>8}" + "".join(f"{way + ' s':>24}{'ratio':>8}" for way in WAYS))
    with tempfile.TemporaryDirectory() as home:
        env = {**os.environ, "CHAMPION_HOME": home}
        subprocess.run(
            [sys.executable, "src/train.py", "experiment=quick"],
            env=env,
            cwd=REPOSITORY,
            check=True,
            capture_output=True,
        )
        for n_trials in [int(word) for word in sys.argv[2:]] or [10, 30]:
            rows = []
            for repeat in range(repeats):
                rows.append(measure(n_trials, repeat, home, env))
                print(", ".join(f"{way} {spent:.1f}" for way, spent in rows[-1].items()), file=sys.stderr, flush=True)
            line = f"{n_trials:>6}  {statistics.median(row['bare'] for row in rows):8.1f}"
            for way in WAYS:
                ratio = statistics.median(row[way] / row["bare"] for row in rows)
                line += f"{statistics.median(row[way] for row in rows):24.1f}{ratio:8.2f}"
            print(line, flush=True)


if __name__ == "__main__":
    main()
