"""The experiment by FLAML, in a Python that has `flaml[automl]` and MLflow: `python by_flaml.py`.

FLAML chooses the values that are tried, cheap ones first, and logs each trial to the MLflow run that is open.
"""

from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
from flaml import AutoML
from mlflow.models import infer_signature
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import train_test_split

TABLE = Path(__file__).resolve().parents[2] / "src/champion/data/datasets/california_housing.csv.gz"
NAME, TARGET, SEED = "housing_by_flaml", "median_house_value", 42


def main() -> None:
    """Search, score the best model once, and register it."""
    table = pd.read_csv(TABLE)
    X, y = table.drop(columns=TARGET), table[TARGET]
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=SEED)
    learner = AutoML()
    mlflow.set_experiment(NAME)
    with mlflow.start_run(run_name="search"):
        learner.fit(
            X_train,
            y_train,
            task="regression",
            metric="rmse",
            estimator_list=["xgb_limitdepth"],
            max_iter=10,
            time_budget=-1,
            eval_method="cv",
            n_splits=5,
            log_type="all",
            seed=SEED,
        )
        predicted = np.asarray(learner.predict(X_test))
        mlflow.log_metric("test_rmse", rmse := root_mean_squared_error(y_test, predicted))
        logged = mlflow.sklearn.log_model(
            learner,
            name="learner",
            signature=infer_signature(X_train, predicted),
            input_example=X_train.head(3),
            serialization_format="cloudpickle",
            registered_model_name=NAME,
        )
    mlflow.MlflowClient().set_registered_model_alias(NAME, "champion", str(logged.registered_model_version))
    print(f"{NAME} {logged.registered_model_version}: RMSE {rmse:,.0f} dollars")


if __name__ == "__main__":
    main()
