"""champion_sweeper/_again.py: rivals meet on other folds before one is chosen, as any Hydra app meets it."""

import re
import signal
from pathlib import Path
from statistics import fmean

import optuna
import pytest
import yaml
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial

from tests.sweeper.test_sweeper import start, sweep, trials, wait_until_gone

AGAIN = "hydra.sweeper.again={share: 0.3, times: 2, timeout: 0, choose: best, key: repeat}"
NOISY = ("x=interval(0,1)", "n=0", "steps=5", "noise=0.05", "hydra.sweeper.n_trials=12", "hydra.sweeper.study_name=toy")


def shown(trial: FrozenTrial) -> list[float]:
    """Return what a trial has reported."""
    return list(trial.intermediate_values.values())


@pytest.fixture(scope="module")
def rivals(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Search where noise is larger than what the best trials differ by."""
    folder = tmp_path_factory.mktemp("rivals")
    done = sweep(folder, *NOISY, AGAIN, "hydra.sweeper.workers=2", "hydra.sweeper.last_job=true")
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


def repeats(folder: Path) -> dict[int, list[float]]:
    """Return what each trial that was run again has reported, in the order of the repetitions."""
    kept = sorted(trials_again(folder), key=lambda one: one.params["repeat"])
    found: dict[int, list[float]] = {}
    for one in kept:
        found.setdefault(one.params["trial"], []).extend(shown(one))
    return found


def trials_again(folder: Path) -> list[FrozenTrial]:
    """Return the repetitions."""
    storage = JournalStorage(JournalFileBackend(str(folder / "multirun" / "toy" / "study.journal")))
    return optuna.load_study(study_name="toy, again", storage=storage).trials


def test_best_are_run_again_and_chosen_by_all_folds(rivals: tuple[Path, str]) -> None:
    """A third of the trials at most, twice each on other noise; the lowest mean of all their folds is chosen."""
    folder, out = rivals
    first, again = trials(folder), repeats(folder)
    assert 2 <= len(again) <= 3
    best = sorted(first, key=lambda one: one.value or 0)[: len(again)]
    assert set(again) <= {one.number for one in sorted(first, key=lambda one: one.value or 0)[:3]} | {best[0].number}
    assert all(len(values) == 10 for values in again.values())
    means = {number: fmean([*shown(first[number]), *values]) for number, values in again.items()}
    chosen = min(means, key=lambda number: means[number])
    results = yaml.safe_load((folder / "multirun" / "toy" / "optimization_results.yaml").read_text())
    assert results["best_trial"] == chosen
    assert results["best_overrides"][0] == f"x={first[chosen].params['x']}"
    assert re.search(rf"^choice    trial {chosen} is chosen by all folds, and worth ", out, flags=re.MULTILINE)
    last = (folder / "multirun" / "toy" / "best" / ".hydra" / "overrides.yaml").read_text()
    assert f"x={first[chosen].params['x']}" in last
    assert "repeat=" not in last


def test_repetitions_have_folders_of_their_own(rivals: tuple[Path, str]) -> None:
    """They lie beside the trials, and say in their overrides what is other."""
    folder = rivals[0] / "multirun" / "toy"
    for one in trials_again(rivals[0]):
        own = folder / "again" / f"{one.params['trial']}-{one.params['repeat']}"
        assert f"repeat={one.params['repeat']}" in yaml.safe_load((own / ".hydra" / "overrides.yaml").read_text())
    assert sorted(int(one.name) for one in folder.iterdir() if one.name.isdecimal()) == list(range(12))


def test_same_command_again_runs_nothing_again(rivals: tuple[Path, str]) -> None:
    """All that is known stays known: no trial, and no repetition, is run twice."""
    folder, before = rivals
    done = sweep(folder, *NOISY, AGAIN)
    assert done.returncode == 0, done.stderr
    assert len(trials(folder)) == 12
    assert "x=" not in re.sub(r"^(best|choice).*$", "", done.stdout.partition("score")[0], flags=re.MULTILINE)
    said = [line for line in before.splitlines() if "is chosen by all folds" in line]
    assert said == [line for line in done.stdout.splitlines() if "is chosen by all folds" in line]


def test_stopped_repetitions_go_on(tmp_path: Path) -> None:
    """Ctrl-C while trials run again costs none that is done, and the same command goes on."""
    slow = ("seconds=0.7", AGAIN, *NOISY)
    process = start(tmp_path, *slow)
    assert process.stdout
    for line in process.stdout:
        if line.startswith("again 0"):
            break
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Go on with" in said
    wait_until_gone(tmp_path)
    done = sweep(tmp_path, *slow)
    assert done.returncode == 0, done.stderr
    assert "is chosen by all folds" in done.stdout
    assert len(trials(tmp_path)) == 12


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("{share: 2, times: 1, timeout: 0, choose: best, key: repeat}", "again.share must be a share from 0 to 1"),
        ("{share: 0.1, times: 0, timeout: 0, choose: best, key: repeat}", "again.times must be a whole number from 1"),
        ("{share: 0.1, times: 1, timeout: 1, choose: best, key: repeat}", "again.timeout must be a share from 0 to be"),
        ("{share: 0.1, times: 1, timeout: 0, choose: any, key: repeat}", "again.choose must be best or fastest, but"),
        ("{share: 0.1}", "hydra.sweeper.again must be null or have share, times, timeout, choose, key, but got"),
        ("3", "hydra.sweeper.again must be null or have"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, given: str, says: str) -> None:
    """One line that names the key."""
    done = sweep(tmp_path, "n=1,2", f"hydra.sweeper.again={given}")
    assert done.returncode == 1
    assert says in done.stderr
