"""notebook.py: what the page on notebooks calls does what the commands do, and gives back what came of it."""

import json
from pathlib import Path

from tests.conftest import REPOSITORY, Home
from tests.documents import Page

WHOLE, STEPS = (block.text for block in Page(REPOSITORY / "docs/how-to/from-a-notebook.md").blocks)
LOOK_AT_WHOLE = """
import json
print(json.dumps(dict(done.metrics)))
assert [fold.number for fold in done.folds] == [1, 2, 3, 4, 5]
assert done.value == done.metrics["cv_rmse"]
assert type(done.model[-1]).__name__ == "XGBRegressor"
"""
LOOK_AT_STEPS = """
assert (len(flats.train), len(flats.test)) == (160, 40)
assert len(folds) == 5 and all(fold.metrics["r2"] > 0.9 for fold in folds)
assert fitted.metrics["test_r2"] > 0.9
assert len(fitted.model.predict(flats.test.X)) == 40
"""


def test_notebook_runs_an_experiment(home: Home) -> None:
    """It has the digits of the command that is typed, and its run and its version are where that one's are."""
    typed = home.train("model=xgboost", "data.sample=2000")
    assert typed.returncode == 0, typed.stderr
    called = home.run("-c", f"{WHOLE}\n{LOOK_AT_WHOLE}", check=True, cold=True)
    metrics = json.loads(called.stdout.splitlines()[-1])
    [file] = (home.folder / typed.stdout.partition("\nfiles ")[2].split()[0]).glob("metrics.json")
    assert {**metrics, "fit_seconds": 0} == {**json.loads(file.read_text()), "fit_seconds": 0}
    assert home.statuses() == {"xgboost_1000": ["FINISHED", "FINISHED"]}
    assert len(home.client.search_model_versions("name = 'housing_price_predictor'")) == 2


def test_notebook_takes_steps(home: Home, tmp_path: Path) -> None:
    """A table of its own, an estimator of its own; nothing is kept."""
    rows = [f"{size},{size % 7},{size * 10 + size % 7 * 50}" for size in range(0, 600, 3)]
    (tmp_path / "flats.csv").write_text("\n".join(["size,rooms,rent", *rows]))
    steps = STEPS.removeprefix("import champion").replace('"flats.csv"', f'"{tmp_path / "flats.csv"}"')
    home.run("-c", f"import champion\n{steps}\n{LOOK_AT_STEPS}", check=True, cold=True)
    assert home.statuses() == {}
    assert sorted(file.name for file in home.folder.iterdir()) == ["flats.csv", "mlflow.db"]
