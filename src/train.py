"""Train what the config describes: one configuration in, one number out.

`python src/train.py --help` lists the groups; conf/config.yaml is the table of contents.
"""

import sys
from contextlib import chdir, nullcontext

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from champion.base import resolvers
from champion.base.home import home
from champion.base.startup import importing
from champion.cli.complaint import one_line_errors
from champion.job import settings, study
from hydra_plugins.champion_sweeper import goes_on_unheard


@hydra.main(version_base="1.3", config_path="../conf", config_name="config")
def main(cfg: DictConfig) -> float:
    """Run one job: a user's mistake ends a single run with one line, and a sweep hears of it as an exception."""
    job = HydraConfig.get()
    # Paths, given and shown, are those of the shell, also where hydra.job.chdir=true makes others for what is fitted.
    shell = chdir(job.runtime.cwd if job.job.chdir else ".")
    with one_line_errors() if job.mode is RunMode.RUN else nullcontext(), shell:
        with importing():  # here because it takes seconds, and --help and --cfg do without
            told = settings.read(cfg, job)
            from champion.job import stories

        if study.is_running():
            return stories.trial(told).value
        return (stories.last_job if told.judgement.sweep else stories.run)(told).value


home()  # conf/ needs CHAMPION_HOME
resolvers.register()

if __name__ == "__main__":
    if "hydra/sweeper=basic" in sys.argv:  # Hydra's own has no place for what a study tries of the model
        sys.argv.append("~search")
    with one_line_errors(), goes_on_unheard():
        main()
