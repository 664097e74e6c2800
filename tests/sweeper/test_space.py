"""_space.py: Hydra's sweep grammar as distributions, and what a sweep chooses from."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from typing import Any

import optuna
import pytest
from hydra import initialize_config_dir
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from hydra.types import RunMode
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import DictConfig, OmegaConf
from optuna.distributions import BaseDistribution
from optuna.distributions import CategoricalDistribution as Choice
from optuna.distributions import FloatDistribution as Float
from optuna.distributions import IntDistribution as Int

from champion.base import resolvers
from champion.base.home import home
from hydra_plugins.champion_sweeper import _overrides, _reading
from hydra_plugins.champion_sweeper._errors import SweepError
from hydra_plugins.champion_sweeper._parameter import chosen, typed
from hydra_plugins.champion_sweeper._space import Space
from tests.conftest import REPOSITORY

TOY = REPOSITORY / "tests" / "toy" / "conf"


@pytest.fixture
def loader(request: pytest.FixtureRequest) -> Iterator[ConfigLoader]:
    """Load the toy's configuration, or that of the folder a test asks for."""
    home()
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(getattr(request, "param", TOY)), version_base="1.3"):
        yield GlobalHydra.instance().config_loader()


@pytest.fixture
def joint_search() -> Iterator[None]:
    """Let recipes that search among models name all of them, as src/train.py does where all are installed."""
    OmegaConf.register_new_resolver("joint_search", lambda *models: f"choice({','.join(models)})", replace=True)
    yield
    resolvers.register()  # the real one again


def read(
    loader: ConfigLoader,
    *arguments: str,
    params: dict[str, Any] | None = None,
    first: list[dict[str, Any]] | None = None,
    configured: dict[str, Any] | None = None,
) -> Space:
    """Read the space of a command line."""

    def compose(overrides: list[str]) -> DictConfig:
        config = loader.load_configuration("config", overrides, RunMode.RUN)
        if params is not None:
            config.hydra.sweeper.params = params
        for key, value in (configured or {}).items():
            config[key] = value
        if first is not None:
            config.hydra.sweeper.first = first
        return config

    return _reading.read(arguments, loader=loader, compose=compose, seed=0)


GRAMMAR: dict[str, tuple[BaseDistribution, list[Any] | None]] = {
    "x=1,2,5": (Choice(["1", "2", "5"]), ["1", "2", "5"]),
    "x=choice(1,2,5)": (Choice(["1", "2", "5"]), ["1", "2", "5"]),
    "x=choice(1)": (Choice(["1"]), ["1"]),
    "text=plain,'two words',\"it''s\"": (
        Choice(["plain", "'two words'", "\"it''s\""]),
        ["plain", "'two words'", "\"it''s\""],
    ),
    "nothing=null,1": (Choice(["null", "1"]), ["null", "1"]),
    "flag=true,false": (Choice(["True", "False"]), ["True", "False"]),
    "x=[1,2],[3]": (Choice(["[1,2]", "[3]"]), ["[1,2]", "[3]"]),
    "x={a:1},{a:2}": (Choice(["{a:1}", "{a:2}"]), ["{a:1}", "{a:2}"]),
    "x=1,1,2": (Choice(["1", "2"]), ["1", "2"]),
    "x=str(choice(1,2))": (Choice(["1", "2"]), ["1", "2"]),
    "x=float(choice(1,2))": (Choice(["1.0", "2.0"]), ["1.0", "2.0"]),
    "x=sort(3,1,2)": (Choice(["1", "2", "3"]), ["1", "2", "3"]),
    "n=range(4)": (Int(0, 3), [0, 1, 2, 3]),
    "n=range(1,5)": (Int(1, 4), [1, 2, 3, 4]),
    "n=range(1,10,3)": (Int(1, 7, step=3), [1, 4, 7]),
    "n=range(5,1,-2)": (Int(3, 5, step=2), [5, 3]),
    "x=range(0,1,0.25)": (Float(0, 0.75, step=0.25), [0.0, 0.25, 0.5, 0.75]),
    "n=tag(log,range(1,5))": (Int(1, 4, log=True), [1, 2, 3, 4]),
    "x=interval(0,1)": (Float(0, 1), None),
    "x=interval(-1.5,1e-3)": (Float(-1.5, 1e-3), None),
    "x=tag(log,interval(0.01,1))": (Float(0.01, 1, log=True), None),
    "n=int(interval(1,5))": (Int(1, 5), None),
    "n=tag(log,int(interval(1,500)))": (Int(1, 500, log=True), None),
    "shape=round,square": (Choice(["round", "square"]), ["round", "square"]),
    "shape=glob(*)": (Choice(["round", "square"]), ["round", "square"]),
    "+new=1,2": (Choice(["1", "2"]), ["1", "2"]),
    "++x=1,2": (Choice(["1", "2"]), ["1", "2"]),
}


