"""Reads the configuration, once and whole: what comes after it knows neither Hydra nor conf/, but the records here."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from hydra import compose, initialize_config_dir
from hydra.conf import HydraConf
from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf, open_dict

from champion.base import invocation
from champion.base.errors import ChampionError, ConfigError
from champion.base.home import CONF, home, shown
from champion.base.resolvers import is_lacking, register
from champion.base.words import did_you_mean
from champion.cli.complaint import RECIPES, is_answer, one_line, unpackaged
from champion.job import study
from champion.learning import cores

if TYPE_CHECKING:  # which take seconds, and a mistake needs none of them
    from sklearn.base import BaseEstimator
    from sklearn.compose import ColumnTransformer

    from champion.data import Dataset
    from champion.data.task import Task
    from champion.promotion import Rule

SPLIT = ("seed", "test_size", "n_splits", "repeat")
NO_OPTIONS = ("_target_", "random_state")  # of a model or of features: what no run differs in


@dataclass(frozen=True, eq=False)
class Data:
    """What to learn from: the arguments of data.load, the task if it is said, the recipe of features, and the split."""

    table: Mapping[str, Any]
    task: str | None
    features: "Callable[[Dataset], ColumnTransformer]"
    recipe: Mapping[str, Any]
    split: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Model:
    """What to learn with: an estimator's class and arguments; `cores` tells how many there are for it (None: all)."""

    options: Mapping[str, Any]
    cores: Callable[[], int | None]
    folder: str  # in which it is fitted, and may leave files


@dataclass(frozen=True, eq=False)
class Judgement:
    """How to judge: the metric that runs are compared by (None: the task's own), the final, the team to be tried."""

    objective: str | None
    rule: "Rule"
    promote: bool
    team_size: int
    sweep: Path | None  # whose last job this is


@dataclass(frozen=True, eq=False)
class Keeping:
    """Where to keep: MLflow's address and names (None: after the data), the folder of files, and what says how it came.

    `config` returns the whole configuration as YAML, with the names of experiment and registered model.
    """

    uri: str
    artifacts: str | None
    patience: float
    experiment_name: object
    registered_model: object
    run_name: object
    folder: Path
    choices: Mapping[str, str]  # of model, data and features
    places: Sequence[str]  # where else options are
    overrides: Sequence[str]
    config: Callable[[str, str], str]

    @property
    def command(self) -> str:
        """What was typed."""
        return invocation.typed([*self.places, *self.overrides])


@dataclass(frozen=True, eq=False)
class Settings:
    """All that a run, a trial or a last job is told."""

    data: Data
    model: Model
    judgement: Judgement
    keeping: Keeping


def compose_run(*overrides: str) -> Settings:
    """Return what a run with these overrides is told, where no command composes it; its folder is made."""
    with _composed(*overrides) as cfg:
        hydra = cfg.hydra
        with open_dict(cfg):
            hydra.runtime.output_dir = hydra.run.dir
            HydraConfig.instance().set_config(cfg)
            del cfg["hydra"]
        Path(hydra.runtime.output_dir).mkdir(parents=True, exist_ok=True)
        return read(cfg, hydra)


def compose_data(path: str, target: str, *, features: str, options: Mapping[str, Any]) -> Data:
    """Return what data=csv and an option of `features` say, with other values of their keys; raise ConfigError else."""
    with _composed("data=csv", f"features={features}") as cfg:
        own = {**dict.fromkeys(map(str, cfg.data), cfg.data), **dict.fromkeys(("task", *SPLIT), cfg)}
        for key, value in {**options, "path": path, "target": target}.items():
            if key not in own or (key in options and key in ("path", "target")):
                known = sorted(own.keys() - {"path", "target"})
                raise ConfigError(f"{key} is not an option.{did_you_mean(key, known)} Options: {', '.join(known)}.")
            own[key][key] = value
        return data(cfg)


@contextmanager
def _composed(*overrides: str) -> Iterator[DictConfig]:
    home()  # conf/ needs CHAMPION_HOME
    register()
    if wrong := [one for one in overrides if not isinstance(one, str) or one.startswith("-")]:
        raise ConfigError(f"overrides are given one by one, as in 'model=xgboost', 'seed=7', but got {wrong[0]!r}.")
    with initialize_config_dir(str(CONF), version_base="1.3"):
        try:
            yield compose("config", list(overrides), return_hydra_config=True)
        except Exception as error:  # what Hydra refuses, as a command says it
            if isinstance(error, ChampionError) or not is_answer(error):
                raise
            raise ConfigError(one_line(error)) from error


