"""conf/: every option composes, is documented, and every key is used."""

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig

from champion.home import home
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
        assert (first, second) == ("# @package _global_", f"# python src/train.py experiment={file.stem}")


def test_seed_reaches_every_model() -> None:
    """One seed decides everything random."""
    for file in (CONF / "model").glob("*.yaml"):
        assert composed(f"model={file.stem}", "seed=7").model.random_state == 7


@pytest.mark.parametrize("data", ["california_housing", "csv"])
def test_datasets_have_the_same_keys(data: str) -> None:
    """A dataset of one's own is a copy of one of these files."""
    assert set(composed(f"data={data}").data) == {"name", "path", "target", "unit", "drop"}