@pytest.mark.parametrize("argument", GRAMMAR)
def test_grammar(loader: ConfigLoader, argument: str) -> None:
    """Each form of Hydra's sweep grammar becomes the distribution that its documentation describes."""
    distribution, values = GRAMMAR[argument]
    [parameter] = read(loader, argument).parameters
    assert parameter.key == argument.partition("=")[0]
    assert parameter.distribution == distribution
    assert (None if parameter.values is None else list(parameter.values)) == values


@pytest.mark.parametrize(
    "argument",
    [
        argument if place % 3 else pytest.param(argument, marks=pytest.mark.everything)
        for place, argument in enumerate(GRAMMAR)
    ],
)
def test_trials_are_composed_as_hydra_does(loader: ConfigLoader, argument: str, everything: bool) -> None:
    """The quick way to a trial's configuration ends where Hydra's own ends, overrides and folder names included."""
    space, study = read(loader, argument), optuna.create_study()
    for _ in range(3 if everything else 1):
        params = space.suggest(study.ask())
        config = space.compose(params)
        expected = loader.load_configuration("config", space.overrides(params), RunMode.RUN)
        assert OmegaConf.to_yaml(config) == OmegaConf.to_yaml(expected)
        assert config.hydra.job.override_dirname == expected.hydra.job.override_dirname == space.overrides(params)[0]


TOGETHER = (
    ["+new={a:1},{a:2}", "+new.c=9", "++new.a=5"],
    ["+new={a:1},{a:2}", "new.a=9"],
    ["+new.c=9", "+new={a:1},{c:2}"],
    ["+new={a:1},{b:2}", "++new={c:{d:3}}", "++new.c.d=4,5"],
    ["x=3", "x=1,2", "++x=7"],
    ["n={a:1},5", "text=[1,2],[3]", "~nothing"],
    ["shape=round,square", "+shape.width=1,2", "~flag"],
    ["shape.radius=1,2", "~shape.radius"],
    ["shape={radius:3},{radius:4}", "shape.radius=5"],
    ["+shape@other=round,square", "+other.width=1", "hydra.job.config.override_dirname.exclude_keys=[shape]"],
    ["~shape", "x=1,2", "+shape={sides:3},{sides:4}"],
    ["+more=[1],[2]", "++more=[3]", "~text=plain"],
    ["~n=3,4", "x=1"],
    ["+text=1,2", "x=1"],
    ["nothing='a b',${x}", "+alias=${n}", "n=range(1,3)"],
)
POOL = sorted({one for line in TOGETHER for one in line})


@pytest.mark.parametrize("arguments", TOGETHER, ids=" ".join)
def test_order_of_the_command_line_decides(loader: ConfigLoader, arguments: list[str]) -> None:
    """What is swept is applied in its place among the other overrides, or refused, as with Hydra's own sweeper."""
    assert_as_hydra(loader, arguments)


@settings(max_examples=6)
@given(st.lists(st.sampled_from(POOL), min_size=2, max_size=5, unique_by=lambda one: one.partition("=")[0]))
def test_any_overrides_are_composed_as_hydra_does(arguments: list[str]) -> None:
    """In whatever order swept and plain, added, forced, deleted and chosen values come."""
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(TOY), version_base="1.3"):
        assert_as_hydra(GlobalHydra.instance().config_loader(), arguments)


