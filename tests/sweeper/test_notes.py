"""_notes.py: what is worth knowing of a sweep before its leaderboard is believed."""

from typing import Any

import pytest
import yaml
from hydra.core.config_loader import ConfigLoader
from omegaconf import DictConfig, OmegaConf

from hydra_plugins.champion_sweeper import _notes
from hydra_plugins.champion_sweeper._errors import SweepError
from tests.conftest import REPOSITORY
from tests.sweeper.test_space import joint_search, loader, read

FIXTURES = (joint_search, loader)
KEYS = yaml.safe_load((REPOSITORY / "conf" / "hydra" / "sweeper" / "study.yaml").read_text())["incomparable"]
CONF = pytest.mark.parametrize("loader", [REPOSITORY / "conf"], indirect=True)


@pytest.mark.parametrize(
    ("params", "first", "says"),
    [
        ({"x": "interval(0,2)", "text": "a,plain"}, [], []),
        (
            {"x": "interval(2,4)", "n": "range(4,9)"},
            [],
            ["x=1.0 lies outside its space, 2.0 to 4.0", "n=3 lies outside its space, 4 to 8"],
        ),
        ({"nothing": "a,b"}, [], ["nothing=null lies outside its space, a | b"]),
        ({"x": "interval(0,2)"}, [{"x": 9.0}, {"x": 9.0}], ["x=9.0 lies outside its space, 0.0 to 2.0"]),
    ],
)
def test_each_value_outside_its_space_is_said_once(
    loader: ConfigLoader, params: dict[str, Any], first: list[dict[str, Any]], says: list[str]
) -> None:
    """One line names the value, and what its space is."""
    space = read(loader, params=params, first=first)
    assert _notes.outside(space) == [f"{said}: it is tried first, as configured" for said in says]


def test_what_the_command_line_sweeps_takes_the_place_of_what_is_configured(loader: ConfigLoader) -> None:
    """x=interval(2,4) says that x is not 1, as x=2 would."""
    space = read(loader, "x=interval(2,4)", "flag=true,false")
    assert not _notes.outside(space)
    assert space.first() == [{"flag": "True"}]


def test_option_a_value_belongs_to_is_named(loader: ConfigLoader) -> None:
    """Several options that have the same one are named together."""
    space = read(loader, "shape=round,square", params={"x": "interval(2,4)"})
    [said] = _notes.outside(space)
    assert said.startswith("x=1.0 of shape=round; shape=square lies outside its space, 2.0 to 4.0")


def test_settings_that_an_option_cannot_change_are_said(loader: ConfigLoader) -> None:
    """What a swept option says of the sweep itself comes too late, but for its own space and its own last job."""
    space = read(loader, "shape=round,square", params={"x": "interval(0,2)"})
    settings = OmegaConf.create(next(iter(space.branches.values())).config.hydra.sweeper)
    assert isinstance(settings, DictConfig)
    for changed in ("n_trials", "last_job", "params"):
        space.branches[("square",)].config.hydra.sweeper[changed] = 5
    [said] = _notes.not_followed(space, settings)
    assert said.startswith("hydra.sweeper.n_trials of shape=square isn't followed: ")


@CONF
@pytest.mark.usefixtures("joint_search")
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["seed=1,2"], ["seed"]),
        (["n_splits=range(2,6)", "test_size=interval(0.1,0.3)"], ["test_size", "n_splits"]),
        (["data.sample=100,null"], ["data"]),
        (["data=csv", "data.path=a.csv,b.csv", "data.target=price"], ["data"]),
        (["data=csv,california_housing", "data.target=price", "data.path=a.csv"], ["data"]),
        (["data=csv", "data.path=a.csv", "data.target=price", "data.time=null,sold"], ["data"]),
        (["data=csv", "data.path=a.csv", "data.target=price", "task=regression,multiclass"], ["task"]),
        (["objective=cv_rmse,cv_mae"], ["objective"]),
        (["+draw=1,2", "seed=${draw}"], ["seed"]),
        (["experiment=quick,best_minute"], ["n_splits"]),
        (["seed=choice(1)", "model=random_forest,xgboost"], []),
        (["model.max_depth=3,4", "features.max_categories=5,10", "team.size=1,2", "promote=true,false"], []),
    ],
)
def test_what_gives_scores_of_other_rows_is_noticed(
    loader: ConfigLoader, arguments: list[str], expected: list[str]
) -> None:
    """Whatever way the rows of the folds, or the metric, differ among trials; not what only the model is made of."""
    assert _notes.differing(read(loader, *arguments), KEYS) == expected


def test_key_that_is_none_is_refused(loader: ConfigLoader) -> None:
    """A word misspelt isn't passed over."""
    with pytest.raises(SweepError, match=r"hydra\.sweeper\.incomparable: y is no key of the configuration\."):
        _notes.differing(read(loader, "n=1,2"), ["y"])
