"""Decides what a run leaves to look at: a report in JSON, what was done with each column, and how much each matters."""

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
from joblib import parallel_config
from sklearn.inspection import permutation_importance
from sklearn.pipeline import Pipeline

from champion.data import Dataset, Summary
from champion.learning.evaluation import Fold
from champion.reporting import pictures

IMPORTANCE_ROWS = 1000  # enough for the order of the features, in half a second


def write_evaluation(
    folder: Path,
    *,
    params: Mapping[str, Any],
    data: Summary,
    advice: Sequence[str],
    folds: Sequence[Fold],
    metrics: Mapping[str, float],
) -> Path:
    """Write what the run was and what it found as evaluation_report.json, and the numbers alone as metrics.json."""
    shown = [
        {"number": fold.number, "metrics": fold.metrics, "fit_seconds": fold.fit_seconds, "rounds": fold.rounds}
        for fold in folds
    ]
    content = {"params": params, "data": asdict(data), "advice": advice, "metrics": metrics, "folds": shown}
    (folder / "metrics.json").write_text(json.dumps(dict(metrics), indent=2) + "\n")
    file = folder / "evaluation_report.json"
    file.write_text(json.dumps(content, indent=2) + "\n")
    return file


def feature_importance(model: Pipeline, test: Dataset, *, seed: int) -> pd.DataFrame:
    """Return how much the error on held-out rows grows when a feature's values are shuffled, largest first.

    Columns `feature` and `rmse_increase`, in the target's unit, or `log_loss_increase`.
    Source: Breiman, Random Forests, Machine Learning 45 (2001), section 10.
    """
    scoring = "neg_log_loss" if test.task.is_classification else "neg_root_mean_squared_error"
    n_rows = min(IMPORTANCE_ROWS, len(test))
    # Threads of scikit-learn that set filters of warnings at the same time leave those of each other behind.
    with warnings.catch_warnings(), parallel_config(backend="threading", n_jobs=-1):
        found = permutation_importance(
            model, test.X, test.y, scoring=scoring, n_repeats=1, max_samples=n_rows, random_state=seed
        )
    columns = {"feature": test.X.columns, (grows := f"{test.task.metric}_increase"): found.importances_mean}
    return pd.DataFrame(columns).sort_values(grows, ascending=False, ignore_index=True)


def write_importance(folder: Path, model: Pipeline, test: Dataset, *, seed: int) -> list[Path]:
    """Write feature_importance.csv and a picture of it."""
    table, importance = folder / "feature_importance.csv", feature_importance(model, test, seed=seed)
    importance.to_csv(table, index=False)
    return [table, pictures.importance(folder, importance, test)]


def columns(dataset: Dataset, treatments: Mapping[str, str]) -> pd.DataFrame:
    """Return what was found in each column of the file and what was done with it, one row for each but the target."""
    rows = [
        {
            "column": column.name,
            "kind": column.kind or "",
            "holds": column.holds,
            "missing": column.missing,
            "treated": treatments.get(column.name, "") if column.kind else f"left out: {column.why}",
        }
        for column in dataset.columns
    ]
    return pd.DataFrame(rows)


def write_columns(folder: Path, found: pd.DataFrame) -> Path:
    """Write columns.csv."""
    file = folder / "columns.csv"
    found.to_csv(file, index=False)
    return file