def assert_as_hydra(loader: ConfigLoader, arguments: list[str]) -> None:
    """Compare each point's configuration, or refusal, with the one that Hydra composes of the same command line."""
    try:
        config = loader.load_configuration("config", arguments, RunMode.MULTIRUN)
    except HydraException:
        return  # before there is a sweeper
    typed = list(config.hydra.overrides.task)
    listed = [
        [f"{one.get_key_element()}={value}" for value in one.sweep_string_iterator()]
        if one.is_sweep_override()
        else [str(one.input_line)]
        for one in OverridesParser.create(loader).parse_overrides(typed)
    ]
    expected = [
        attempt(lambda *one: whole(loader.load_sweep_config(config, [*one])), *point) for point in product(*listed)
    ]
    if len(expected) == 1:
        return
    space = attempt(
        partial(_reading.read, typed, loader=loader, compose=partial(loader.load_sweep_config, config), seed=0)
    )
    if space is None:  # before the first trial, where one would be refused
        assert None in expected
    else:
        assert [attempt(lambda one: whole(space.compose(one)), params) for params in space.grid(None) or ()] == expected


def attempt(function: Callable[..., Any], *arguments: Any) -> Any:
    """Return what the function does, or None where Hydra refuses."""
    try:
        return function(*arguments)
    except HydraException:
        return None


def whole(config: DictConfig) -> tuple[str, str]:
    """Return all of a configuration, and what names folders after it."""
    return OmegaConf.to_yaml(config), config.hydra.job.override_dirname


def test_value_that_is_given_again_is_not_swept(loader: ConfigLoader) -> None:
    """The last of one key counts, as with Hydra's own sweeper."""
    assert read(loader, "n=1,2", "x=1,2", "n=5").names == ["x"]
    assert [one.values for one in read(loader, "n=1,2", "n=3,4").parameters] == [("3", "4")]


def test_what_the_command_line_gives_of_a_dict_is_not_searched(loader: ConfigLoader) -> None:
    """A value within a dict takes the place of the files' one, too; what lies beside it is searched as before."""
    params = {"shape.radius": "interval(0,1)", "+shape.width": "interval(0,1)", "n": "1,2"}
    assert read(loader, "shape={radius:3}", params=params).names == ["+shape.width", "n"]


def test_study_knows_what_is_given_beside_a_swept_dict(loader: ConfigLoader) -> None:
    """It can't go on with another value of a key within it that isn't swept."""
    space = read(loader, "+new={a:1},{a:2}", "+new.c=9")
    made_with = space.made_with(may_change=["text"])
    assert made_with["new.c"] == "9"
    assert not {"new", "new.a", "text"} & set(made_with)


def test_shuffled_choices_are_in_another_order(loader: ConfigLoader) -> None:
    """shuffle() changes the order in which the values are tried, the same way each time."""
    [first] = read(loader, "n=shuffle(range(0,20))").parameters
    [again] = read(loader, "n=shuffle(range(0,20))").parameters
    assert list(first.values or ()) == list(again.values or ()) != sorted(first.values or ())
    assert first.distribution == Int(0, 19)


@pytest.mark.parametrize(
    ("argument", "says"),
    [
        ("x=tag(lgo,interval(0,1))", r"x: tag\(lgo, …\) is not known"),
        ("x=interval(2,1)", r"'x=interval\(2,1\)' is no space to choose from"),
        ("x=tag(log,interval(0,1))", r"is no space to choose from"),
        ("n=range(3,3)", r"it is empty, since stop is not part of it"),
        ("x=1", r"There is nothing to sweep: give values, as in key=1,2"),
    ],
)
def test_what_is_no_space_is_refused(loader: ConfigLoader, argument: str, says: str) -> None:
    """A slip is answered before anything is run."""
    with pytest.raises(SweepError, match=says):
        read(loader, argument)


