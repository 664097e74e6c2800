"""AutoGluon's trees: `python autogluon_tabular.py FOLDER SECONDS`, with a Python that has autogluon.tabular.

Its default preset unless a third word names another. Installed with lightgbm, catboost and xgboost, without neural
networks, which take gigabytes.
"""

import json
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from autogluon.tabular import TabularPredictor


def main(folder: Path, seconds: float, presets: str | None = None) -> None:
    """Fit within the seconds, predict."""
    warnings.simplefilter("ignore")
    facts = json.loads((folder / "facts.json").read_text())
    train, test = (pd.read_parquet(folder / f"{part}.parquet") for part in ("train", "test"))
    classes = facts["task"] != "regression"
    predictor = TabularPredictor(
        label=facts["target"],
        problem_type=facts["task"],
        eval_metric="log_loss" if classes else "root_mean_squared_error",
        path=str(folder / "autogluon"),
        verbosity=0,
    ).fit(train, time_limit=seconds, presets=presets, num_cpus=2, num_gpus=0)
    if classes:
        predicted = predictor.predict_proba(test)
        predicted.columns = [str(label) for label in predicted.columns]
        predicted = predicted[facts["classes"]]
    else:
        predicted = predictor.predict(test)
    np.save(folder / "predicted.npy", predicted.to_numpy())


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]), *sys.argv[3:])
