"""What a user gets wrong, typed as the command it is: one line that says rule, value and remedy."""

import socket
import time
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY, Home


def silent_server() -> socket.socket:
    """Listen and never answer."""
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen()
    return server


MISTAKES = {
    "group": (
        ["model=xgbost"],
        "model 'xgbost' is not one of catboost, gradient_boosting, lightgbm, random_forest, xgboost."
        " Did you mean 'xgboost'?",
    ),
    "key": (["model.max_dept=3"], "model.max_dept is not a key of the config. Did you mean 'model.max_depth'?"),
    "top key": (["sed=3"], "sed is not a key of the config. Did you mean 'seed'?"),
    "brackets": (
        ["data=csv", "data.path=houses (1).csv"],
        "'data.path=houses (1).csv' is not an override that can be read: some of it can't stand as it is."
        " Quotes make it text: \"data.path='houses (1).csv'\".",
    ),
    "dollar": (["data.target=Sale Price ($)"], """Quotes make it text: 'data.target='"'"'Sale Price ($)'"'"''."""),
    "override": (["seed"], "'seed' is not an override that can be read. Write key=value"),
    "recipe": (["experiment=quik"], "experiment 'quik' is not one of best_minute, best_ten_minutes, quick."),
    "value": (
        ["model=random_forest", "model.max_depth=abc"],
        "with model.max_depth=abc: The 'max_depth' parameter of RandomForestRegressor must be",
    ),
    "xgboost value": (["model=xgboost", "model.max_depth=abc"], "with model.max_depth=abc: Invalid Parameter format"),
    "feature value": (["features.max_categories=zz"], "features.max_categories must be a whole number from 2"),
    "unknown parameter": (
        ["+model.foo=3"],
        "model: HistGradientBoostingRegressor.__init__() got an unexpected keyword argument 'foo'.",
    ),
    "two values": (
        ["model=xgboost,random_forest"],
        "Ambiguous value for argument 'model=xgboost,random_forest'. Add -m",
    ),
    "interpolation": (["seed=${nope}"], "seed: Interpolation key 'nope' not found."),
    "null group": (["model=null"], "Config group override must be a string or a list."),
    "promote": (["promote=maybe"], "promote must be true or false, but got 'maybe'."),
    "final": (["final.confidence=2"], "final.confidence must lie between 0.5 and 1, but got 2."),
    "no final": (["final=null"], "final must hold min_improvement,"),
    "objective": (["objective=rmse"], "objective 'rmse' is not one of cv_rmse,"),
    "task": (["task=regresion"], "got 'regresion'. Did you mean 'regression'?"),
    "classes without end": (["task=multiclass"], "too many for classes"),
    "test_size": (["test_size=2"], "test_size must lie between 0 and 1, but got 2."),
    "seed": (["seed=-1"], "seed must be a whole number from 0"),
    "n_splits": (["n_splits=1"], "n_splits must be a whole number from 2 to 16512"),
    "team's sweep": (["team.sweep=nowhere"], "team.sweep must be the folder of a sweep, as in multirun/prices"),
    "a number for a folder": (["team.sweep=3"], "team.sweep must be the folder of a sweep, as in multirun/prices"),
    "threads": (["threads=0"], "threads must be a whole number from 1"),
    "target": (["data.target=median_house"], "data.target 'median_house' is not a column of"),
    "missing file": (["data.path=nope.csv"], "data.path: there is no file"),
    "no path": (["data=csv"], "data.path must be given, as in data.path=VALUE."),
    "database": (
        ["tracking.uri=sqlite:////proc/no/mlflow.db"],
        "tracking.uri: the database /proc/no/mlflow.db can't be created",
    ),
    "no database": (["tracking.uri=sqlite:///{repository}/LICENSE"], "file is not a database"),
    "scheme": (["tracking.uri=foo://bar"], "unsupported URI 'foo://bar'"),
    "null among choices": (
        ["-m", "model.max_features=choice(sqrt,log2,null)"],
        "mismatch type argument args[2]: NoneType is incompatible with Union[str, int, float, bool, Dict[Any, Any],"
        " List[Any], ChoiceSweep]. Write `model.max_features=sqrt,log2,null`, where null is a value, too.",
    ),
    "unknown function": (
        ["-m", "seed=chioce(1,2)"],
        "while evaluating 'chioce(1,2)': Unknown function",
    ),
    "sweeper's key": (
        ["-m", "seed=1,2", "+hydra.sweeper.n_trial=3"],
        "hydra.sweeper.n_trial is not a setting of a sweep. Did you mean 'n_trials'?",
    ),
    "recipe with a sweeper's key": (
        ["-m", "--config-dir={recipes}", "experiment=misspelt", "seed=1,2"],
        "hydra.sweeper.n_trial is not a setting of a sweep. Did you mean 'n_trials'?",
    ),
    "pruner's option": (
        ["-m", "+hydra.sweeper.pruner.reduction_factors=1"],
        "hydra.sweeper.pruner.reduction_factors is not an option of FoldHalvingPruner."
        " Did you mean 'reduction_factor'?",
    ),
    "recipe without package": (
        ["--config-dir={recipes}", "experiment=bare"],
        "experiment 'bare' must begin with the line `# @package _global_`, or nothing reads what it says."
        " Add it as the first line of experiment/bare.yaml.",
    ),
    "recipe without package that chooses": (
        ["hydra.searchpath=[{recipes}]", "experiment=choosing"],
        "experiment 'choosing' must begin with the line `# @package _global_`",
    ),
    "recipe without package in a sweep": (
        ["-m", "--config-dir={recipes}", "experiment=bare", "data.sample=500"],
        "experiment 'bare' must begin with the line `# @package _global_`",
    ),
    "model's name": (
        ["data.sample=500", "registered_model=a/b"],
        "registered_model 'a/b' is refused by MLflow: Invalid model name 'a/b'. Names cannot contain '/' or ':'.",
    ),
    "model's name in a sweep": (
        ["-m", "data.sample=500", "registered_model=a:b"],
        "registered_model 'a:b' is refused",
    ),
    "model that can't be found": (
        ["data.sample=500", "registered_model=a?b"],
        "registered_model 'a?b' must hold none",
    ),
    "no name": (
        ["data.sample=500", "registered_model="],
        "registered_model must be a name, or null for the default, but got ''.",
    ),
    "experiment's name": (
        ["data.sample=500", "experiment_name=.."],
        "experiment_name must be a name that",
    ),
    "experiment without a name": (
        ["-m", "data.sample=500", "experiment_name=''"],
        "experiment_name must be a name,",
    ),
    "study without a name": (
        ["-m", "hydra.sweeper.study_name="],
        "hydra.sweeper.study_name must be text",
    ),
    "no server": (
        ["tracking=server", "tracking.uri=http://127.0.0.1:9"],
        "is no MLflow server that answers: no connection.",
    ),
    "silent server": (["tracking=server", "tracking.uri=http://127.0.0.1:{port}"], "no answer in time."),
}


