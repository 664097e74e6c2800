"""How good a run with nothing but defaults is on tables of all kinds: `python -m benchmarks.own_tables [table ...]`.

Each table is trained on by `python src/train.py data=csv data.path=… data.target=…` and nothing else. A plain random
forest, histogram gradient boosting and XGBoost are fitted on the same training rows as their libraries have them, with
sensible encodings: few categories as 0/1 columns, many as the target's mean, dates as their parts, text left out. All
are scored on the same held-out rows, by RMSE or log loss; `share` is the run's error as a share of the best of the
three.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.metrics import log_loss, root_mean_squared_error
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import LabelEncoder, OneHotEncoder, TargetEncoder
from xgboost import XGBClassifier, XGBRegressor

from benchmarks.tables import TABLES, Table
from champion import data, split
from champion.data import Dataset

REPOSITORY = Path(__file__).resolve().parents[1]
HOUSING = {"path": "pkg://champion.datasets/california_housing.csv.gz", "target": "median_house_value"}
REGRESSORS = (RandomForestRegressor, HistGradientBoostingRegressor, XGBRegressor)
CLASSIFIERS = (RandomForestClassifier, HistGradientBoostingClassifier, XGBClassifier)


def plain(train: Dataset, test: Dataset) -> list[float]:
    """Return the held-out error of each library's own defaults."""
    task = train.task
    X, X_test = (_with_date_parts(part.X, part.names("date")) for part in (train, test))
    numbers = list(X.select_dtypes("number").columns)
    words = train.names("category", "boolean")
    few = [name for name in words if X[name].nunique() <= 20]
    many = [name for name in words if name not in few]
    target_type = task.name if task.is_classification else "continuous"
    one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    means = TargetEncoder(target_type=target_type, cv=KFold(5, shuffle=True, random_state=0))
    encoder = make_column_transformer(("passthrough", numbers), (one_hot, few), (means, many))
    errors = []
    for kind in CLASSIFIERS if task.is_classification else REGRESSORS:
        parallel = {} if kind in (HistGradientBoostingRegressor, HistGradientBoostingClassifier) else {"n_jobs": 2}
        errors.append(_error(make_pipeline(encoder, kind(random_state=0, **parallel)), X, X_test, train, test))
    return errors


def _error(model: BaseEstimator, X: pd.DataFrame, X_test: pd.DataFrame, train: Dataset, test: Dataset) -> float:
    if not train.task.is_classification:
        return float(root_mean_squared_error(test.y, model.fit(X, train.y).predict(X_test)))
    labels = LabelEncoder().fit(train.y)
    predicted = model.fit(X, labels.transform(train.y)).predict_proba(X_test)
    return float(
        log_loss(labels.transform(test.y), predicted.astype("float64"), labels=np.arange(len(labels.classes_)))
    )


def _with_date_parts(X: pd.DataFrame, dates: list[str]) -> pd.DataFrame:
    parts: dict[str, pd.Series] = {}
    for name in dates:
        when = X[name].dt
        parts |= {f"{name} {part}": getattr(when, part) for part in ("year", "month", "day", "dayofweek")}
        parts[f"{name} days"] = (X[name] - pd.Timestamp("2000-01-01")).dt.days
    return X.assign(**parts).drop(columns=dates)


def run(overrides: list[str], home: str) -> tuple[float, float]:
    """Train as a user would; return the held-out error and the seconds."""
    folder = tempfile.mkdtemp(dir=home)
    started = time.perf_counter()
    command = [sys.executable, "src/train.py", *overrides, f"hydra.run.dir={folder}"]
    env = {**os.environ, "CHAMPION_HOME": home}
    subprocess.run(command, cwd=REPOSITORY, env=env, check=True, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - started
    metrics = json.loads((Path(folder) / "evaluation_report.json").read_text())["metrics"]
    return metrics.get("test_rmse", metrics.get("test_log_loss")), seconds


def main(names: list[str]) -> None:
    """Train, fit, and print a row for each table."""
    warnings.simplefilter("ignore")
    columns = ("rows", "columns", "held out", "task", "forest", "histogram", "xgboost", "run", "share", "seconds")
    print(f"{'table':15}" + "".join(f"{name:>11}" for name in columns))
    chosen: dict[str, Table | None] = {"california": None, **TABLES}
    with tempfile.TemporaryDirectory() as home:
        for name in names or chosen:
            table, overrides, read = chosen[name], [], HOUSING
            if table is not None:
                file = Path(home) / f"{name}.csv"
                overrides, read = table.write(file), {"path": str(file), "target": table.target}
            whole = data.load(**read)  # type: ignore[arg-type]
            train, test = split.hold_out(whole, test_size=0.2, seed=42)
            errors = plain(train, test)
            error, seconds = run(overrides, home)
            row = (f"{len(whole):,}", len(whole.X.columns), f"{len(test):,}", whole.task.name)
            shown = [f"{value:11,.4f}" if value < 100 else f"{value:11,.0f}" for value in (*errors, error)]
            print(f"{name:15}" + "".join(f"{cell!s:>11}" for cell in row) + "".join(shown), end="")
            print(f"{error / min(errors):11.3f}{seconds:11.1f}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
