"""champion_sweeper/_learned.py: a search begins with what earlier ones have found."""

import shutil
from pathlib import Path

import pytest

from tests.sweeper.test_sweeper import sweep, trials

NEXT = ("hydra.sweeper.n_trials=8", "hydra.sweeper.study_name=next")


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Search, and leave the study."""
    folder = tmp_path_factory.mktemp("before")
    done = sweep(folder, "x=interval(0,1)", "n=1,2", "hydra.sweeper.n_trials=12", "hydra.sweeper.study_name=toy")
    assert done.returncode == 0, done.stderr
    return folder


def test_best_trials_of_before_come_first(before: Path, tmp_path: Path) -> None:
    """By the name of the study or by its folder: after the configured values, the best distinct trials in order."""
    best = [one.params for one in sorted(trials(before), key=lambda one: one.value or 0)]
    for named in ("toy", f"{tmp_path}/multirun/toy"):
        shutil.rmtree(tmp_path / "multirun", ignore_errors=True)
        shutil.copytree(before / "multirun" / "toy", tmp_path / "multirun" / "toy")
        done = sweep(tmp_path, "x=interval(0,1)", "n=1,2", f"hydra.sweeper.learn_from={named}", *NEXT)
        assert done.returncode == 0, done.stderr
        found = [one.params for one in trials(tmp_path, "next")]
        assert found[1:8] == best[:7] or found[:8] == best[:8]


def test_only_what_fits_is_learned(before: Path, tmp_path: Path) -> None:
    """A narrower space takes what lies in it, and another one says that nothing fits."""
    shutil.copytree(before / "multirun", tmp_path / "multirun")
    narrow = "x=interval(0,0.5)"
    done = sweep(tmp_path, narrow, "n=1,2", "hydra.sweeper.learn_from=[toy]", *NEXT)
    assert done.returncode == 0, done.stderr
    ranked = sorted(trials(before), key=lambda one: one.value or 0)[:10]
    fitting = [one.params for one in ranked if one.params["x"] <= 0.5]
    learned = [one.params for one in trials(tmp_path, "next")]
    assert all(params in learned for params in fitting[:6])
    other = sweep(tmp_path, "seconds=interval(0,0.01)", "hydra.sweeper.learn_from=toy", "hydra.sweeper.n_trials=2")
    assert other.returncode == 1
    assert "hydra.sweeper.learn_from: none of the best trials of 'toy' fits what is searched." in other.stderr


@pytest.mark.parametrize("name", ["nowhere", "toy"])
def test_study_must_be_there_and_have_ended(tmp_path: Path, name: str) -> None:
    """One line says which isn't."""
    (tmp_path / "multirun" / "toy").mkdir(parents=True)
    done = sweep(tmp_path, "x=interval(0,1)", f"hydra.sweeper.learn_from={name}", *NEXT)
    assert done.returncode == 1
    assert f"hydra.sweeper.learn_from: there is no study '{name}', neither as a folder nor by its name." in done.stderr
