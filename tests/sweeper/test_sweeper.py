"""The sweeper, as any Hydra app meets it: a toy app in processes of its own."""

import os
import pty
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

import optuna
import pytest
import requests
import yaml
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from hydra_plugins.champion_sweeper._store import Store
from hydra_plugins.champion_sweeper._study import close_lost, create
from tests import python
from tests.conftest import REPOSITORY, Home, free_port, wait_for

APP = REPOSITORY / "tests" / "toy" / "app.py"
TARGET = "hydra.sweeper.sampler._target_"
BRUTE_FORCE = "hydra.sweeper.sampler={_target_: optuna.samplers.BruteForceSampler}"
PRUNER = "+hydra.sweeper.pruner={_target_: optuna.pruners.MedianPruner, n_startup_trials: 1, n_warmup_steps: 1}"


def start(folder: Path, *arguments: str, **options: Any) -> subprocess.Popen[str]:
    """Start `python app.py -m` in a process group of its own."""
    return python.start(APP, "-m", *arguments, cwd=folder, start_new_session=True, **options)


def sweep(folder: Path, *arguments: str, cold: bool = False) -> subprocess.CompletedProcess[str]:
    """Run `python app.py -m` to its end."""
    return python.run(APP, "-m", *arguments, cwd=folder, start_new_session=True, timeout=120, cold=cold)


def trials(folder: Path, name: str = "toy") -> list[FrozenTrial]:
    """Return the trials of a study that was left in its folder."""
    storage = JournalStorage(JournalFileBackend(str(folder / "multirun" / name / "study.journal")))
    return optuna.load_study(study_name=name, storage=storage).trials


def finished(folder: Path) -> list[FrozenTrial]:
    """Return the trials that have finished so far, where there is a study yet."""
    if not (folder / "multirun" / "toy" / "study.journal").exists():
        return []
    try:
        return [trial for trial in trials(folder) if trial.state.is_finished()]
    except KeyError:
        return []


def wait_for_trials(folder: Path, number: int) -> None:
    """Return as soon as so many trials have finished."""
    deadline = time.monotonic() + 60
    while len(finished(folder)) < number:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def processes(folder: Path) -> list[int]:
    """Return the processes that work in this folder."""
    found = []
    for link in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if link.resolve() == folder.resolve():
                found.append(int(link.parent.name))
        except OSError:
            continue
    return found


def kill_all(folder: Path) -> None:
    """Kill every process in this folder at once, without warning, and wait until they are gone."""
    for process in processes(folder):
        os.kill(process, signal.SIGKILL)
    wait_until_gone(folder)


def wait_until_gone(folder: Path) -> None:
    """Return when no process works in this folder any more."""
    deadline = time.monotonic() + 10
    while left := processes(folder):
        assert time.monotonic() < deadline, left
        time.sleep(0.05)


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """Sweep a grid of six points on two workers."""
    folder = tmp_path_factory.mktemp("grid")
    arguments = ("n=1,2,3", "text=plain,'two words'", "hydra.sweeper.workers=2", "hydra.sweeper.study_name=toy")
    return folder, sweep(folder, *arguments, cold=True)


