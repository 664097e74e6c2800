"""Decides which pictures a run leaves: of numbers how far off they are, of classes which are taken for which."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.calibration import calibration_curve
from sklearn.metrics import confusion_matrix, roc_auc_score, roc_curve

from champion.data import Dataset

MOST = 20  # bars of a picture, and classes of one
SHORT = 24  # letters of a name in a picture


def importance(folder: Path, found: pd.DataFrame, dataset: Dataset) -> Path:
    """Draw the features that matter most; `found` has the columns `feature` and what the error grows by."""
    error = "log loss increase" if dataset.task.is_classification else f"RMSE increase ({dataset.unit})"
    figure, axes = _figure("What the error grows by when a feature is shuffled", error, "")
    top = found.head(MOST)[::-1]
    axes.barh([_plain(name) for name in top["feature"]], top.iloc[:, 1])
    return _save(figure, folder / "feature_importance.png")


def held_out(folder: Path, test: Dataset, predicted: np.ndarray) -> list[Path]:
    """Draw how well the held-out rows were predicted: numbers (n_rows,), or (n_rows, n_classes) probabilities."""
    if not test.task.is_classification:
        return [_against(folder, test, predicted), _residuals(folder, test, predicted)]
    return [_confusion(folder, test, predicted), _roc(folder, test, predicted), _calibration(folder, test, predicted)]


def _against(folder: Path, test: Dataset, predicted: np.ndarray) -> Path:
    unit = test.unit
    figure, axes = _figure("Predicted against actual, held-out rows", f"actual ({unit})", f"predicted ({unit})")
    axes.scatter(test.y, predicted, s=4, alpha=0.4)
    ends = [min(test.y.min(), predicted.min()), max(test.y.max(), predicted.max())]
    axes.plot(ends, ends, color="black", linewidth=1)
    return _save(figure, folder / "predicted_vs_actual.png")


def _residuals(folder: Path, test: Dataset, predicted: np.ndarray) -> Path:
    unit = test.unit
    figure, axes = _figure("Residuals, held-out rows", f"predicted ({unit})", f"actual - predicted ({unit})")
    axes.scatter(predicted, test.y - predicted, s=4, alpha=0.4)
    axes.axhline(0, color="black", linewidth=1)
    return _save(figure, folder / "residuals.png")


def _confusion(folder: Path, test: Dataset, predicted: np.ndarray) -> Path:
    """Draw which share of each class's rows is taken for which class; of many classes those of most rows."""
    classes = np.asarray(test.task.classes)
    most = set(test.y.value_counts().index[:MOST])
    shown = [label for label in test.task.classes if label in most or len(classes) <= MOST]
    counts = confusion_matrix(test.y, classes[predicted.argmax(axis=1)], labels=shown)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure, axes = _figure("Confusion matrix, held-out rows", "predicted", "actual")
    axes.grid(visible=False)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    names = [_plain(str(label)) for label in shown]
    axes.set_xticks(range(len(names)), names, rotation=45 if max(map(len, names), default=0) > 4 else 0, ha="right")
    axes.set_yticks(range(len(names)), names)
    for (row, column), count in np.ndenumerate(counts):
        color = "white" if shares[row, column] > 0.5 else "black"
        axes.text(column, row, f"{count:,}", ha="center", va="center", color=color, size=10 if len(names) < 8 else 6)
    return _save(figure, folder / "confusion_matrix.png")


def _roc(folder: Path, test: Dataset, predicted: np.ndarray) -> Path:
    """Draw a curve for the positive class of two, or for each class against the rest."""
    figure, axes = _figure("ROC, held-out rows", "share of the others taken for it", "share of it that is found")
    axes.plot([0, 1], [0, 1], color="black", linewidth=1, linestyle=":")
    first = 1 if len(test.task.classes) == 2 else 0
    for position, label in list(enumerate(test.task.classes))[first:][:MOST]:
        is_it = (test.y == label).to_numpy()
        if 0 < is_it.sum() < len(is_it):
            false, true, _ = roc_curve(is_it, predicted[:, position])
            area = roc_auc_score(is_it, predicted[:, position])
            axes.plot(false, true, label=f"{_plain(str(label))}: AUC {area:.3f}")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="lower right", fontsize=8)
    return _save(figure, folder / "roc_curve.png")


def _calibration(folder: Path, test: Dataset, predicted: np.ndarray) -> Path:
    """Draw how often it is so when the model says with which probability: of the positive class, or of its choice."""
    classes = np.asarray(test.task.classes)
    if len(classes) == 2:
        share, is_it = predicted[:, 1], (test.y == test.task.positive).to_numpy()
        says = f"predicted probability of {_plain(str(test.task.positive))}"
    else:
        share, is_it = predicted.max(axis=1), classes[predicted.argmax(axis=1)] == test.y.to_numpy()
        says = "predicted probability of the class chosen"
    figure, axes = _figure("Calibration, held-out rows", says, "share of rows where it is so")
    axes.plot([0, 1], [0, 1], color="black", linewidth=1, linestyle=":")
    true, said = calibration_curve(is_it, np.clip(share, 0, 1), n_bins=10, strategy="quantile")
    axes.plot(said, true, marker="o")
    return _save(figure, folder / "calibration.png")


def _plain(name: str) -> str:
    """Return a name that a picture can show: not too long, and with no sign that starts a formula."""
    short = name if len(name) <= SHORT else f"{name[: SHORT - 1]}…"
    return short.replace("$", r"\$")


def _figure(title: str, x: str, y: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(6, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.set(title=title, xlabel=x, ylabel=y)
    axes.grid(alpha=0.2)
    return figure, axes


def _save(figure: Figure, file: Path) -> Path:
    figure.savefig(file, dpi=100)
    return file