@pytest.fixture(scope="module")
def recipes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write recipes of a user's own that are none."""
    folder = tmp_path_factory.mktemp("recipes") / "experiment"
    folder.mkdir()
    (folder / "bare.yaml").write_text("seed: 7")
    (folder / "choosing.yaml").write_text("defaults:\n  - override /model: xgboost")
    (folder / "misspelt.yaml").write_text("# @package _global_\nhydra:\n  sweeper:\n    n_trial: 3")
    return folder.parent


@pytest.fixture(scope="module", autouse=True)
def imported(empty_home: Home) -> None:
    """Do the imports before a clock runs."""
    assert empty_home.train("--help").returncode == 0


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_answered_in_one_line(home: Home, recipes: Path, mistake: str) -> None:
    """A user's mistake ends with one line on stderr and status 1, within 15 s; nothing is registered."""
    overrides, says = MISTAKES[mistake]
    with silent_server() as server:
        filled = {"port": server.getsockname()[1], "repository": REPOSITORY, "recipes": recipes}
        started = time.monotonic()
        words = [word.format(**filled) if "{" in word and "$" not in word else word for word in overrides]
        done = home.train(*words)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert done.stderr.count("\n") == 1, done.stderr
    assert says in done.stderr
    assert time.monotonic() - started < 15
    assert not home.client.search_registered_models()
    assert "FINISHED" not in str(home.statuses())
    assert "RUNNING" not in str(home.statuses())


@pytest.mark.everything
def test_model_without_its_library_says_how_to_get_it(home: Home, tmp_path: Path) -> None:
    """Who hasn't installed an extra is told which command does."""
    (tmp_path / "sitecustomize.py").write_text('import sys\nsys.modules["lightgbm"] = None')
    done = home.train("model=lightgbm", env={**home.env, "PYTHONPATH": str(tmp_path)}, cold=True)
    assert done.returncode == 1
    remedy = "`pip install -e '.[lightgbm]'` installs it."
    assert done.stderr == f"Error: model needs lightgbm, which isn't installed. {remedy}\n"