def test_grid_is_run_once_each_and_in_hydras_order(grid: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    """A discrete space no larger than n_trials is enumerated, the last argument fastest."""
    folder, done = grid
    assert done.returncode == 0, done.stderr
    params = [tuple(trial.params.values()) for trial in trials(folder)]
    assert params == [(n, text) for n in ("1", "2", "3") for text in ("plain", "'two words'")]
    assert {trial.state for trial in trials(folder)} == {TrialState.COMPLETE}


def test_each_trial_has_its_folder(grid: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    """As with Hydra's own sweepers: numbered folders with the configuration; what a job printed is kept there."""
    folder = grid[0] / "multirun" / "toy"
    for number in range(6):
        assert yaml.safe_load((folder / str(number) / ".hydra" / "config.yaml").read_text())["n"] == number // 2 + 1
        assert (folder / str(number) / "console.txt").read_text() == "a job with x=1.0\n"
    assert yaml.safe_load((folder / "5" / ".hydra" / "overrides.yaml").read_text()) == ["n=3", "text='two words'"]


def test_console_has_a_line_a_trial_and_the_leaders(grid: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    """In a log file, each trial is a line; the best come last, with the command that gives the best one again."""
    out = grid[1].stdout
    assert sorted(re.findall(r"^trial (\d)", out, flags=re.MULTILINE)) == list("012345")
    assert "a job with" not in out
    best = next(line for line in out.splitlines() if line.startswith("best"))
    assert best.endswith("n=1 text=plain")
    again = python.run(*shlex.split(best.removeprefix("best"))[1:], cwd=grid[0], check=True)
    assert again.stdout == "a job with x=1.0\n"


def test_results_are_left_in_the_folder(grid: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    """The best trial in YAML, under the names of Hydra's Optuna sweeper."""
    folder = grid[0] / "multirun" / "toy"
    results = yaml.safe_load((folder / "optimization_results.yaml").read_text())
    assert results["name"] == "optuna"
    assert (results["best_trial"], results["best_params"]) == (0, {"n": 1, "text": "plain"})
    assert results["best_value"] == pytest.approx(1.49)
    assert results["trials"] == {"complete": 6}


def test_dashboard_opens_the_study(grid: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    """optuna-dashboard shows what a sweep left, by the command that the sweep printed."""
    [shown] = [line for line in grid[1].stdout.splitlines() if "optuna-dashboard" in line]
    port = free_port()
    command = [*shlex.split(shown)[1:], "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            url = wait_for(f"http://127.0.0.1:{port}", process, path="api/studies")
            [study] = requests.get(f"{url}/api/studies", timeout=10).json()["study_summaries"]
            assert study["study_name"] == "toy"
            detail = requests.get(f"{url}/api/studies/{study['study_id']}", timeout=10).json()
            assert len(detail["trials"]) == 6
        finally:
            process.terminate()
            process.wait(timeout=30)


def test_hydra_discovers_the_sweeper(tmp_path: Path) -> None:
    """An app elsewhere finds the plugin, and starts without what only a sweep needs."""
    assert "StudySweeper" in python.run(APP, "--info", "plugins", cwd=tmp_path, cold=True, check=True).stdout
    shown = python.run("-X", "importtime", APP, "--help", cwd=tmp_path, cold=True, check=True)
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in shown.stderr.splitlines()}
    assert "hydra_plugins" in imported
    assert not imported & {"optuna", "joblib", "rich", "numpy", "plotly", "sqlalchemy"}


@pytest.mark.parametrize("workers", [1, 2])
def test_folders_may_be_named_after_the_job(tmp_path: Path, workers: int) -> None:
    """`${hydra:…}` is about the trial, as with Hydra's own sweeper."""
    named = "hydra.sweep.subdir=${hydra:job.num}-${hydra:runtime.choices.shape}-${hydra:job.override_dirname}"
    own = ("hydra.sweeper.study_name=toy", f"hydra.sweeper.workers={workers}")
    done = sweep(tmp_path, "shape=round,square", named, *own)
    assert done.returncode == 0, done.stderr
    folders = {folder.parent.name for folder in (tmp_path / "multirun" / "toy").glob("*/.hydra")}
    assert folders == {"0-round-shape=round", "1-square-shape=square"}


def test_failing_jobs_fail_alone(tmp_path: Path) -> None:
    """A job that raises, returns NaN, None or text, or leaves, is FAIL with its reason; the sweep goes on."""
    ways = "behave=raise,not_a_number,none,exit,text,well"
    done = sweep(tmp_path, ways, "hydra.sweeper.study_name=toy", "hydra.sweeper.max_failure_rate=0.9")
    assert done.returncode == 0, done.stderr
    states = {trial.params["behave"]: trial.state for trial in trials(tmp_path)}
    assert states.pop("well") is TrialState.COMPLETE
    assert set(states.values()) == {TrialState.FAIL}
    reasons = {trial.params["behave"]: trial.user_attrs.get("reason") for trial in trials(tmp_path)}
    assert reasons["raise"] == "ValueError: the job's own reason"
    assert reasons["not_a_number"] == "the job returned nan, but a sweep needs a number to compare."
    assert reasons["none"] == "the job returned None, but a sweep needs a number to compare."
    assert reasons["exit"] == "the job exits: the job leaves"
    assert "failed: ValueError: the job's own reason" in done.stdout
    assert "Traceback" not in done.stderr


def test_all_failed(tmp_path: Path) -> None:
    """When no job succeeds, the command fails with the first reason, in one line."""
    done = sweep(tmp_path, "n=1,2", "behave=raise", "hydra.sweeper.max_failure_rate=1")
    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == ("All 2 trials failed. The first, trial 0: ValueError: the job's own reason")
    assert "Traceback" not in done.stderr


def test_too_many_failed(tmp_path: Path) -> None:
    """The sweep gives up as soon as more than the allowed share of all trials has failed."""
    arguments = ("behave=well,raise", "n=1,2,3,4,5", "hydra.sweeper.max_failure_rate=0.2")
    done = sweep(tmp_path, *arguments, "hydra.sweeper.study_name=toy")
    assert done.returncode == 1
    assert "failed, more than hydra.sweeper.max_failure_rate=0.2 allows. The first, trial 5: ValueError" in done.stderr
    assert sum(trial.state is TrialState.FAIL for trial in trials(tmp_path)) == 3


def test_slow_trial_holds_up_no_other_worker(tmp_path: Path) -> None:
    """While one worker is on a long trial, the other runs what is left: there is no batch whose end is waited for."""
    own = ("hydra.sweeper.workers=2", "hydra.sweeper.study_name=toy")
    done = sweep(tmp_path, "seconds=3,0.1,0.11,0.12,0.13,0.14", *own)
    assert done.returncode == 0, done.stderr
    slow, *others = trials(tmp_path)
    assert slow.datetime_complete is not None
    ended = [trial.datetime_complete for trial in others if trial.datetime_complete]
    assert len(ended) == 5
    assert sum(moment < slow.datetime_complete for moment in ended) >= 3


SLOW = ("x=interval(0,1)", "seconds=0.4", "hydra.sweeper.study_name=toy", "hydra.sweeper.workers=2")


def test_sweep_goes_on_after_kill(tmp_path: Path) -> None:
    """After kill -9 of everything, the same command keeps what was finished and reaches the total."""
    with start(tmp_path, *SLOW, "hydra.sweeper.n_trials=10", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
        wait_for_trials(tmp_path, 3)
        kill_all(tmp_path)
    before = {trial.number: trial for trial in trials(tmp_path) if trial.state is TrialState.COMPLETE}
    running = [trial for trial in trials(tmp_path) if trial.state is TrialState.RUNNING]
    assert 1 <= len(running) <= 2
    kept = {number: (tmp_path / "multirun" / "toy" / str(number) / "console.txt").stat().st_mtime for number in before}

    done = sweep(tmp_path, *SLOW, "hydra.sweeper.n_trials=10")
    assert done.returncode == 0, done.stderr
    after = {trial.number: trial for trial in trials(tmp_path)}
    complete = [trial for trial in after.values() if trial.state is TrialState.COMPLETE]
    assert len(complete) == 10
    assert {number: after[number] for number in before} == before
    for number, written in kept.items():
        assert (tmp_path / "multirun" / "toy" / str(number) / "console.txt").stat().st_mtime == written
    for lost in running:
        assert after[lost.number].state is TrialState.FAIL
        [retry] = [trial for trial in complete if trial.user_attrs.get("retry_of") == lost.number]
        assert retry.params.items() >= after[lost.number].params.items()  # it may have had none yet when it was killed
    assert not list((tmp_path / "multirun" / "toy" / ".workers").iterdir())


@pytest.mark.everything
def test_killed_worker_costs_its_trial_only(tmp_path: Path) -> None:
    """Kill -9 of one worker: the sweep starts others, runs the lost trials again, and reaches its total."""
    with start(tmp_path, *SLOW, "hydra.sweeper.n_trials=10") as process:
        wait_for_trials(tmp_path, 3)
        worker = int(trials(tmp_path)[2].user_attrs["worker"].partition("@")[0].split("-")[-2])
        assert worker != process.pid
        os.kill(worker, signal.SIGKILL)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    states = [trial.state for trial in trials(tmp_path)]
    assert states.count(TrialState.COMPLETE) == 10
    assert 1 <= states.count(TrialState.FAIL) <= 2
    assert "lost: its worker died, it is run again" in out


def test_process_that_is_killed_while_it_writes_holds_up_no_other(tmp_path: Path) -> None:
    """Its lock ends with it: another one writes at once, where Optuna's own lock would cost it 30 s."""
    store = Store(str(tmp_path / "study.journal"), "toy")
    create(store, directions=["minimize"], made_with={}, command="own")
    stuck = "import os, sys, time; from hydra_plugins.champion_sweeper._store import Store\n"
    stuck += "os.fsync = lambda _: (print('writes', flush=True), time.sleep(60))\n"
    stuck += "Store(sys.argv[1], 'toy').study().enqueue_trial({})"
    command = [sys.executable, "-c", stuck, store.url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process, ThreadPoolExecutor(1) as pool:
        assert process.stdout is not None
        assert process.stdout.readline() == "writes\n"
        written = pool.submit(store.study().enqueue_trial, {})
        assert not wait([written], timeout=2).done
        process.kill()
        written.result(timeout=15)
    assert len(store.trials(TrialState.WAITING)) == 2


def test_lost_trial_is_run_again_with_values_outside_its_space(tmp_path: Path) -> None:
    """What a trial was queued with goes on to the one that repeats it, whether the study could hold it or not."""
    store, queued = Store(str(tmp_path / "study.journal"), "toy"), {"x": "0.3", "n": 2}
    create(store, directions=["minimize"], made_with={}, command="own")
    store.study().enqueue_trial(queued)
    taken = store.take(store.trials(TrialState.WAITING), "worker@own")
    assert taken is not None
    assert store.start(taken).suggest_int("n", 1, 3) == 2
    close_lost(store, command="own", ended=True)
    [again] = store.trials(TrialState.WAITING)
    assert again.system_attrs["fixed_params"] == queued


@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.everything), 2])
def test_ctrl_c_keeps_what_is_finished_and_says_how_to_go_on(tmp_path: Path, workers: int) -> None:
    """Exit 130, no traceback, no process left; the command that is shown goes on to the total."""
    arguments = ("x=interval(0,1)", "seconds=0.4", f"hydra.sweeper.workers={workers}", "hydra.sweeper.n_trials=6")
    with start(tmp_path, *arguments, "hydra.sweeper.study_name=toy") as process:
        wait_for_trials(tmp_path, 2)
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    [line] = err.splitlines()
    assert re.match(r"Stopped after \d trials?, which (is|are) kept\. Go on with: python ", line)
    wait_until_gone(tmp_path)
    assert TrialState.RUNNING not in {trial.state for trial in trials(tmp_path)}
    command = shlex.split(line.partition("Go on with: ")[2])
    assert command[:1] + command[2:3] == ["python", "-m"]
    done = sweep(tmp_path, *command[3:])
    assert done.returncode == 0, done.stderr
    assert sum(trial.state is TrialState.COMPLETE for trial in trials(tmp_path)) == 6


def test_ctrl_c_in_the_last_job_says_how_to_do_it_again(tmp_path: Path) -> None:
    """Exit 130, no traceback; the command that is shown runs no further trial, and the last job to its end."""
    own = ("n=1,2", "hydra.sweeper.last_job=true", "hydra.sweeper.study_name=toy")
    with start(tmp_path, *own, "hydra.sweeper.last_job_overrides=['seconds=30']") as process:
        deadline = time.monotonic() + 60
        while not (tmp_path / "multirun/toy/best").is_dir():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    [line] = err.splitlines()
    assert line.startswith("Stopped in the last job. Do that again with: python ")
    command = shlex.split(line.partition("again with: ")[2])
    done = sweep(tmp_path, *command[3:], "hydra.sweeper.last_job_overrides=[]")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("a job with x=1.0\n")
    assert len(trials(tmp_path)) == 2


Done: TypeAlias = subprocess.CompletedProcess[str]
Outage: TypeAlias = tuple[Path, Done, list[FrozenTrial], Done]


@pytest.fixture(
    scope="module", params=[pytest.param(1, id="here"), pytest.param(2, id="beside", marks=pytest.mark.everything)]
)
def outage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Outage:
    """Sweep while what the jobs need is away; run the command that is shown when it is there."""
    folder = tmp_path_factory.mktemp("outage")
    arguments = ("x=interval(0,1)", f"needs={folder}/file", f"hydra.sweeper.workers={request.param}")
    stopped = sweep(folder, *arguments, "hydra.sweeper.n_trials=4", "hydra.sweeper.study_name=toy")
    left = trials(folder)
    (folder / "file").touch()
    command, _, _ = stopped.stderr.partition("Go on with: ")[2].partition("\n")
    return folder, stopped, left, sweep(folder, *shlex.split(command)[3:])


def test_outage_is_no_failure_of_its_trial(outage: Outage) -> None:
    """The search stops with one line; the trial is lost, and its values wait in the queue again."""
    _, stopped, left, _ = outage
    assert stopped.returncode == 1
    assert stopped.stderr.startswith("the file is away, and was waited for. Stopped after 0 trials, which are kept. Go")
    if "1 at a time" in stopped.stdout:  # or it may be over before it is told
        assert re.search(r"^trial 0    waiting 0:0\d of 0:02: the file is away$", stopped.stdout, re.MULTILINE)
    lost = [trial for trial in left if trial.state.is_finished()]
    assert lost
    assert not [trial for trial in lost if "lost" not in trial.user_attrs]
    waiting = [trial.system_attrs["fixed_params"] for trial in left if trial.state is TrialState.WAITING]
    assert all(trial.params in waiting for trial in lost)


def test_study_goes_on_to_its_total_after_an_outage(outage: Outage) -> None:
    """As if nothing had been."""
    folder, _, _, done = outage
    assert done.returncode == 0, done.stderr
    assert sum(trial.state is TrialState.COMPLETE for trial in trials(folder)) == 4
    assert not [trial for trial in trials(folder) if not trial.state.is_finished()]


def test_sigterm_ends_the_workers_too(tmp_path: Path) -> None:
    """A sweep that is told to stop by its system leaves no worker behind."""
    with start(tmp_path, *SLOW) as process:
        wait_for_trials(tmp_path, 2)
        process.terminate()
        _, err = process.communicate(timeout=30)
    assert process.returncode == 143
    assert err.startswith("Stopped after ")
    wait_until_gone(tmp_path)


@pytest.mark.parametrize("workers", [1, 2])
def test_closed_terminal_ends_the_sweep_as_a_sigterm_does(tmp_path: Path, workers: int) -> None:
    """Nobody can be told any more: what is finished is kept, no worker is left, nothing runs on in the study."""
    ours, terminal = pty.openpty()
    own = ("x=interval(0,1)", "seconds=0.4", "hydra.sweeper.study_name=toy", f"hydra.sweeper.workers={workers}")
    command = ["setsid", "--ctty", sys.executable, str(APP), "-m", *own]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(REPOSITORY), os.environ.get("PYTHONPATH", "")])}
    own_terminal: dict[str, Any] = {"stdin": terminal, "stdout": terminal, "stderr": terminal}
    with subprocess.Popen(command, cwd=tmp_path, env=env, preexec_fn=python.notice_signals, **own_terminal) as process:
        os.close(terminal)
        wait_for_trials(tmp_path, 2)
        os.close(ours)
        assert process.wait(timeout=30) == 129
    wait_until_gone(tmp_path)
    states = [trial.state for trial in trials(tmp_path)]
    assert states.count(TrialState.COMPLETE) >= 2
    assert TrialState.RUNNING not in states


def test_workers_whose_command_was_killed_leave_in_the_middle_of_their_trials(tmp_path: Path) -> None:
    """They would go on for a minute, with nobody to count it: their trials are run again by the same command."""
    own = ("n=1,2", "hydra.sweeper.workers=2", "hydra.sweeper.study_name=toy", "hydra.sweeper.may_change=[seconds]")
    with start(tmp_path, *own, "seconds=60", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60
        while len(list((tmp_path / "multirun" / "toy").glob("[0-9]/console.txt"))) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        process.kill()
        try:
            wait_until_gone(tmp_path)
        finally:
            kill_all(tmp_path)
    assert {trial.state for trial in trials(tmp_path)} == {TrialState.RUNNING}
    done = sweep(tmp_path, *own, "seconds=0")
    assert done.returncode == 0, done.stderr
    states = [trial.state.name for trial in trials(tmp_path)]
    assert sorted(states) == ["COMPLETE", "COMPLETE", "FAIL", "FAIL"]


@pytest.mark.parametrize("workers", [1, 2])
def test_output_that_cannot_be_written_loses_no_sweep(tmp_path: Path, workers: int) -> None:
    """With its log on a full disk it goes on to its end, the last job included, and says so then."""
    own = ("n=1,2,3", "hydra.sweeper.study_name=toy", f"hydra.sweeper.workers={workers}", "hydra.sweeper.last_job=true")
    with open("/dev/full", "w") as full, start(tmp_path, *own, stdout=full) as process:
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert err.splitlines()[0] == "The standard output can't be written: No space left on device. All else is done."
    assert "Traceback" not in err
    assert [trial.state for trial in trials(tmp_path)] == [TrialState.COMPLETE] * 3
    assert (tmp_path / "multirun" / "toy" / "best" / ".hydra" / "overrides.yaml").is_file()


def test_what_a_job_cannot_print_costs_no_trial(tmp_path: Path) -> None:
    """A trial's console.txt may be anything but writable: its result counts all the same."""
    (tmp_path / "multirun" / "toy" / "0").mkdir(parents=True)
    (tmp_path / "multirun" / "toy" / "0" / "console.txt").symlink_to("/dev/full")
    done = sweep(tmp_path, "n=1,2", "hydra.sweeper.study_name=toy")
    assert done.returncode == 0, done.stderr
    assert [trial.state for trial in trials(tmp_path)] == [TrialState.COMPLETE] * 2


def test_terminal_of_unknown_width_is_no_narrow_one(tmp_path: Path) -> None:
    """Where COLUMNS=0 all is printed, as where it isn't set."""
    with start(tmp_path, "n=1,2", env={**os.environ, "COLUMNS": "0"}) as process:
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "trial  score  params  seconds" in out
    assert re.search(r"^best      python .* n=1$", out, flags=re.MULTILINE)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (["x=interval(0,1)", "n=4"], "n was 3, but is 4 now"),
        (["x=interval(0,2)"], "the space of x was 0.0 to 1.0, but is 0.0 to 2.0 now"),
        (["x=interval(0,1)", "flag=true,false"], "flag was True, but is not there now"),
        (["x=interval(0,1)", "hydra.sweeper.direction=maximize"], "direction was minimize, but is maximize now"),
        (["x=interval(0,1)", "shape=square"], "shape.radius was 1.0, but is not there now; shape.side was not there"),
    ],
)
def test_study_made_with_something_else_is_refused(small_study: Path, changed: list[str], says: str) -> None:
    """A study goes on with what it was made with, or not at all; the answer says what differs."""
    before = trials(small_study)
    done = sweep(small_study, *changed, "hydra.sweeper.study_name=toy", "hydra.sweeper.n_trials=5")
    assert done.returncode == 1
    assert done.stderr.startswith("Study 'toy' can't go on: ")
    assert says in done.stderr.splitlines()[0]
    assert done.stderr.splitlines()[0].endswith("or another hydra.sweeper.study_name.")
    assert trials(small_study) == before