def test_discrete_space_is_listed_in_hydras_order(loader: ConfigLoader) -> None:
    """The last argument varies fastest, as with Hydra's own sweeper."""
    space = read(loader, "x=1,2", "n=range(0,2)")
    grid = space.grid(4)
    assert grid is not None
    assert [space.overrides(point) for point in grid] == [
        ["x=1", "n=0"],
        ["x=1", "n=1"],
        ["x=2", "n=0"],
        ["x=2", "n=1"],
    ]
    assert space.grid(None) == grid
    assert space.grid(3) is None
    assert read(loader, "x=1,2", "n=int(interval(0,1))").grid(100) is None


def test_fixed_values_go_into_every_trial(loader: ConfigLoader) -> None:
    """What the command line fixes is not searched."""
    space = read(loader, "text=fixed", "n=1,2")
    assert [space.overrides(point) for point in space.grid(2) or ()] == [["text=fixed", "n=1"], ["text=fixed", "n=2"]]


def test_files_give_the_space_where_the_command_line_sweeps_nothing(loader: ConfigLoader) -> None:
    """hydra.sweeper.params is searched; a value on the command line takes the place of the one in the file."""
    params = {"x": "interval(0,1)", "n": "range(1,4)", "text": "fixed"}
    space = read(loader, "n=2", params=params)
    assert space.names == ["x"]
    assert space.overrides({"x": 0.5}) == ["n=2", "x=0.5", "text=fixed"]


def test_swept_values_on_the_command_line_take_the_place_of_the_files(loader: ConfigLoader) -> None:
    """Three values are three trials, whatever the file would search."""
    space = read(loader, "n=1,2,3", params={"x": "interval(0,1)"})
    assert space.names == ["n"]
    assert len(space.grid(30) or ()) == 3


def test_defaults_are_the_configured_values_within_the_space(loader: ConfigLoader) -> None:
    """The first trial is the configuration as it stands, as far as the space holds it."""
    space = read(loader, "x=interval(0,2)", "n=range(0,3)", "flag=true,false", "nothing=null,1", "text=a,plain")
    assert space.first() == [{"x": 1.0, "flag": "True", "nothing": "null", "text": "plain"}]


def test_first_trials_are_the_configured_values_changed_one_by_one(loader: ConfigLoader) -> None:
    """A mapping says what is different, within the space or not; what it leaves to the configuration stays."""
    first = [{"x": 2.0, "n": 1}, {"x": 1.5}, {"x": 9.0}]
    space = read(loader, params={"x": "interval(0,2)", "flag": "true,false"}, first=first)
    flag = {"flag": "True"}
    assert space.first() == [{"x": 1.0, **flag}, {"x": 2.0, **flag}, {"x": 1.5, **flag}, {"x": "9.0", **flag}]


OUTSIDE: dict[str, Any] = {
    "x": 1,
    "n": None,
    "flag": "true",
    "text": "it's '1, 2' {a: b} = \\ $",
    "nothing": ["null", None, {"a": 0.1}, "Zürich"],
    "behave": "",
}


def test_first_trial_is_what_is_written_whatever_it_is(loader: ConfigLoader) -> None:
    """Values outside the space come back from the study with their types, and are told apart from those within."""
    params = dict.fromkeys(OUTSIDE, "choice(true,7,'1')") | {"x": "interval(2,3)", "seconds": "range(0,3)"}
    space = read(loader, *(f"{key}={typed(value)}" for key, value in OUTSIDE.items()), params=params)
    assert not space.names[:-1]  # what the command line gives is not searched
    composed = loader.load_configuration("config", _overrides.plain(space.given), RunMode.RUN)
    assert {key: composed[key] for key in OUTSIDE} == OUTSIDE

    space = read(loader, params=params, configured=OUTSIDE)
    study = optuna.create_study()
    study.enqueue_trial(space.first()[0])
    trial = study.ask()
    found = space.suggest(trial, queued=study.trials[0].system_attrs["fixed_params"])
    assert found == chosen(trial) == space.first()[0]
    assert trial.params == {"seconds": 0}
    assert space.params(found) == {**OUTSIDE, "seconds": 0}
    for config in (space.compose(found), loader.load_configuration("config", space.overrides(found), RunMode.RUN)):
        assert {key: config[key] for key in OUTSIDE} == OUTSIDE


