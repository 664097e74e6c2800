"""Decides what a finalist's errors are split by, and which share of a prediction is which column's.

The errors of the held-out rows stand in a table by group and, where the rows have coordinates, on a map. Where shap is
installed, a model of trees is taken apart into what each encoded column adds to its predictions.
"""

import warnings
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, is_classifier
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.pipeline import Pipeline

from champion.base.words import key
from champion.data import Dataset, describe
from champion.features import Standardised
from champion.features.places import coordinates
from champion.learning.evaluation import losses
from champion.reporting import pictures

FORESTS = (RandomForestRegressor, RandomForestClassifier, ExtraTreesRegressor, ExtraTreesClassifier)
BANDS = 5  # of the target, with as many rows each
MOST_VALUES = 20  # of a column whose values make groups
FEWEST_PLACES = 50  # rows of a map
MOST_ROWS, ENOUGH_ROWS, FEWEST_ROWS = 500, 200, 20  # to be taken apart; of forests rather fewer trees than ENOUGH_ROWS
BUDGET = 30_000_000  # rows times nodes of trees: two or three seconds


@dataclass(frozen=True, eq=False)
class Shap:
    """What each encoded column adds to the predictions of some held-out rows.

    `values` has the shape (n_rows, n_encoded_columns, n_outputs): one output for a number, in the target's unit, or for
    the positive class of two, else one for each of `classes`, in log-odds. `encoded` is (n_rows, n_encoded_columns).
    """

    values: np.ndarray
    encoded: pd.DataFrame
    classes: list[str]

    @property
    def sizes(self) -> pd.DataFrame:
        """The mean |SHAP|, of shape (n_encoded_columns, n_outputs), the columns that matter most first."""
        found = pd.DataFrame(np.abs(self.values).mean(axis=0), index=self.encoded.columns, columns=self.classes)
        return found.loc[found.mean(axis=1).sort_values(ascending=False, kind="stable").index]


def write_errors(folder: Path, test: Dataset, predicted: np.ndarray) -> list[Path]:
    """Write errors_by_group.csv and, where rows have coordinates, error_map.png.

    `predicted` has the shape (n_held_out_rows,), or (n_held_out_rows, n_classes) for probabilities.
    """
    table = folder / "errors_by_group.csv"
    by_group(test, predicted).to_csv(table, index=False)
    return [table, *_write_map(folder, test, predicted)]


def write_shap(folder: Path, model: Pipeline, test: Dataset, *, seed: int) -> list[Path]:
    """Write shap.csv and shap.png, if the model can be taken apart."""
    if (found := explain(model, test, seed=seed)) is None:
        return []
    table, sizes = folder / "shap.csv", found.sizes
    sizes.mean(axis=1).rename("mean_abs_shap").rename_axis("feature").reset_index().to_csv(table, index=False)
    if len(found.classes) > 1:
        return [table, pictures.shap_by_class(folder, sizes)]
    said = f"log-odds of {found.classes[0]}" if test.task.is_classification else test.unit
    values = pd.DataFrame(found.values[:, :, 0], columns=found.encoded.columns)[sizes.index]
    return [table, pictures.shap(folder, values, found.encoded[sizes.index], said=said)]


def by_group(test: Dataset, predicted: np.ndarray) -> pd.DataFrame:
    """Return how wrong the predictions are by band or class of the target, and by each category of few values.

    Columns `column`, `value`, `rows` and `share`, then `rmse` and `mean_error` (predicted - actual, above zero where
    predictions are too high) in the target's unit, or `accuracy` and `log_loss`. The bands are those of what came
    true: no model knows what can't be predicted, so that most are too high for the lowest and too low for the highest.
    Other columns have their worst value first.
    """
    rows = _judged(test, predicted)
    worst = "log_loss" if test.task.is_classification else "rmse"
    found = [_summed_up(rows, pd.Series("all", index=rows.index), column="all rows"), _by_target(rows, test)]
    for name in test.names("category", "boolean"):
        if test.X[name].nunique() <= MOST_VALUES:
            values = pd.Series([key(value) for value in test.X[name].astype(object).fillna("missing")])
            found.append(_summed_up(rows, values, column=name).sort_values(worst, ascending=False, kind="stable"))
    return pd.concat(found, ignore_index=True)