@pytest.fixture(scope="module")
def small_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Leave a study of two trials."""
    folder = tmp_path_factory.mktemp("small")
    assert sweep(folder, "x=interval(0,1)", "hydra.sweeper.study_name=toy", "hydra.sweeper.n_trials=2").returncode == 0
    return folder


def test_what_may_change_may_change(tmp_path: Path) -> None:
    """Keys named in may_change differ without a refusal, and numbers go on."""
    own = ("x=interval(0,1)", "hydra.sweeper.may_change=[text]", "hydra.sweeper.study_name=toy")
    for text, number in {"one": 1, "other": 2}.items():
        done = sweep(tmp_path, *own, f"text={text}", f"hydra.sweeper.n_trials={number}")
        assert done.returncode == 0, done.stderr
    written = [tmp_path / "multirun" / "toy" / str(number) / ".hydra" / "config.yaml" for number in (0, 1)]
    assert [yaml.safe_load(file.read_text())["text"] for file in written] == ["one", "other"]


def test_one_seed_gives_the_same_trials(tmp_path: Path) -> None:
    """One worker and one seed: the same trials every time, also when the study was stopped half way."""
    space = ("x=interval(0,1)", "n=range(1,9)", "shape=round,square")
    for name, numbers in {"whole": [12], "halves": [6, 12]}.items():
        for number in numbers:
            own = (f"hydra.sweeper.study_name={name}", f"hydra.sweeper.n_trials={number}")
            assert sweep(tmp_path, *space, *own, cold=name == "whole").returncode == 0
    whole, halves = ([trial.params for trial in trials(tmp_path, name)] for name in ("whole", "halves"))
    assert len(whole) == 12
    assert whole == halves


def test_configured_values_come_first(tmp_path: Path) -> None:
    """Trial 0 is the configuration as it stands, so that a sweep never ends below a single run."""
    space = ("x=interval(0,2)", "n=range(1,9)")
    assert sweep(tmp_path, *space, "hydra.sweeper.study_name=toy", "hydra.sweeper.n_trials=3").returncode == 0
    assert trials(tmp_path)[0].params == {"x": 1.0, "n": 3}


RECIPES = {
    "deep": "{x: 0.3, n: 1, text: '1', hydra: {sweeper: {timeout: 500, last_job: true, params: {x: 'interval(5,6)',"
    " nothing: 'choice([1,2],0.1)', text: 'choice(1,true)'}}}}",
    "shallow": "{x: 5.5, n: 2, nothing: 0.1, hydra: {sweeper: {params: {x: 'interval(5,6)', nothing: '0.1,null'}}}}",
    "better": "{n: 0, hydra: {sweeper: {params: {x: 'interval(0,1)'}}}}",
}


@pytest.fixture(scope="module")
def recipes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """Sweep two recipes; what one of them configures lies outside its space, and is the best there is."""
    folder = tmp_path_factory.mktemp("recipes")
    (folder / "more" / "recipe").mkdir(parents=True)
    for name, content in RECIPES.items():
        (folder / "more" / "recipe" / f"{name}.yaml").write_text(f"# @package _global_\n{content}\n")
    own = ("hydra.sweeper.study_name=toy", "hydra.sweeper.n_trials=6")
    return folder, sweep(folder, "--config-dir", "more", "+recipe=deep,shallow", *own)


def test_each_recipe_begins_as_it_is_written(recipes: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    """The first trial of each is what a single run of it would be, whether its space holds that or not."""
    folder, done = recipes
    assert done.returncode == 0, done.stderr
    assert re.search(r"^best      python \S*app\.py --config-dir=more '?\+recipe=", done.stdout, flags=re.MULTILINE)
    first, second, *others = trials(folder)
    alone = python.run(APP, "--config-dir", "more", "+recipe=deep", "--cfg", "job", cwd=folder, check=True).stdout
    written = yaml.safe_load((folder / "multirun" / "toy" / "0" / ".hydra" / "config.yaml").read_text())
    assert written == yaml.safe_load(alone)
    assert first.params == {"+recipe": "deep"}
    assert first.user_attrs["outside_space"] == {"x": 0.3, "deep.nothing": None, "text": "1"}
    assert second.params == {"+recipe": "shallow", "x": 5.5, "shallow.nothing": "0.1"}
    assert "outside_space" not in second.user_attrs
    assert len(others) == 4
    assert all(5 <= trial.params["x"] <= 6 for trial in others)


def test_what_lies_outside_a_space_is_said(recipes: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    """One line for each value, and for each setting that comes too late; the leaderboard shows the values."""
    out = recipes[1].stdout
    assert re.findall(r"^note +(.*?)(?: lies outside its space|:)", out, flags=re.MULTILINE) == [
        "x=0.3 of +recipe=deep",
        "nothing=null of +recipe=deep",
        "text='1' of +recipe=deep",
        "hydra.sweeper.timeout of +recipe=deep isn't followed",
    ]
    assert re.search(r"^trial 0 +1  .*x=0.3 nothing=null text='1'", out, flags=re.MULTILINE)
    assert re.search(r"^ +0 +1 .*x=0.3", out.partition("score")[2], flags=re.MULTILINE)


def test_last_job_is_as_the_winner_says(recipes: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    """The best overrides give the winner exactly, and its own recipe decides whether there is a last job."""
    folder, done = recipes
    results = yaml.safe_load((folder / "multirun" / "toy" / "optimization_results.yaml").read_text())
    assert results["best_overrides"] == ["+recipe=deep", "x=0.3", "nothing=null", "text='1'"]
    assert results["best_params"] == {"+recipe": "deep", "x": 0.3, "nothing": None, "text": "1"}
    kept = [folder / "multirun" / "toy" / name / ".hydra" / "config.yaml" for name in ("0", "best")]
    assert kept[0].read_text() == kept[1].read_text()
    assert done.stdout.endswith("a job with x=0.3\n")


def test_recipe_that_wins_without_a_last_job_has_none(recipes: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    """That another recipe of the sweep has one doesn't matter."""
    own = ("hydra.sweeper.study_name=other", "hydra.sweeper.n_trials=2")
    done = sweep(recipes[0], "--config-dir", "more", "+recipe=deep,better", *own)
    assert done.returncode == 0, done.stderr
    assert [trial.value for trial in trials(recipes[0], "other")] == [1.0, pytest.approx(0.49)]
    assert "a job with" not in done.stdout
    assert not (recipes[0] / "multirun" / "other" / "best").exists()


