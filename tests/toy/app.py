"""A Hydra app that knows nothing of machine learning: it behaves as it is told, and returns a number."""

import sys
import time

import hydra
from omegaconf import DictConfig

from hydra_plugins.champion_sweeper import report


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(cfg: DictConfig) -> object:
    """Return how far x is from 0.3, plus n."""
    print(f"a job with x={cfg.x}")
    time.sleep(cfg.seconds)
    value = (float(cfg.x) - 0.3) ** 2 + float(cfg.n)
    for step in range(1, cfg.steps + 1):
        report(value, step)
    if cfg.behave == "raise":
        raise ValueError("the job's own reason")
    if cfg.behave == "exit":
        sys.exit("the job leaves")
    wrong = {"not_a_number": float("nan"), "none": None, "text": "many"}
    return (value, float(cfg.n)) if cfg.two else wrong.get(cfg.behave, value)


if __name__ == "__main__":
    main()
