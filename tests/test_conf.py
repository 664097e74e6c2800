"""conf/: every option composes, is documented, and every key is used."""

import inspect
import re
from pathlib import Path

import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig

from champion.base.home import home
from champion.data import load
from hydra_plugins.champion_sweeper.sweeper import DEFAULTS
from tests.conftest import REPOSITORY

CONF = REPOSITORY / "conf"
OPTIONS = [
    f"{file.parent.relative_to(CONF)}={file.stem}" for file in sorted(CONF.rglob("*.yaml")) if "hydra" not in file.parts
][1:]
GROUPS = [option for option in OPTIONS if not option.startswith(".=")]


def composed(*overrides: str) -> DictConfig:
    """Compose the config as train.py does."""
    home()
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose("config", overrides=list(overrides))


@pytest.mark.parametrize("option", GROUPS)
def test_every_option_composes(option: str) -> None:
    """Each file of each group is a choice that Hydra accepts."""
    assert composed(option)


@pytest.mark.parametrize("file", sorted(CONF.rglob("*.yaml")), ids=lambda file: str(file.relative_to(CONF)))
def test_every_file_says_what_it_is(file: Path) -> None:
    """The first line is a comment: what choosing the file means (a recipe: Hydra's package, then its command)."""
    first, second = file.read_text().splitlines()[:2]
    assert first.startswith("# ")
    if file.parent.name == "experiment":
        assert first == "# @package _global_"
        assert second.replace(" -m", "") == f"# python src/train.py experiment={file.stem}"


def test_seed_reaches_every_model() -> None:
    """One seed decides everything random."""
    for file in (CONF / "model").glob("*.yaml"):
        assert composed(f"model={file.stem}", "seed=7").model.random_state == 7


@pytest.mark.parametrize("data", ["california_housing", "csv"])
def test_datasets_have_the_same_keys(data: str) -> None:
    """A dataset of one's own has the keys that a table is read by."""
    keys = set(inspect.signature(load).parameters) - {"task"}
    assert set(composed(f"data={data}").data) == keys


def test_every_setting_of_a_sweep_is_there_and_explained() -> None:
    """conf/hydra/sweeper/study.yaml names all that the sweeper takes, each with a comment."""
    text = (CONF / "hydra" / "sweeper" / "study.yaml").read_text()
    settings = yaml.safe_load(text)
    assert set(settings) - {"defaults", "_target_", "_recursive_"} | {"sampler"} == set(DEFAULTS)
    lines = [line for line in text.splitlines() if re.match(r"[a-z]", line) and not line.startswith("defaults:")]
    assert all("  # " in line for line in lines)


def test_every_key_of_the_table_of_contents_is_explained() -> None:
    """Each key of conf/config.yaml, those of its sections included, has its comment."""
    lines = (CONF / "config.yaml").read_text().partition("\nseed:")[2].partition("\nhydra:")[0].splitlines()
    assert all("  # " in line for line in lines if line)
    assert sum(line.startswith("  ") for line in lines) == len(composed().final) + len(composed().team) == 7


def test_files_for_a_package_say_what_they_are_in_the_second_line() -> None:
    """Where the first line is Hydra's package, the second one is the explanation."""
    for file in CONF.rglob("*.yaml"):
        first, second = file.read_text().splitlines()[:2]
        assert not first.startswith("# @package") or second.startswith("# ")