def test_same_trial_is_not_run_twice(tmp_path: Path) -> None:
    """What was tried takes its result from before."""
    done = sweep(tmp_path, "n=int(interval(1,3))", "hydra.sweeper.study_name=toy", "hydra.sweeper.n_trials=9")
    assert done.returncode == 0, done.stderr
    found = trials(tmp_path)
    assert [trial.state for trial in found] == [TrialState.COMPLETE] * 9
    assert len(list((tmp_path / "multirun" / "toy").glob("[0-9]/console.txt"))) == len(
        {trial.params["n"] for trial in found}
    )
    assert {trial.value for trial in found} == {(1.0 - 0.3) ** 2 + trial.params["n"] for trial in found}
    assert "not run again" in done.stdout


def test_several_objectives(tmp_path: Path) -> None:
    """With a list of directions the job returns several numbers; those trials lead that no other beats in all."""
    directions = "hydra.sweeper.direction=[minimize,maximize]"
    done = sweep(tmp_path, "n=1,2,3", "x=0.3,1", "two=true", directions, "steps=2", PRUNER)
    assert done.returncode == 0, done.stderr
    [file] = tmp_path.glob("multirun/*/*/optimization_results.yaml")
    solutions = yaml.safe_load(file.read_text())["solutions"]
    assert [solution["values"] for solution in solutions] == [[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]]
    assert "1 / 1" in done.stdout
    assert "best  " not in done.stdout


