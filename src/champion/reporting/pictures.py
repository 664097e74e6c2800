"""Decides which pictures a run leaves: of numbers how far off they are, of classes which are taken for which.

And where on a map that is so, and what the columns add to the predictions.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from sklearn.calibration import calibration_curve
from sklearn.metrics import confusion_matrix, roc_auc_score, roc_curve

from champion.data import Dataset

if TYPE_CHECKING:  # takes half a second, and trials draw nothing
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST = 20  # bars of a picture, and classes of one
SHORT, LONG = 24, 36  # letters of a name in a picture, and in one of encoded columns
CELLS = 24  # of a map, along its longer side, where there are rows enough
ROWS_PER_CELL = 5  # or its mean says nothing
ROBUST = 0.95  # share of the values that the colours of a map tell apart
COLOURS = 10  # that are told apart
LOW_HIGH = ["#1e88e5", "#8b3fb0", "#ff0d57"]


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


def error_map(
    folder: Path, places: pd.DataFrame, error: np.ndarray, loss: np.ndarray, *, signed: bool, said: tuple[str, str]
) -> Path:
    """Draw each row's error at its place, and what is typical of the cells of a grid.

    `places` are latitudes and longitudes in degrees, (n_rows, 2); `error` is `signed`, or a loss; `loss` is what a cell
    has the mean of, or for signed errors the root of it; `said` is what the colours of rows and cells mean.
    """
    y, x = places.to_numpy(dtype=float).T
    figure = _canvas((12, 5.5), layout="compressed")
    rows, cells = figure.subplots(1, 2, sharex=True, sharey=True)
    most = np.quantile(np.abs(error), ROBUST) or 1.0
    colours = {"cmap": "RdBu_r" if signed else "viridis", "vmin": -most if signed else 0, "vmax": most}
    points = rows.scatter(x, y, c=error, s=8, linewidths=0, **colours)
    figure.colorbar(points, ax=rows, label=_unbroken(said[0]), extend="both" if signed else "max", format=_numeral)
    edges, means = _cells(x, y, loss)
    typical = np.sqrt(means) if signed else means
    top = np.nanquantile(typical, ROBUST) or 1.0
    mesh = cells.pcolormesh(*edges, typical, cmap="viridis", vmin=0, vmax=top)
    figure.colorbar(mesh, ax=cells, label=_unbroken(said[1]), extend="max", format=_numeral)
    rows.set_title("Errors of the held-out rows")
    cells.set_title(f"By cell of {ROWS_PER_CELL} held-out rows or more")
    for axes in (rows, cells):
        axes.set(xlabel=_plain(places.columns[1]), ylabel=_plain(places.columns[0]), facecolor="0.88")
        axes.use_sticky_edges = False
        axes.set_aspect(1 / max(np.cos(np.radians(y.mean())), 0.1), adjustable="box")
    return _save(figure, folder / "error_map.png")


def shap(folder: Path, values: pd.DataFrame, encoded: pd.DataFrame, *, said: str) -> Path:
    """Draw what each column adds to the prediction of each row, and whether the row has more or less of the column.

    Both tables have the shape (n_rows, n_encoded_columns), the columns that matter most first.
    """
    from matplotlib.colors import LinearSegmentedColormap

    shown, colours = values.columns[:MOST], LinearSegmentedColormap.from_list("low_high", LOW_HIGH)
    title = "What columns add to predictions, held-out rows"
    figure, axes = _figure(title, f"SHAP value ({_unbroken(said)})", "", size=(8, 1.5 + 0.3 * len(shown)))
    width = np.ptp(values[shown].to_numpy()) or 1.0
    ranks = encoded[shown].rank(method="dense")
    ranks = (ranks - 1) / (ranks.max() - 1).clip(lower=1)
    for line, name in enumerate(shown[::-1]):
        known = encoded[name].notna().to_numpy()
        x, y = values[name].to_numpy(), line + _beside_each_other(values[name].to_numpy() / width)
        axes.scatter(x[~known], y[~known], s=6, color="0.6", linewidths=0)
        points = axes.scatter(x[known], y[known], c=ranks.loc[known, name], s=6, cmap=colours, vmin=0, vmax=1)
    axes.axvline(0, color="black", linewidth=1, zorder=0)
    axes.set_yticks(range(len(shown)), [_plain(name, most=LONG) for name in shown[::-1]])
    axes.locator_params(axis="x", nbins=6)
    axes.xaxis.set_major_formatter(_numeral)
    bar = figure.colorbar(points, ax=axes, aspect=40, label="value of the column (grey: missing)")
    bar.set_ticks([0, 1], labels=["low", "high"])
    return _save(figure, folder / "shap.png")


def shap_by_class(folder: Path, sizes: pd.DataFrame) -> Path:
    """Draw the mean |SHAP| of each column, in parts for the classes; `sizes` has the shape (n_columns, n_classes)."""
    top = sizes.iloc[:MOST, :][::-1] / sizes.shape[1]
    title, says = "What columns add to predictions, held-out rows", "mean |SHAP value|, mean of the classes"
    figure, axes = _figure(title, f"{says} (log-odds)", "", size=(8, 1.5 + 0.3 * len(top)))
    parts = top if sizes.shape[1] <= COLOURS else top.sum(axis=1).to_frame("all classes")
    left = np.zeros(len(top))
    for label, part in parts.items():
        axes.barh([_plain(name, most=LONG) for name in top.index], part, left=left, label=_plain(str(label)))
        left += part.to_numpy()
    axes.legend(loc="lower right", fontsize=8)
    return _save(figure, folder / "shap.png")


def _cells(x: np.ndarray, y: np.ndarray, loss: np.ndarray) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    """Return the edges of a grid in x and y, and the mean loss of each cell, of shape (n_y, n_x); NaN for few rows."""
    wide = max(np.cos(np.radians(y.mean())), 0.1)
    n = np.clip(int(np.sqrt(len(x) / 2 / ROWS_PER_CELL)), 3, CELLS)
    side = max(np.ptp(y), np.ptp(x) * wide) / n
    edges = [
        low + size * np.arange(int(np.ceil(span / size - 1e-9)) + 1)
        for low, span, size in ((x.min(), np.ptp(x), side / wide), (y.min(), np.ptp(y), side))
    ]
    for own in edges:
        own[-1] += 1e-9 * abs(own[-1])  # the last row lies in it, whatever the rounding
    counts, _, _ = np.histogram2d(x, y, bins=edges)
    sums, _, _ = np.histogram2d(x, y, bins=edges, weights=loss)
    means = np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts >= ROWS_PER_CELL)
    return (edges[0], edges[1]), means.T


def _beside_each_other(shares: np.ndarray) -> np.ndarray:
    """Return how far each point of a line stands off it, so that those at about the same place can be told apart."""
    places = pd.Series(np.round(shares * 150))
    turns = places.groupby(places).cumcount().to_numpy()
    offsets: np.ndarray = (turns + 1) // 2 * np.where(turns % 2, 1.0, -1.0)
    offsets *= min(0.06, 0.4 / max(np.abs(offsets).max(), 1))
    return offsets


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


def _plain(name: str, *, most: int = SHORT) -> str:
    """Return a name that a picture can show: not too long, and with no sign that starts a formula."""
    return _unbroken(name if len(name) <= most else f"{name[: most - 1]}…")


def _unbroken(text: str) -> str:
    """Return a text that no sign of it makes a formula."""
    return text.replace("$", r"\$")


def _numeral(number: float, _: float | None = None) -> str:
    """Return what stands beside a tick."""
    return f"{number:,.0f}" if abs(number) >= 10_000 else f"{number:g}"


def _figure(title: str, x: str, y: str, *, size: tuple[float, float] = (6, 4.5)) -> tuple["Figure", "Axes"]:
    figure = _canvas(size, layout="constrained")
    axes = figure.subplots()
    axes.set(title=title, xlabel=x, ylabel=y)
    axes.grid(alpha=0.2)
    return figure, axes


def _canvas(size: tuple[float, float], *, layout: Literal["constrained", "compressed"]) -> "Figure":
    from matplotlib.figure import Figure

    return Figure(figsize=size, layout=layout)


def _save(figure: "Figure", file: Path) -> Path:
    figure.savefig(file, dpi=100)
    return file
