"""A Hydra app that knows nothing of machine learning: it behaves as it is told, and returns a number."""

import errno
import os
import random
import sys
import time
from pathlib import Path
from statistics import fmean

import hydra
from omegaconf import DictConfig

from hydra_plugins.champion_sweeper import Outage, report, waits


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(cfg: DictConfig) -> object:
    """Return how far x is from 0.3, plus n."""
    print(f"a job with x={cfg.x}")
    if cfg.needs and not Path(cfg.needs).exists():
        waits("the file is away", until=time.time() + 2)
        time.sleep(2)
        raise Outage("the file is away, and was waited for.")
    time.sleep(pause := cfg.seconds / (cfg.steps + 1))
    value = (float(cfg.x) - 0.3) ** 2 + float(cfg.n)
    chance = random.Random(f"{cfg.x} {cfg.n} {cfg.repeat}")  # noqa: S311
    shown = [value + cfg.noise * chance.gauss(0, 1) for _ in range(cfg.steps)]
    for step, seen in enumerate(shown, 1):
        report(seen, step)
        time.sleep(pause)
    value = fmean(shown) if cfg.noise else value
    if cfg.behave == "raise":
        raise ValueError("the job's own reason")
    if cfg.behave in errno.errorcode.values():
        raise OSError(number := getattr(errno, cfg.behave), os.strerror(number))
    if cfg.behave == "exit":
        sys.exit("the job leaves")
    wrong = {"not_a_number": float("nan"), "none": None, "text": "many"}
    return (value, float(cfg.n)) if cfg.two else wrong.get(cfg.behave, value)


if __name__ == "__main__":
    main()