def test_grid_of_the_files_begins_with_what_is_configured(loader: ConfigLoader) -> None:
    """Configured values come first, within the grid or not; what is more than the limit is no grid."""
    space = read(loader, params={"n": "choice(1,3)", "x": "choice(1,2)"})
    assert space.grid(4) == [{"n": n, "x": x} for n, x in ("31", "11", "12", "32")]
    space = read(loader, params={"n": "choice(1,2)"})
    assert space.grid(3) == [{"n": "3"}, {"n": "1"}, {"n": "2"}]
    assert space.grid(2) is None
    assert read(loader, params={"+new": "choice(1,2)"}).grid(3) == [{"+new": "1"}, {"+new": "2"}]


@pytest.mark.usefixtures("joint_search")
@pytest.mark.parametrize("loader", [REPOSITORY / "conf"], indirect=True)
@pytest.mark.parametrize("recipes", ["quick,best_minute", "best_minute,quick"])
def test_each_recipe_sweeps_its_own_options(loader: ConfigLoader, recipes: str) -> None:
    """A recipe that sweeps models beside one that doesn't, in either order: each is searched as it is written."""
    space, study = read(loader, f"experiment={recipes}"), optuna.create_study()
    first = {params["experiment"]: params for params in reversed(space.first())}
    assert "model" not in first["quick"]
    assert first["best_minute"]["model"] == "lightgbm"
    for params in first.values():
        study.enqueue_trial(params)
        assert space.suggest(study.ask()).items() >= params.items()
        expected = loader.load_configuration("config", space.overrides(params), RunMode.RUN)
        assert space.compose(params).model == expected.model
        assert space.compose(params).features == expected.features


def test_first_trials_name_keys_that_exist(loader: ConfigLoader) -> None:
    """A word misspelt isn't passed over."""
    with pytest.raises(SweepError, match=r"hydra\.sweeper\.first: y is no key of the configuration\."):
        read(loader, params={"x": "interval(0,2)"}, first=[{"y": 1}]).first()


@pytest.mark.parametrize("loader", [REPOSITORY / "conf"], indirect=True)
def test_branches_take_turns_at_the_first_trials(loader: ConfigLoader) -> None:
    """Each model's configured values come before the second setting of any."""
    models = [params["model"] for params in read(loader, "model=xgboost,random_forest,catboost").first()]
    last = ["xgboost", "catboost", "xgboost", "catboost", "xgboost", "catboost", "catboost"]
    assert models == ["xgboost", "random_forest", "catboost", *last]


@pytest.mark.parametrize("loader", [REPOSITORY / "conf"], indirect=True)
def test_each_model_brings_its_own_space(loader: ConfigLoader) -> None:
    """With several models, the study holds each one's parameters apart, and a trial has those of its model only."""
    space = read(loader, "model=random_forest,xgboost", "seed=7")
    assert space.groups == ("model",)
    assert {"model", "random_forest.max_depth", "xgboost.max_depth", "xgboost.learning_rate"} <= set(space.names)
    assert "random_forest.learning_rate" not in space.names
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(8):
        trial = study.ask()
        overrides = space.overrides(space.suggest(trial))
        model = trial.params["model"]
        assert overrides[:2] == [f"model={model}", "seed=7"]
        assert {name.partition(".")[0] for name in trial.params} == {"model", model}
        expected = loader.load_configuration("config", overrides, RunMode.RUN)
        assert space.compose(trial.params).model == expected.model
        assert space.choices(trial.params) == {"model": model}


@pytest.mark.parametrize("loader", [REPOSITORY / "conf"], indirect=True)
@pytest.mark.parametrize("model", sorted(file.stem for file in (REPOSITORY / "conf" / "model").glob("*.yaml")))
def test_every_model_has_a_space_that_holds_its_defaults(loader: ConfigLoader, model: str) -> None:
    """A sweep begins with the configured model, so that it never ends below a single run, and with those after it."""
    space = read(loader, f"model={model}")
    assert len(space.names) >= 4
    for number, params in enumerate(space.first()):
        assert set(params) == set(space.names), f"first trial {number} leaves the space"
    assert (REPOSITORY / "conf" / "search" / f"{model}.yaml").is_file()