def _judged(test: Dataset, predicted: np.ndarray) -> pd.DataFrame:
    """Return of each row its loss, and its error or whether it is right."""
    lost = losses(test.y, predicted, test.task)
    if not test.task.is_classification:
        return pd.DataFrame({"loss": lost, "error": predicted - test.y.to_numpy(dtype="float64")})
    chosen = np.asarray(test.task.classes)[predicted.argmax(axis=1)]
    return pd.DataFrame({"loss": lost, "right": chosen == test.y.to_numpy()})


def _by_target(rows: pd.DataFrame, test: Dataset) -> pd.DataFrame:
    """Return the errors by class, or by bands of the target of about as many rows each, with their bounds."""
    actual = test.y.reset_index(drop=True)
    if test.task.is_classification:
        found = _summed_up(rows, actual, column=test.target)
        return found.assign(value=[key(label) for label in found["value"]])
    cuts = np.unique(np.quantile(actual, np.arange(1, BANDS) / BANDS))
    bands = pd.Series(np.searchsorted(cuts, actual))
    unit = "" if test.unit == test.target else f" {test.unit}"
    found = _summed_up(rows, bands, column=test.target)
    held = [describe(actual[bands == band], kind="number").holds for band in found["value"]]
    return found.assign(value=[f"{span}{unit}" for span in held])


def _summed_up(rows: pd.DataFrame, values: pd.Series, *, column: str) -> pd.DataFrame:
    groups = rows.groupby(values.to_numpy())
    counts, loss = groups.size(), groups["loss"].mean()
    found = pd.DataFrame({"column": column, "value": counts.index, "rows": counts.array})
    found["share"] = found["rows"] / len(rows)
    if "error" in rows:
        return found.assign(rmse=np.sqrt(loss.array), mean_error=groups["error"].mean().array)
    return found.assign(accuracy=groups["right"].mean().array, log_loss=loss.array)


def _write_map(folder: Path, test: Dataset, predicted: np.ndarray) -> list[Path]:
    """Draw the errors where the rows are, if the table has two coordinates that tell places apart."""
    names = coordinates(test.X)
    if names is None:
        return []
    known = test.X[names].notna().all(axis=1).to_numpy()
    if known.sum() < FEWEST_PLACES or (test.X.loc[known, names].nunique() < 2).any():
        return []
    placed = test.take(np.flatnonzero(known))
    rows = _judged(placed, predicted[known])
    if test.task.is_classification:
        shown, said = rows["loss"], ("log loss", "log loss")
    elif _in_percent(test.y):
        shown = 100 * rows["error"] / placed.y.to_numpy()
        said = ("predicted - actual, % of actual", f"RMSE ({test.unit})")
    else:
        shown, said = rows["error"], (f"predicted - actual ({test.unit})", f"RMSE ({test.unit})")
    signed = not test.task.is_classification
    error, loss = shown.to_numpy(), rows["loss"].to_numpy()
    return [pictures.error_map(folder, placed.X[names], error, loss, signed=signed, said=said)]


def _in_percent(actual: pd.Series) -> bool:
    """Tell whether errors can be compared in percent: nothing is zero, and next to nothing close to it."""
    return bool(actual.min() > 0 and actual.quantile(0.01) > actual.median() / 20)


