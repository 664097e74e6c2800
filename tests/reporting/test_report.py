"""report.py: what is left to look at."""

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.pipeline import Pipeline

from champion.data import Dataset
from champion.learning import evaluation, pipeline
from champion.reporting import pictures, report
from tests.conftest import recipe

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def model(small: Dataset) -> Pipeline:
    """Fit a small forest."""
    estimator = RandomForestRegressor(30, random_state=0)
    return pipeline.fit(pipeline.build(recipe(small), estimator), small.X, small.y).model


def test_what_matters_comes_first(model: Pipeline, small: Dataset) -> None:
    """The size makes most of the price, and shuffling it costs more than shuffling the age."""
    importance = report.feature_importance(model, small, seed=0)
    assert importance["feature"].tolist()[0] == "size"
    assert set(importance["feature"]) == {"size", "age", "place"}
    assert importance["rmse_increase"].is_monotonic_decreasing


def test_importance_is_written_as_table_and_picture(model: Pipeline, small: Dataset, tmp_path: Path) -> None:
    """The CSV is for programs, the PNG for people."""
    files = report.write_importance(tmp_path, model, small, seed=0)
    assert [file.name for file in files] == ["feature_importance.csv", "feature_importance.png"]
    assert files[0].read_text().startswith("feature,rmse_increase\nsize,")
    assert files[1].read_bytes().startswith(PNG)


def test_pictures_of_predictions_and_residuals(model: Pipeline, small: Dataset, tmp_path: Path) -> None:
    """Both pictures are drawn without a display."""
    files = pictures.held_out(tmp_path, small, model.predict(small.X))
    assert [file.name for file in files] == ["predicted_vs_actual.png", "residuals.png"]
    assert all(file.read_bytes().startswith(PNG) for file in files)


def test_report_holds_params_data_metrics_and_folds(small: Dataset, tmp_path: Path) -> None:
    """The report is plain JSON that says what was learned from what, and how well."""
    folds = [evaluation.Fold(1, evaluation.score(small.y, np.full(200, small.y.mean()), small.task), 0.1)]
    file = report.write_evaluation(
        tmp_path, params={"model": "x"}, data=small.summary, advice=["Look."], folds=folds, metrics={"cv_rmse": 1.0}
    )
    content = json.loads(file.read_text())
    assert set(content) == {"params", "data", "advice", "metrics", "folds"}
    assert content["data"]["fingerprint"] == small.fingerprint
    assert content["folds"][0]["metrics"]["r2"] == pytest.approx(0)
    assert json.loads((tmp_path / "metrics.json").read_text()) == content["metrics"]
