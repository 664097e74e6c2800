"""A bare Optuna loop over XGBoost, as people write it by hand: `python bare_optuna.py FOLDER SECONDS`."""

import json
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import optuna
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import LabelEncoder, OneHotEncoder, TargetEncoder
from xgboost import XGBClassifier, XGBRegressor

FIT_AND_WRITE = 4  # seconds left for the best one's fit


def with_date_parts(X: pd.DataFrame) -> pd.DataFrame:
    """Return dates as year, month, day, weekday and days."""
    parts: dict[str, pd.Series] = {}
    dates = list(X.select_dtypes("datetime"))
    for name in dates:
        parts |= {f"{name} {part}": getattr(X[name].dt, part) for part in ("year", "month", "day", "dayofweek")}
        parts[f"{name} days"] = (X[name] - pd.Timestamp("2000-01-01")).dt.days
    return X.assign(**parts).drop(columns=dates)


def main(folder: Path, seconds: float) -> None:
    """Search until the time is over, fit the best, predict."""
    deadline = time.time() + seconds - FIT_AND_WRITE
    warnings.simplefilter("ignore")
    facts = json.loads((folder / "facts.json").read_text())
    train, test = (with_date_parts(pd.read_parquet(folder / f"{part}.parquet")) for part in ("train", "test"))
    X, y = train.drop(columns=facts["target"]), train[facts["target"]]
    classes = facts["task"] != "regression"
    y = LabelEncoder().fit_transform(y) if classes else y
    numbers = list(X.select_dtypes("number"))
    words = [name for name in X if name not in numbers]
    few = [name for name in words if X[name].nunique() <= 20]
    encoder = make_column_transformer(
        ("passthrough", numbers),
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), few),
        (
            TargetEncoder(
                target_type=facts["task"] if classes else "continuous", cv=KFold(5, shuffle=True, random_state=0)
            ),
            [name for name in words if name not in few],
        ),
    )
    splitter = StratifiedKFold if classes else KFold
    folds = splitter(5, shuffle=True, random_state=facts["seed"])

    def model(trial: optuna.trial.BaseTrial) -> object:
        kind = XGBClassifier if classes else XGBRegressor
        chosen = kind(
            n_estimators=trial.suggest_int("n_estimators", 100, 1000, step=50),
            learning_rate=trial.suggest_float("learning_rate", 0.01, 0.3, log=True),
            max_depth=trial.suggest_int("max_depth", 3, 10),
            min_child_weight=trial.suggest_float("min_child_weight", 1, 20, log=True),
            subsample=trial.suggest_float("subsample", 0.5, 1),
            colsample_bytree=trial.suggest_float("colsample_bytree", 0.4, 1),
            reg_lambda=trial.suggest_float("reg_lambda", 0.1, 10, log=True),
            random_state=facts["seed"],
        )
        return make_pipeline(encoder, chosen)

    def objective(trial: optuna.Trial) -> float:
        scoring = "neg_log_loss" if classes else "neg_root_mean_squared_error"
        return -float(np.mean(cross_val_score(model(trial), X, y, cv=folds, scoring=scoring)))

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=facts["seed"]))
    study.optimize(objective, timeout=deadline - time.time())
    best = model(study.best_trial).fit(X, y)  # type: ignore[attr-defined]
    np.save(folder / "predicted.npy", best.predict_proba(test) if classes else best.predict(test))


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