def explain(model: Pipeline, test: Dataset, *, seed: int) -> Shap | None:
    """Take the predictions of some held-out rows apart; None without shap, or for a model that it can't take apart.

    SHAP values and their base add up to the prediction. Those of a team are its members' values, averaged by their
    weights. For classes they are log-odds: members explain their raw margin each, rather than the mean probability that
    the team votes by, and forests, which have no margin, their probability, over p(1 - p) at its base, which is the
    same for small differences. To take seconds, large models explain fewer rows, and large forests some of their trees.
    Source: Lundberg and others, From local explanations to global understanding with explainable AI for trees, Nature
    Machine Intelligence 2 (2020).
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # shap's of matplotlib and of its own past, LightGBM's of columns without names
        try:
            from shap import TreeExplainer

            return _explained(TreeExplainer, model, test, seed=seed)
        except Exception:  # without shap, or for a model that it doesn't know: no run loses its end for a picture
            return None


def _explained(explainer: Callable[[BaseEstimator], Any], model: Pipeline, test: Dataset, *, seed: int) -> Shap:
    members = [(_thinned(member), share) for member, share in _members(model[-1], 1.0)]
    explainers = [explainer(member) for member, _ in members]
    nodes = sum(own.model.thresholds.size for own in explainers)
    n_rows = min(len(test), int(np.clip(BUDGET // nodes, FEWEST_ROWS, MOST_ROWS)))
    rows = np.random.default_rng(seed).choice(len(test), n_rows, replace=False)
    X = np.asarray(model[:-1].transform(test.X.iloc[rows]), dtype="float64")
    parts = [share * _values(own, member, X) for own, (member, share) in zip(explainers, members, strict=True)]
    outputs = [key(label) for label in model.classes_.tolist()] if test.task.is_classification else [test.target]
    classes = outputs[1:] if len(outputs) == 2 else outputs
    return Shap(np.sum(parts, axis=0), pd.DataFrame(X, columns=model[:-1].get_feature_names_out()), classes)


def _members(estimator: BaseEstimator, share: float) -> Iterator[tuple[BaseEstimator, float]]:
    """Yield the fitted estimators that have a say in a vote, or in a vote of votes, with their shares of it."""
    if isinstance(estimator, Standardised):
        yield from _members(estimator.regressor_, share * estimator.spread_)
        return
    if not isinstance(estimator, VotingRegressor | VotingClassifier):
        yield estimator, share
        return
    weights = [1.0] * len(estimator.estimators) if estimator.weights is None else estimator.weights
    voting = [weight for weight, (_, one) in zip(weights, estimator.estimators, strict=True) if one != "drop"]
    for weight, member in zip(voting, estimator.estimators_, strict=True):
        if weight:
            yield from _members(member, share * weight / sum(voting))


def _thinned(estimator: BaseEstimator) -> BaseEstimator:
    """Return as many trees of a forest as can explain ENOUGH_ROWS: all are drawn alike, so that some stand for all."""
    if not isinstance(estimator, FORESTS):
        return estimator
    size = max(tree.tree_.node_count for tree in estimator.estimators_)
    part = copy(estimator)
    part.estimators_ = estimator.estimators_[: max(1, BUDGET // (ENOUGH_ROWS * size))]
    return part


def _values(explainer: Any, member: BaseEstimator, X: np.ndarray) -> np.ndarray:
    """Return SHAP values of shape (n_rows, n_encoded_columns, n_outputs); raise ValueError if they don't add up."""
    values: np.ndarray = np.array(explainer.shap_values(X, check_additivity=False), dtype="float64")
    if values.ndim == 2:
        values = values[:, :, None]
    base = np.ravel(explainer.expected_value)[-values.shape[2] :]
    if not _add_up(values.sum(axis=1) + base, member, X):
        raise ValueError(f"SHAP values of {type(member).__name__} don't add up to its predictions")
    if is_classifier(member) and isinstance(member, FORESTS):
        odds = np.clip(base, 0.01, 0.99)
        values /= odds * (1 - odds)
        values = values[:, :, 1:] if len(base) == 2 else values
    return values


def _add_up(sums: np.ndarray, member: BaseEstimator, X: np.ndarray) -> bool:
    """Tell whether these sums, (n_rows, n_outputs), are what the member predicts, or make it choose its classes."""
    predicted = np.ravel(member.predict(X))
    if not is_classifier(member):
        return bool(np.allclose(sums[:, 0], predicted, rtol=1e-3, atol=1e-3 * np.ptp(predicted)))
    chosen = sums.argmax(axis=1) if sums.shape[1] > 1 else (sums[:, 0] > 0).astype(int)
    return bool(np.mean(member.classes_[chosen] == predicted) > 0.98)  # but for ties, in other digits