def test_pruner_ends_hopeless_trials(tmp_path: Path) -> None:
    """A job that reports is ended where the pruner sees no use, and its trial is PRUNED; without pruner none is."""
    space = ("n=1,2,3", "steps=3")
    pruned = sweep(tmp_path, *space, PRUNER, "hydra.sweeper.study_name=toy")
    assert pruned.returncode == 0, pruned.stderr
    assert [trial.state.name for trial in trials(tmp_path)] == ["COMPLETE", "PRUNED", "PRUNED"]
    assert [len(trial.intermediate_values) for trial in trials(tmp_path)] == [3, 1, 1]
    assert "pruned after 1 step" in pruned.stdout
    assert sweep(tmp_path, *space, "hydra.sweeper.study_name=none").returncode == 0
    assert [trial.state.name for trial in trials(tmp_path, "none")] == ["COMPLETE"] * 3


def test_pruner_ends_hopeless_trials_of_workers_beside_each_other(tmp_path: Path) -> None:
    """What a job imports before Hydra looks for plugins is in another process what it is in this one."""
    done = sweep(tmp_path, "n=1,2,3,4", "steps=3", "hydra.sweeper.workers=2", "hydra.sweeper.study_name=toy", PRUNER)
    assert done.returncode == 0, done.stderr
    found = trials(tmp_path)
    assert [len(trial.intermediate_values) for trial in found if trial.state is TrialState.COMPLETE][:1] == [3]
    assert TrialState.PRUNED in {trial.state for trial in found}


