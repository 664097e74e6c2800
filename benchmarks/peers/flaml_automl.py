"""FLAML with its defaults: `python flaml_automl.py FOLDER SECONDS`, with a Python that has flaml[automl]."""

import json
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from flaml import AutoML


def main(folder: Path, seconds: float) -> None:
    """Search and fit within the seconds, predict."""
    warnings.simplefilter("ignore")
    facts = json.loads((folder / "facts.json").read_text())
    train, test = (pd.read_parquet(folder / f"{part}.parquet") for part in ("train", "test"))
    classes = facts["task"] != "regression"
    learner = AutoML()
    learner.fit(
        train.drop(columns=facts["target"]),
        train[facts["target"]],
        task="classification" if classes else "regression",
        metric="log_loss" if classes else "rmse",
        time_budget=seconds,
        n_jobs=2,
        seed=facts["seed"],
        verbose=0,
    )
    if not classes:
        predicted = learner.predict(test)
    else:
        labels = [str(label) for label in learner.classes_]
        predicted = learner.predict_proba(test)[:, [labels.index(label) for label in facts["classes"]]]
    np.save(folder / "predicted.npy", predicted)


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