def read(cfg: DictConfig, hydra: HydraConf) -> Settings:
    """Return what the configuration says; raise ConfigError, naming the key, for what can't be meant."""
    check_recipe(cfg.get(RECIPES), hydra.runtime.choices.get(RECIPES))
    sweep = None if cfg.team.sweep is None else Path(str(cfg.team.sweep))
    is_sweep = sweep is None or (sweep / "multirun.yaml").is_file()
    for key, allowed, rule in (
        ("promote", isinstance(cfg.promote, bool), "true or false"),
        ("team.sweep", is_sweep, "the folder of a sweep, as in multirun/prices"),
        ("team.size", type(cfg.team.size) is int and cfg.team.size > 0, "a whole number from 1"),
    ):
        if not allowed:
            raise ConfigError(f"{key} must be {rule}, but got {OmegaConf.select(cfg, key)!r}.")

    def own() -> int | None:
        return cores.share(cfg.threads, workers=study.sharing(hydra.sweeper.get("workers", 1)))

    cores.get_ready(str(cfg.model.get("_target_")), searched=study.is_running(), cores=own())
    from champion.promotion import read_rule  # takes seconds, as what data needs does

    judgement = Judgement(cfg.objective, read_rule(cfg.final), cfg.promote, cfg.team.size, sweep)
    table = data(cfg)  # whose seed is the others', too
    model = Model(plain(cfg.model), own, str(hydra.runtime.output_dir) if hydra.job.chdir else ".")
    return Settings(table, model, judgement, _keeping(cfg, hydra))


def data(cfg: DictConfig) -> Data:
    """Return what to learn from, of a configuration or of params.yaml."""
    split = {key: cfg[key] for key in SPLIT}
    features = instantiate(cfg.features, _partial_=True)
    return Data(plain(cfg.data, whole=True), cfg.task, features, plain(cfg.features), split)


def _keeping(cfg: DictConfig, hydra: HydraConf) -> Keeping:
    typed = [one.path for one in hydra.runtime.config_sources if one.provider == "command-line"]  # by --config-dir
    return Keeping(
        **{key: cfg.tracking[key] for key in ("uri", "artifacts", "patience")},
        **{key: cfg[key] for key in ("experiment_name", "registered_model", "run_name")},
        folder=Path(hydra.runtime.output_dir),
        choices={group: hydra.runtime.choices[group] for group in ("model", "data", "features")},
        places=[f"--config-dir={shown(Path(path))}" for path in typed],
        overrides=cast(list[str], OmegaConf.to_container(hydra.overrides.task)),
        config=partial(_as_yaml, cfg),
    )


def check_recipe(landed: Mapping[str, Any] | None, chosen: str | None) -> None:
    """Raise ConfigError where values of the recipe that is `chosen` (None: several) have `landed` below the group."""
    if landed is not None:
        raise ConfigError(unpackaged(chosen or "*"))


def estimator(options: Mapping[str, Any], task: "Task") -> "BaseEstimator":
    """Return the estimator of a model's configuration, for the task at hand."""
    from champion.learning import learner

    library = options["_target_"].partition(".")[0]
    if is_lacking(library):
        raise ConfigError(f"model needs {library}, which isn't installed. `pip install -e '.[{library}]'` installs it.")
    section = OmegaConf.create({"model": {**options, "_target_": learner.class_for(task, options["_target_"])}})
    return learner.for_task(task, instantiate(section.model))  # an error then names the key


def params(settings: Settings, task: "Task") -> dict[str, Any]:
    """Return what distinguishes runs, flat and under the names that the command line uses."""
    options = {**settings.data.recipe, **settings.model.options}
    own = {key: value for key, value in options.items() if key not in NO_OPTIONS}
    split = {key: value for key, value in settings.data.split.items() if value or key != "repeat"}
    return {**settings.keeping.choices, "task": task.name, **own, **split}


def plain(group: DictConfig, *, whole: bool = False) -> dict[str, Any]:
    """Return a section of the configuration as it resolves, which must be `whole` or may lack what is to be given."""
    resolved = cast(dict[str, Any], OmegaConf.to_container(group, resolve=True, throw_on_missing=whole))
    return {str(key): value for key, value in resolved.items()}


def _as_yaml(cfg: DictConfig, experiment_name: str, registered_model: str) -> str:
    cfg.experiment_name, cfg.registered_model = experiment_name, registered_model
    return OmegaConf.to_yaml(cfg, resolve=True)
