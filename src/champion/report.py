"""Decides what a run leaves to look at: a report in JSON, the importance of each feature, and three pictures."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import parallel_config
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.inspection import permutation_importance
from sklearn.pipeline import Pipeline

from champion.data import Dataset
from champion.evaluation import Fold

IMPORTANCE_ROWS = 1000  # enough for the order of the features, in half a second


def write_evaluation(
    folder: Path, *, params: Mapping[str, Any], dataset: Dataset, folds: Sequence[Fold], metrics: Mapping[str, float]
) -> Path:
    """Write what the run was and what it found as evaluation_report.json."""
    content = {"params": params, "data": dataset.summary, "metrics": metrics, "folds": [asdict(fold) for fold in folds]}
    file = folder / "evaluation_report.json"
    file.write_text(json.dumps(content, indent=2) + "\n")
    return file


def feature_importance(model: Pipeline, test: Dataset, *, seed: int) -> pd.DataFrame:
    """Return how much the RMSE on held-out rows grows when a feature's values are shuffled, largest first.

    Columns `feature` and `rmse_increase`, in the target's unit.
    Source: Breiman, Random Forests, Machine Learning 45 (2001), section 10.
    """
    with parallel_config(backend="threading", n_jobs=-1):
        found = permutation_importance(
            model,
            test.X,
            test.y,
            scoring="neg_root_mean_squared_error",
            n_repeats=1,
            max_samples=min(IMPORTANCE_ROWS, len(test)),
            random_state=seed,
        )
    columns = {"feature": test.X.columns, "rmse_increase": found.importances_mean}
    return pd.DataFrame(columns).sort_values("rmse_increase", ascending=False, ignore_index=True)


def write_importance(folder: Path, importance: pd.DataFrame, *, unit: str) -> list[Path]:
    """Write feature_importance.csv and a picture of it."""
    table = folder / "feature_importance.csv"
    importance.to_csv(table, index=False)
    figure, axes = _figure("What the error grows by when a feature is shuffled", f"RMSE increase ({unit})", "")
    top = importance.head(20)[::-1]
    axes.barh(top["feature"], top["rmse_increase"])
    return [table, _save(figure, folder / "feature_importance.png")]


def write_pictures(folder: Path, y_true: pd.Series, y_pred: np.ndarray, *, unit: str) -> list[Path]:
    """Draw predicted against actual values and the residuals; both arrays have the shape (n_rows,)."""
    against, axes = _figure("Predicted against actual, held-out rows", f"actual ({unit})", f"predicted ({unit})")
    axes.scatter(y_true, y_pred, s=4, alpha=0.4)
    ends = [min(y_true.min(), y_pred.min()), max(y_true.max(), y_pred.max())]
    axes.plot(ends, ends, color="black", linewidth=1)

    residuals, axes = _figure("Residuals, held-out rows", f"predicted ({unit})", f"actual - predicted ({unit})")
    axes.scatter(y_pred, y_true - y_pred, s=4, alpha=0.4)
    axes.axhline(0, color="black", linewidth=1)
    return [_save(against, folder / "predicted_vs_actual.png"), _save(residuals, folder / "residuals.png")]


def _figure(title: str, x: str, y: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(6, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.set(title=title, xlabel=x, ylabel=y)
    axes.grid(alpha=0.2)
    return figure, axes


def _save(figure: Figure, file: Path) -> Path:
    figure.savefig(file, dpi=100)
    return file
