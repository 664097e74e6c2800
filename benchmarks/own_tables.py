"""How good a run with nothing but defaults is on tables of all kinds: `python -m benchmarks.own_tables [--tables …]`.

Each table is trained on by `python src/train.py data=csv data.path=… data.target=…` and nothing else. A plain random
forest, histogram gradient boosting and XGBoost are fitted on the same training rows as their libraries have them, with
sensible encodings: few categories as 0/1 columns, many as the target's mean, dates as their parts, text left out. All
are scored on the same held-out rows, by RMSE or log loss; `share` is the run's error as a share of the best of the
three.
"""

import math
import sys
import tempfile
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

from benchmarks import figures, process
from benchmarks.tables import TABLES
from champion import data
from champion.data import Dataset, split

HOUSING = {"path": "pkg://champion.data.datasets/california_housing.csv.gz", "target": "median_house_value"}
REGRESSORS = (RandomForestRegressor, HistGradientBoostingRegressor, XGBRegressor)
THREE = ("forest", "histogram", "xgboost")
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


def read(name: str, folder: Path) -> tuple[Dataset, list[str]]:
    """Return a table, and the overrides by which train.py reads the same."""
    if name == "california":
        return data.load(HOUSING["path"], target=HOUSING["target"]), []
    table, file = TABLES[name], folder / f"{name}.csv"
    overrides = table.write(file)
    return data.load(str(file), target=table.target), overrides


def check(test: Dataset, home: str | Path) -> None:
    """Exit unless the newest version of a home was scored on these rows."""
    if (scored := process.held_out(home)) != test.fingerprint:
        sys.exit(
            f"train.py held out other rows of {test.source}: their fingerprint is {scored}, not {test.fingerprint}"
        )


def measure(name: str, home: str) -> figures.Row:
    """Fit the three, train as a user would; return the errors on the held-out rows, and the seconds of the run."""
    whole, overrides = read(name, Path(home))
    train, test = split.hold_out(whole, test_size=0.2, seed=42)
    forest, histogram, xgboost = plain(train, test)
    folder = Path(tempfile.mkdtemp(dir=home))
    ran = process.train(*overrides, f"hydra.run.dir={folder}", home=home)
    check(test, home)
    size = {"rows": len(whole), "columns": len(whole.X.columns), "held_out": len(test), "task": whole.task.name}
    error = process.report(folder)["metrics"][f"test_{whole.task.metric}"]
    errors = {"forest": forest, "histogram": histogram, "xgboost": xgboost, "run": error}
    return {"table": name, **size, **errors, "seconds": ran.seconds}


def shown(error: float) -> str:
    """Return an error with its digits."""
    return f"{error:,.4f}" if error < 100 else f"{error:,.0f}"


def summary(rows: list[figures.Row]) -> list[figures.Row]:
    """Return the rows with the run's error as a share of the best of the three."""
    return [row | {"share": row["run"] / min(row[name] for name in THREE)} for row in rows]


def text(found: list[figures.Row]) -> str:
    """Say them."""
    cells = [
        {
            "table": one["table"],
            "has": "the bundled one" if one["table"] == "california" else TABLES[one["table"]].has,
            "rows": f"{one['rows']:,}",
            "held out": f"{one['held_out']:,}",
            **{name: shown(one[name]) for name in (*THREE, "run")},
            "share": f"{one['share']:.3f}",
            "seconds": f"{one['seconds']:.1f}",
        }
        for one in found
    ]
    beyond = max(0, math.ceil(100 * (max(one["share"] for one in found) - 1)))
    return f"{figures.table(cells)}\n\nOf the {len(found)} tables, none is more than {beyond} % beyond the best."


def main() -> None:
    """Measure each table."""
    warnings.simplefilter("ignore")
    parser = figures.parser(__doc__)
    parser.add_argument("--tables", nargs="+", default=["california", *TABLES])
    given = parser.parse_args()
    with figures.measured("own_tables", save=given.save) as rows, tempfile.TemporaryDirectory() as home:
        for name in given.tables:
            rows.append(measure(name, home))
            print(rows[-1], file=sys.stderr)


if __name__ == "__main__":
    main()
