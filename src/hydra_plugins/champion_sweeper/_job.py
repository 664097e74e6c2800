"""Decides how one job is run: as Hydra's launchers do it, but handing on what it returns or raises."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import configure_log, run_job
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict

from hydra_plugins.champion_sweeper._output import forgiven

CONSOLE = "console.txt"  # in a trial's folder: what it printed


def run(
    task: TaskFunction, config: DictConfig, *, number: int, hydra_context: HydraContext, quiet: bool = False
) -> Any:
    """Run the job of this configuration; return what `task` returns, raise what it raises.

    A `quiet` job prints into a file in its folder.
    """
    with open_dict(config):
        config.hydra.job.id = config.hydra.job.num = number
    current = HydraConfig.instance()
    before = current.cfg
    current.cfg = config  # type: ignore[assignment]  # `${hydra:…}` is about it, as in a job; Hydra makes a copy
    try:
        folder = Path(str(config.hydra.sweep.dir), str(config.hydra.sweep.subdir))
    finally:
        current.cfg = before
    outcome: list[Any] = []

    def recorded(cfg: DictConfig) -> Any:
        try:
            outcome.append(task(cfg))
        except Exception as error:  # handed on, where Hydra would print it and exit
            outcome.append(error)
            raise
        return outcome[0]

    try:
        with _printing_into(folder / CONSOLE) if quiet else nullcontext():
            run_job(recorded, config, "hydra.sweep.dir", "hydra.sweep.subdir", hydra_context)
    finally:  # also where it is told to stop: its console is closed
        configure_log(config.hydra.hydra_logging, config.hydra.verbose)
    if isinstance(outcome[0], Exception):
        raise outcome[0]
    return outcome[0]


@contextmanager
def _printing_into(file: Path) -> Iterator[None]:
    file.parent.mkdir(parents=True, exist_ok=True)
    with (
        file.open("w", encoding="utf-8") as kept,
        forgiven(kept) as (words, _),
        redirect_stdout(words),
        redirect_stderr(words),
    ):
        yield