def test_pruner_that_lets_none_go_on_is_named(tmp_path: Path) -> None:
    """There is nothing to choose from then, however many seconds are left."""
    strict = "+hydra.sweeper.pruner={_target_: optuna.pruners.ThresholdPruner, upper: 0.5}"
    done = sweep(tmp_path, "n=1,2,3", "steps=2", strict)
    assert done.returncode == 1
    assert "No trial was finished. hydra.sweeper.pruner ended all 3; null lets them go on." in done.stderr


def test_scores_that_cannot_be_compared_prune_nothing(tmp_path: Path) -> None:
    """Where trials differ in what their scores are of, none is ended by another's, and it is said, unless asked."""
    space = ("n=1,2,3", "x=1,2", "steps=3", PRUNER)
    apart = sweep(tmp_path, *space, "hydra.sweeper.incomparable=[n,flag]", "hydra.sweeper.study_name=toy")
    assert apart.returncode == 0, apart.stderr
    assert [trial.state.name for trial in trials(tmp_path)] == ["COMPLETE"] * 6
    notes = [line for line in apart.stdout.splitlines() if line.startswith("note ")]
    assert notes[0].startswith("note      trials differ in n, ")
    assert notes == notes[:1] * 2  # at the opening, and at the leaderboard
    results = yaml.safe_load((tmp_path / "multirun" / "toy" / "optimization_results.yaml").read_text())
    assert results["incomparable"] == ["n"]
    asked = sweep(tmp_path, *space, "hydra.sweeper.incomparable=[flag]", "hydra.sweeper.study_name=asked")
    assert asked.returncode == 0, asked.stderr
    assert "PRUNED" in {trial.state.name for trial in trials(tmp_path, "asked")}
    assert "note " not in asked.stdout


