"""notebook.py: what a notebook calls does what the commands do, and gives back what came of it."""

import json

from tests.conftest import Home

OVERRIDES = ["model=xgboost", "model.n_estimators=15", "data.sample=1500", "n_splits=2"]
WHOLE = f"""
import json
import champion
done = champion.run(*{OVERRIDES}, "run_name=notebook")
print(json.dumps(dict(done.metrics)))
assert [fold.number for fold in done.folds] == [1, 2]
assert done.value == done.metrics["cv_rmse"]
assert type(done.model[-1]).__name__ == "XGBRegressor"
"""
STEPS = """
import champion
import pandas as pd
from sklearn.ensemble import HistGradientBoostingRegressor

houses = pd.DataFrame({"size": range(0, 600, 3), "rooms": [size % 7 for size in range(0, 600, 3)]})
houses["price"] = houses["size"] * 1000 + houses["rooms"] * 5000
table = champion.prepare(houses, "price", n_splits=3, seed=1)
assert (len(table.train), len(table.test)) == (160, 40)
boosting = HistGradientBoostingRegressor(max_iter=300, early_stopping=True)
folds = champion.cross_validate(boosting, table)
assert len(folds) == 3 and all(fold.metrics["r2"] > 0.9 for fold in folds)
done = champion.fit(boosting, table, folds)
assert done.metrics["test_r2"] > 0.9
assert done.model[-1].max_iter < 300
assert len(done.model.predict(table.test.X)) == 40
"""


def test_notebook_runs_an_experiment(home: Home) -> None:
    """It has the digits of the command that is typed, and its run and its version are where that one's are."""
    typed = home.train(*OVERRIDES)
    assert typed.returncode == 0, typed.stderr
    called = home.run("-c", WHOLE, check=True, cold=True)
    metrics = json.loads(called.stdout.splitlines()[-1])
    [file] = (home.folder / typed.stdout.partition("\nfiles ")[2].split()[0]).glob("metrics.json")
    assert {**metrics, "fit_seconds": 0} == {**json.loads(file.read_text()), "fit_seconds": 0}
    assert home.statuses() == {"xgboost_15": ["FINISHED"], "notebook": ["FINISHED"]}
    assert len(home.client.search_model_versions("name = 'housing_price_predictor'")) == 2


def test_notebook_takes_steps(home: Home) -> None:
    """A table of its own, an estimator of its own; nothing is kept."""
    home.run("-c", STEPS, check=True, cold=True)
    assert home.statuses() == {}
    assert sorted(file.name for file in home.folder.iterdir()) == ["mlflow.db"]
