"""Hydra's door to the study: what `-m` does. Light, since Hydra imports it at every start."""

import time
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict

from hydra_plugins.champion_sweeper import as_typed
from hydra_plugins.champion_sweeper._errors import SweepError, did_you_mean

BEGAN = time.time()  # of the command, almost: what came before is Python's and Hydra's own start
DEFAULTS: dict[str, Any] = {
    "n_trials": 30,  # in all, also when a study goes on; None: no end but the timeout
    "timeout": None,  # seconds of the whole command; the search ends in time for the last job
    "patience": None,  # trials, or seconds as in 90s, without a gain of min_gain, after which the search ends
    "min_gain": 0.001,  # share of the best value by which a better one must differ to be a gain
    "workers": 1,  # trials at a time: local processes with Hydra's basic launcher, else jobs of its launcher
    "imports": [],  # modules that jobs import: done once for all workers of this machine
    "direction": "minimize",  # or maximize; a list where the job returns several numbers
    "params": {},  # the space, in Hydra's sweep grammar, where the command line sweeps no value
    "first": [],  # trials before the sampler chooses: the configured values, changed as each mapping says
    "learn_from": [],  # studies that have ended, by name or folder: their best trials come next, where they fit
    "study_name": "${now:%Y-%m-%d}/${now:%H-%M-%S-%f}",  # one that exists goes on
    "storage": "${hydra.sweep.dir}/study.journal",  # a file, or a database's URL
    "reserved": [],  # databases of something else, where no study may be kept
    "grace_period": 60,  # seconds without a heartbeat after which a worker is dead, in a database server
    "again": None,  # how the best trials run again to be told apart: share, times, timeout, choose, key
    "sampler": None,  # an Optuna sampler to instantiate; its seed is that of the whole study
    "pruner": None,  # an Optuna pruner to instantiate; None: no trial is pruned
    "incomparable": [],  # keys across which trials' values can't be compared: where they differ, none is pruned
    "max_failure_rate": 0.5,  # share of the trials that may fail before the sweep gives up
    "may_change": [],  # keys of the configuration that may differ when a study goes on
    "last_job": False,  # run the best overrides once more, as an ordinary job, when the search has ended
    "last_job_overrides": [],  # what it is given beside them
    "context": None,  # a context manager, made with the study and its folder, that is held open meanwhile
}
NAMES = ("study_name", "storage")
INSTANTIATED = ("_target_", "_recursive_", "_convert_")  # Hydra's own


class StudySweeper(Sweeper):
    """Search with an Optuna study, on workers that never wait for each other."""

    def __init__(self, **_: Any) -> None:
        """Take the settings, which all processes read from `hydra.sweeper`."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Remember what Hydra hands over, with the defaults of the settings that it lacks.

        Raises SweepError for a setting that there isn't, or a name that is none.
        """
        self.context, self.task, self.composed = hydra_context, task_function, config
        settings = config.hydra.sweeper
        if unknown := [name for name in settings if name not in (*DEFAULTS, *INSTANTIATED)]:
            raise SweepError(
                f"hydra.sweeper.{unknown[0]} is not a setting of a sweep.{did_you_mean(unknown[0], DEFAULTS)}"
            )
        with open_dict(settings):
            for name, default in DEFAULTS.items():
                settings.setdefault(name, default)
            for name in NAMES:
                _read_name(config, name)

    def sweep(self, arguments: list[str]) -> None:
        """Search the space of these overrides."""
        from hydra_plugins.champion_sweeper import _launch

        _launch.get_ready(self.composed)
        from hydra_plugins.champion_sweeper._sweep import sweep  # Optuna takes half a second

        sweep(arguments, task=self.task, hydra_context=self.context, config=self.composed, began=BEGAN)


def _read_name(config: DictConfig, name: str) -> None:
    """Make a setting the text that it is meant to be, for this process and for all jobs that are composed from here."""
    key, value = f"hydra.sweeper.{name}", OmegaConf.to_container(config.hydra.sweeper)[name]  # type: ignore[index,call-overload]
    if isinstance(value, str) and value.strip():
        return
    if isinstance(value, str) or not isinstance(value, int | float | None):
        raise SweepError(f"{key} must be text, or null for the default, but got {value!r}.")
    overrides = config.hydra.overrides.hydra
    text = DEFAULTS[name] if value is None else as_typed(key, value, OmegaConf.to_container(overrides))  # type: ignore[arg-type]
    config.hydra.sweeper[name] = text
    overrides.append(f"{key}='{text}'")


ConfigStore.instance().store(
    group="hydra/sweeper",
    name="champion",
    package="hydra",
    provider="champion_sweeper",
    node={
        "sweep": {"dir": "multirun/${hydra.sweeper.study_name}"},
        "sweeper": {"_target_": f"{__name__}.StudySweeper", "_recursive_": False, **DEFAULTS},
    },
)