def test_timeout_ends_the_search(tmp_path: Path) -> None:
    """No trial begins after so many seconds; without n_trials there is no other end."""
    limits = ("hydra.sweeper.timeout=5", "hydra.sweeper.n_trials=null", "hydra.sweeper.study_name=toy")
    began = datetime.now()
    done = sweep(tmp_path, "x=interval(0,1)", "seconds=0.3", *limits)
    assert done.returncode == 0, done.stderr
    found = trials(tmp_path)
    assert {trial.state for trial in found} == {TrialState.COMPLETE}
    assert 3 <= len(found) <= 5 / 0.3
    seconds = [(trial.datetime_start - began).total_seconds() for trial in found if trial.datetime_start]
    assert max(seconds) < 5 + seconds[0]  # the command's clock begins before the first trial does


@pytest.mark.everything
def test_launcher_of_another_package_runs_the_workers(tmp_path: Path) -> None:
    """hydra/launcher=joblib starts the workers as its jobs; the trials are the same."""
    own = ("hydra/launcher=joblib", "hydra.sweeper.workers=2", "hydra.sweeper.study_name=toy")
    done = sweep(tmp_path, "n=1,2,3,4,5,6", "seconds=0.2", *own)
    assert done.returncode == 0, done.stderr
    found = trials(tmp_path)
    assert [trial.params["n"] for trial in found] == list("123456")
    assert len({trial.user_attrs["worker"] for trial in found}) == 2
    assert (tmp_path / "multirun" / "toy" / "5" / ".hydra" / "config.yaml").is_file()


def test_study_in_a_database(tmp_path: Path) -> None:
    """A database's URL keeps the study there, for workers in several processes."""
    storage = f"hydra.sweeper.storage=sqlite:///{tmp_path}/study.db"
    done = sweep(tmp_path, "n=1,2,3,4", storage, "hydra.sweeper.workers=2", "hydra.sweeper.study_name=toy")
    assert done.returncode == 0, done.stderr
    study = optuna.load_study(study_name="toy", storage=f"sqlite:///{tmp_path}/study.db")
    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE] * 4


def test_database_of_something_else_is_left_as_it_is(empty_home: Home, tmp_path: Path) -> None:
    """A study's tables would clash with MLflow's: not one is added, though the plugin knows nothing of MLflow."""
    file = empty_home.copy(tmp_path).folder / "mlflow.db"
    before = file.read_bytes()
    done = sweep(tmp_path, "n=1,2", f"hydra.sweeper.storage=sqlite:///{file}")
    assert done.returncode == 1
    said = f"hydra.sweeper.storage 'sqlite:///{file}' is the database of something else, such as MLflow."
    assert done.stderr.startswith(f"{said} Choose another one for studies.\n")
    assert file.read_bytes() == before


def test_ordinary_job_ends_the_sweep(tmp_path: Path) -> None:
    """With last_job, the best overrides are run once more, outside the study, and print for themselves."""
    own = ("hydra.sweeper.last_job=true", "hydra.sweeper.study_name=toy")
    done = sweep(tmp_path, "n=1,2", *own)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("a job with x=1.0\n")
    assert yaml.safe_load((tmp_path / "multirun/toy/best/.hydra/overrides.yaml").read_text()) == ["n=1"]
    assert sweep(tmp_path, "n=1,2", *own).returncode == 0
    assert (tmp_path / "multirun/toy/best-2/.hydra/overrides.yaml").is_file()
    assert len(trials(tmp_path)) == 2


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["n=1,2", "hydra.sweeper.n_trials=0"], "hydra.sweeper.n_trials must be a whole number from 1, but got 0."),
        (["n=1,2", "hydra.sweeper.workers=two"], "hydra.sweeper.workers must be a whole number from 1, but got 'two'."),
        (["n=1,2", "hydra.sweeper.timeout=-1"], "hydra.sweeper.timeout must be seconds above 0, or null, but got -1."),
        (["n=1,2", "hydra.sweeper.max_failure_rate=2"], "must lie between 0 and 1, but got 2."),
        (["n=1,2", "hydra.sweeper.direction=up"], "direction must be minimize or maximize, but got 'up'."),
        (["n=1,2", "hydra.sweeper.storage=foo://me:secret@x/y"], "hydra.sweeper.storage 'foo://me:***@x/y' can't be"),
        (["n=1,2", "hydra.sweeper.storage=mysql://me:secret@x/y"], "its driver isn't installed; `pip install pymysql`"),
        (
            ["n=1,2", "hydra.sweeper.storage=study.db"],
            "is the path of an SQLite file: write hydra.sweeper.storage=sqlite",
        ),
        (["n=1,2", "hydra.sweeper.storage=sqlite:////proc/no/x.db"], "can't be opened: "),
        (["n=1,2", "hydra.sweeper.storage=/proc/no/study.journal"], "can't be opened: "),
        (["n=1,2", "+hydra.sweeper.sampler._target_=optuna.samplers.Nope"], "Nope"),
        (["nn=1,2"], "Could not override 'nn'."),
        (["shape=round,oval"], "Could not find 'shape/oval'"),
        (["n=1"], "There is nothing to sweep"),
        (["n=1,2", "x=???"], "x must be given, as in x=VALUE."),
        (["n=1,2", "+hydra.sweeper.n_trial=3"], "n_trial is not a setting of a sweep. Did you mean 'n_trials'?"),
        (
            ["n=1,2", "hydra.sweeper.storage=''"],
            "storage must be text, or null for the default, but got ''.",
        ),
        (
            ["n=1,2", "hydra.sweeper.study_name=[a]"],
            "study_name must be text, or null for the default, but got ['a'].",
        ),
        (
            ["n=1,2", "hydra.sweeper.pruner=median"],
            "hydra.sweeper.pruner must have a _target_, such as a class",
        ),
        (
            ["n=1,2", PRUNER.replace("warmup", "warmpu")],
            "hydra.sweeper.pruner.n_warmpu_steps is not an option of M",
        ),
        (["n=1,2", "+hydra.sweeper.sampler.multivariat=true"], "of TPESampler. Did you mean 'multivariate'?"),
        (["x=interval(0,1)", BRUTE_FORCE], "BruteForceSampler can't be used: FloatDistribution.step must be given"),
        (["n=1,2", f"{TARGET}=nowhere.Sampler"], "No module named 'nowhere'. `pip install nowhere` installs it."),
    ],
)
def test_mistakes_are_answered_before_the_first_trial(tmp_path: Path, arguments: list[str], says: str) -> None:
    """What can't be begun is said, with status 1 and without a traceback."""
    done = sweep(tmp_path, *arguments)
    assert done.returncode == 1
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert "secret" not in done.stderr + done.stdout
    assert not list(tmp_path.rglob("study.journal"))


