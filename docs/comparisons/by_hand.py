"""The experiment by hand: Hydra composes, Optuna searches, MLflow remembers, and this file passes things on.

`python by_hand.py`, or `python by_hand.py n_trials=3 seed=7`; what it leaves lies in the working directory.
"""

from pathlib import Path

import hydra
import mlflow
import numpy as np
import optuna
import pandas as pd
from mlflow.models import infer_signature
from omegaconf import DictConfig
from sklearn.compose import make_column_transformer
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import KFold, cross_val_score, train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder
from xgboost import XGBRegressor

TABLE = Path(__file__).resolve().parents[2] / "src/champion/data/datasets/california_housing.csv.gz"
TRUSTED = ["numpy.dtype", "xgboost.core.Booster", "xgboost.sklearn.XGBRegressor"]  # or MLflow doesn't save it


def pipeline(cfg: DictConfig, params: dict[str, float]) -> Pipeline:
    """Return an unfitted model."""
    one_hot = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), [cfg.category]), remainder="passthrough")
    return make_pipeline(one_hot, XGBRegressor(**params, random_state=cfg.seed))


@hydra.main(version_base="1.3", config_path="conf", config_name="by_hand")
def main(cfg: DictConfig) -> None:
    """Search, fit the best model on all training rows, score it once, and register it."""
    table = pd.read_csv(TABLE)
    X, y = table.drop(columns=cfg.target), table[cfg.target]
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=cfg.test_size, random_state=cfg.seed)
    folds = KFold(cfg.n_splits, shuffle=True, random_state=cfg.seed)

    def objective(trial: optuna.Trial) -> float:
        floats = {name: trial.suggest_float(str(name), **space) for name, space in cfg.floats.items()}
        params = floats | {name: trial.suggest_int(str(name), **space) for name, space in cfg.ints.items()}
        with mlflow.start_run(run_name=f"trial_{trial.number}", nested=True):
            mlflow.log_params(params)
            scoring = "neg_root_mean_squared_error"
            scores = -cross_val_score(pipeline(cfg, params), X_train, y_train, cv=folds, scoring=scoring)
            mlflow.log_metrics({"cv_rmse": scores.mean(), "cv_rmse_std": scores.std()})
        return float(scores.mean())

    mlflow.set_experiment(cfg.name)
    with mlflow.start_run(run_name="search"):
        study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=cfg.seed))
        study.optimize(objective, n_trials=cfg.n_trials)
        best = pipeline(cfg, study.best_params).fit(X_train, y_train)
        predicted = np.asarray(best.predict(X_test))
        rmse = float(root_mean_squared_error(y_test, predicted))
        mlflow.log_params(study.best_params)
        mlflow.log_metrics({"cv_rmse": study.best_value, "test_rmse": rmse})
        logged = mlflow.sklearn.log_model(
            best,
            name="model",
            signature=infer_signature(X_train, predicted),
            input_example=X_train.head(3),
            skops_trusted_types=TRUSTED,
            registered_model_name=cfg.name,
        )
    mlflow.MlflowClient().set_registered_model_alias(cfg.name, "champion", str(logged.registered_model_version))
    print(f"{cfg.name} {logged.registered_model_version}: RMSE {rmse:,.0f} dollars")


if __name__ == "__main__":
    main()
