"""Hydra's door to Ray: what `hydra/launcher=ray` does. Light, since Hydra imports it at every start.

Its settings are those of hydra-ray-launcher, whose place it takes: that one asks for a cloudpickle older than joblib's.
"""

import logging
import os
import socket
from collections.abc import Mapping, Sequence
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, run_job, setup_globals
from hydra.errors import HydraException
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict


class RayLauncher(Launcher):
    """Run each job as a task on the nodes of a Ray cluster that is there: Ray's own ports are open to its network.

    A task whose process or node dies is run again by Ray elsewhere, as often as `max_retries` says.
    """

    def __init__(self, ray: DictConfig) -> None:
        """Take the arguments of `ray.init` and `ray.remote`."""
        self.settings = ray

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Remember what Hydra hands over."""
        self.hydra_context, self.task, self.config = hydra_context, task_function, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run a job for each list of overrides, and return how they ended when all have.

        Raises HydraException where Ray isn't installed, or there is no cluster.
        """
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nobody is told what runs here
        try:
            import ray
        except ImportError as error:
            raise HydraException("hydra/launcher=ray needs Ray. `pip install -e '.[ray]'` installs it.") from error

        setup_globals()
        init, options = _plain(self.settings.init), _plain(self.settings.remote)
        if not ray.is_initialized():
            try:
                _ask(init["address"])
                ray.init(**{"logging_level": logging.WARNING} | init)
            except (OSError, ValueError) as error:
                where = f"hydra.launcher.ray.init.address={init['address']}"
                remedy = (
                    "`ray start --head` starts one; for workers on this machine alone leave hydra/launcher as it is."
                )
                raise HydraException(f"There is no Ray cluster at {where}. {remedy}") from error
        run = ray.remote(**options)(_run) if options else ray.remote(_run)
        configs = [self._config(overrides, initial_job_idx + number) for number, overrides in enumerate(job_overrides)]
        tasks = [run.remote(self.hydra_context, config, self.task, Singleton.get_state()) for config in configs]
        ray.wait(tasks, num_returns=len(tasks))  # one that fails doesn't leave the others alone
        return list(ray.get(tasks))

    def _config(self, overrides: Sequence[str], number: int) -> DictConfig:
        config = self.hydra_context.config_loader.load_sweep_config(self.config, list(overrides))
        with open_dict(config):
            config.hydra.job.id, config.hydra.job.num = f"ray-{number}", number
        return config


def _ask(address: str) -> None:
    """Raise OSError where nobody answers, which Ray itself finds out in minutes."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host, int(port)), timeout=5).close()


def _run(context: HydraContext, config: DictConfig, task: TaskFunction, state: Mapping[Any, Any]) -> JobReturn:
    """Run one job where Ray has put it, in the directory of the command, which is made on a node that lacks it."""
    os.environ.update(_plain(config.hydra.job.env_set))  # the names of folders may need it
    os.makedirs(config.hydra.runtime.cwd, exist_ok=True)
    os.chdir(config.hydra.runtime.cwd)
    setup_globals()
    Singleton.set_state(state)
    return run_job(task, config, "hydra.sweep.dir", "hydra.sweep.subdir", context)


def _plain(settings: DictConfig) -> dict[str, Any]:
    return {str(key): value for key, value in OmegaConf.to_container(settings, resolve=True).items()}  # type: ignore[union-attr]


ConfigStore.instance().store(
    group="hydra/launcher",
    name="ray",
    provider="champion_ray_launcher",
    node={
        "_target_": f"{__name__}.RayLauncher",
        "ray": {
            "init": {"address": "auto"},  # of the cluster that this machine belongs to; and all that ray.init takes
            "remote": {"num_cpus": 1},  # what a job needs; and all that ray.remote takes
        },
    },
)
