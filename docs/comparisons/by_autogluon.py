"""The experiment by AutoGluon, in a Python that has `autogluon.tabular[xgboost]` and MLflow: `python by_autogluon.py`.

AutoGluon knows nothing of MLflow: what it found is logged afterwards, and its folder is wrapped to be served.
"""

from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from autogluon.common import space
from autogluon.tabular import TabularPredictor
from mlflow.models import infer_signature
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import train_test_split

TABLE = Path(__file__).resolve().parents[2] / "src/champion/data/datasets/california_housing.csv.gz"
NAME, TARGET, SEED = "housing_by_autogluon", "median_house_value", 42
SPACE = {
    "learning_rate": space.Real(0.02, 0.3, default=0.06, log=True),
    "max_depth": space.Int(3, 10, default=6),
    "min_child_weight": space.Real(1, 20, default=3, log=True),
    "subsample": space.Real(0.5, 1, default=0.8),
    "colsample_bytree": space.Real(0.4, 1, default=0.6),
    "reg_lambda": space.Real(0.1, 10, default=1, log=True),
}


class Served(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """What MLflow asks for predictions."""

    def load_context(self, context: Any) -> None:
        """Load the predictor, which AutoGluon has pickled."""
        self.predictor = TabularPredictor.load(context.artifacts["predictor"])

    def predict(self, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> np.ndarray:  # noqa: ARG002
        """Return the predictions, of shape (n_rows,)."""
        return np.asarray(self.predictor.predict(model_input))


def main() -> None:
    """Search, log what was tried, score the best model once, and register it."""
    train, test = train_test_split(pd.read_csv(TABLE), test_size=0.2, random_state=SEED)
    mlflow.set_experiment(NAME)
    with mlflow.start_run(run_name="search"):
        predictor = TabularPredictor(label=TARGET, eval_metric="root_mean_squared_error", path="autogluon").fit(
            train,
            hyperparameters={"XGB": SPACE},
            hyperparameter_tune_kwargs={"num_trials": 10, "searcher": "random", "scheduler": "local"},
            num_bag_folds=5,
            fit_weighted_ensemble=False,
            num_gpus=0,
        )
        for _, trial in predictor.leaderboard(extra_info=True).iterrows():
            with mlflow.start_run(run_name=trial["model"], nested=True):
                mlflow.log_params(trial["child_hyperparameters"] or {})
                mlflow.log_metrics({"cv_rmse": -trial["score_val"], "fit_seconds": trial["fit_time"]})
        X_test = test.drop(columns=TARGET)
        predicted = np.asarray(predictor.predict(X_test))
        mlflow.log_metric("test_rmse", rmse := root_mean_squared_error(test[TARGET], predicted))
        logged = mlflow.pyfunc.log_model(
            name="model",
            python_model=Served(),
            artifacts={"predictor": predictor.path},
            signature=infer_signature(X_test, predicted),
            pip_requirements=["autogluon.tabular[xgboost]", "mlflow"],
            registered_model_name=NAME,
        )
    mlflow.MlflowClient().set_registered_model_alias(NAME, "champion", str(logged.registered_model_version))
    print(f"{NAME} {logged.registered_model_version}: RMSE {rmse:,.0f} dollars")


if __name__ == "__main__":
    main()