@pytest.mark.parametrize(("sampler", "package"), [("CmaEsSampler", "cmaes"), ("GPSampler", "torch")])
def test_package_that_a_sampler_lacks_is_named_before_the_first_trial(
    tmp_path: Path, sampler: str, package: str
) -> None:
    """Optuna itself notices in the middle of the study, and each trial fails."""
    (tmp_path / "sitecustomize.py").write_text(f"import sys\nsys.modules[{package!r}] = None")
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{REPOSITORY / 'src'}"}
    words = ("-m", "x=interval(0,1)", f"{TARGET}=optuna.samplers.{sampler}")
    done = python.run(APP, *words, cwd=tmp_path, env=environment, cold=True)
    assert done.returncode == 1
    says = f"hydra.sweeper.sampler=optuna.samplers.{sampler} can't be used: import of {package} halted;"
    assert done.stderr.startswith(says)
    assert done.stderr.splitlines()[0].endswith(f"`pip install {package}` installs it.")
    assert not (tmp_path / "multirun").exists()


def test_what_looks_like_a_number_is_a_name_as_it_was_typed(tmp_path: Path) -> None:
    """2024.10 is not 2024.1, and where null is given the study is named after the time, as without a name."""
    assert sweep(tmp_path, "n=1,2", "hydra.sweeper.study_name=2024.10", "hydra.sweeper.storage=null").returncode == 0
    assert [trial.state for trial in trials(tmp_path, "2024.10")] == [TrialState.COMPLETE] * 2
    assert sweep(tmp_path, "n=1,2", "hydra.sweeper.study_name=null", "hydra.sweeper.workers=2").returncode == 0
    [timed] = {file.parent for file in tmp_path.glob("multirun/*/*/study.journal")}
    assert re.fullmatch(r"\d{4}(-\d\d){2}/\d\d(-\d\d){2}-\d{6}", str(timed.relative_to(tmp_path / "multirun")))
    assert {folder.name for folder in timed.glob("[0-9]")} == {"0", "1"}
    assert {folder.name for folder in (tmp_path / "multirun").iterdir()} == {"2024.10", timed.parent.name}


def test_terminal_has_one_live_line(tmp_path: Path) -> None:
    """On a terminal a single line shows the trials done, pruned and failed, the best so far, and the time left."""
    shown, terminal = pty.openpty()
    own = ("n=1,2,3", "behave=well,raise", "seconds=0.5", "hydra.sweeper.study_name=toy")
    with start(tmp_path, *own, stdout=terminal, env={**os.environ, "TERM": "xterm", "COLUMNS": "120"}) as process:
        os.close(terminal)
        text = "".join(read_all(shown))
        process.communicate(timeout=30)
    assert process.returncode == 0
    assert re.search(r"trials 3/6, 0 pruned, 1 failed, best 1\.49 \(trial 0\), 0:0\d left", text)
    assert re.search(r"trial 1 +failed: ValueError: the job's own reason", text)
    assert "trial 0    1.49" not in text


def test_terminal_shows_the_trials_that_run(tmp_path: Path) -> None:
    """Each has a line of its own: how many steps it has done, their mean, and what the best one had there."""
    shown, terminal = pty.openpty()
    own = ("n=1,2,3,4", "steps=2", "seconds=3", "hydra.sweeper.workers=2", "hydra.sweeper.study_name=toy")
    with start(tmp_path, *own, stdout=terminal, env={**os.environ, "TERM": "xterm", "COLUMNS": "120"}) as process:
        os.close(terminal)
        text = "".join(read_all(shown))
        process.communicate(timeout=30)
    assert process.returncode == 0
    for said in ("trial 0 begins", "trial 1 1 step, 2.49 ", "trial 2 2 steps, 3.49, best had 1.49"):
        assert said in text


def read_all(terminal: int) -> Iterator[str]:
    """Yield what a terminal shows until its other end is closed."""
    try:
        while block := os.read(terminal, 4096):
            yield block.decode(errors="replace")
    except OSError:
        pass
    finally:
        os.close(terminal)
