"""src/prepare.py: params.yaml becomes the command line that composes it."""

from importlib import import_module
from typing import Any

import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from champion.base.home import home
from tests.conftest import REPOSITORY

prepare = import_module("src.prepare")
CHOSEN = ["data=california_housing", "features=plain"]
CHOSEN_CSV = ["data=csv", "features=plain", "model=gradient_boosting"]


def composed(*overrides: str) -> dict[str, Any]:
    """Compose params.yaml as DVC does."""
    found: dict[str, Any] = OmegaConf.to_container(compose("params", overrides=list(overrides)), resolve=True)  # type: ignore[assignment]
    return found


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ([], [*CHOSEN, "model=gradient_boosting"]),
        pytest.param(
            ["model=xgboost", "model.max_depth=4"],
            [*CHOSEN, "model=xgboost", "model.max_depth=4"],
            marks=pytest.mark.everything,
        ),
        pytest.param(
            ["model=random_forest", "seed=7"], ["seed=7", *CHOSEN, "model=random_forest"], marks=pytest.mark.everything
        ),
        pytest.param(
            ["experiment=quick"],
            ["n_splits=3", *CHOSEN, "model=gradient_boosting", "model.max_iter=50"],
            marks=pytest.mark.everything,
        ),
        pytest.param(
            ["model.l2_regularization=1e-05"],
            [*CHOSEN, "model=gradient_boosting", "model.l2_regularization=1e-05"],
            marks=pytest.mark.everything,
        ),
        (
            ["model=random_forest", "model.max_depth=null", "~model.max_features", "+model.criterion=poisson"],
            [*CHOSEN, "model=random_forest", "~model.max_features", "+model.criterion=poisson", "model.max_depth=null"],
        ),
        (
            ["data=csv", "data.path='my houses.csv'", "data.target='true'", "data.missing=['?','it\\'s']"],
            [*CHOSEN_CSV, "data.path='my houses.csv'", "data.target='true'", "data.missing=['?','it\\'s']"],
        ),
        pytest.param(
            ["model=lightgbm", "model.reg_lambda=1"],
            [*CHOSEN, "model=lightgbm", "model.reg_lambda=1"],
            marks=pytest.mark.everything,
        ),
        (["features=geographic", "features.coordinates=[lat,lon]", "final.confidence=0.9"], None),
        pytest.param(["tracking=server", "tracking.uri=http://mlflow:5000"], None, marks=pytest.mark.everything),
    ],
)
def test_command_line_composes_the_params(given: list[str], told: list[str] | None) -> None:
    """Whatever DVC is told by -S, the shortest list of overrides says the same, options by their names."""
    home()
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(REPOSITORY / "conf"), version_base="1.3"):
        params = composed(*given)
        words = prepare.overrides(params)
        assert told is None or words == told
        assert composed(*words) == {**params, "promote": True}


def test_params_file_is_what_conf_composes() -> None:
    """A fresh clone's `dvc repro` does what `python src/train.py` does; `dvc exp run prepare` writes the file anew."""
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(REPOSITORY / "conf"), version_base="1.3"):
        assert yaml.safe_load((REPOSITORY / "params.yaml").read_text()) == composed()
