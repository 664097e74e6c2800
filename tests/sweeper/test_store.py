"""champion_sweeper/_store.py, _journal.py: what a full disk or a power cut leaves of a study's file."""

import json
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import optuna
import pytest
from optuna.exceptions import StorageInternalError
from optuna.pruners import BasePruner, HyperbandPruner, SuccessiveHalvingPruner
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from hydra_plugins.champion_sweeper import FoldHalvingPruner
from hydra_plugins.champion_sweeper._errors import SweepError
from hydra_plugins.champion_sweeper._rivals import Trial
from hydra_plugins.champion_sweeper._store import LOST, Store, refusals
from hydra_plugins.champion_sweeper._study import REASON, create
from tests.sweeper.test_sweeper import SLOW, processes, start, sweep, trials, wait_for_trials, wait_until_gone

WORDS = "hydra.sweeper.storage '{file}' fails: {says}. What has finished is kept; the same command with"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Return the store of a study with three trials that wait, numbered by their x."""
    kept = Store(str(tmp_path / "study.journal"), "toy")
    create(kept, directions=["minimize"], made_with={}, command="own")
    for x in range(3):
        kept.study().enqueue_trial({"x": x})
    return kept


def queued(file: Path) -> list[int]:
    """Return the x of the trials in a file, as Optuna itself reads it, and see that every line of it is whole."""
    assert [json.loads(line) for line in file.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
    assert file.read_bytes().endswith(b"\n")
    study = optuna.load_study(study_name="toy", storage=JournalStorage(JournalFileBackend(str(file))))
    return [trial.system_attrs["fixed_params"]["x"] for trial in study.trials]


@pytest.mark.parametrize("key", [LOST, REASON])
@pytest.mark.parametrize(
    "pruner",
    [FoldHalvingPruner(), SuccessiveHalvingPruner(1, 3), HyperbandPruner(1, 3)],
    ids=["folds", "halving", "hyperband"],
)
def test_trial_that_cannot_win_any_more_ends_no_other(store: Store, key: str, pruner: BasePruner) -> None:
    """What it reported before it failed, or before its worker died, is nothing that others have to beat."""

    def reported(value: float) -> tuple[Trial, bool]:
        [taken] = [store.take(store.trials(TrialState.WAITING), "own")]
        assert taken
        trial = store.start(taken, pruner=pruner)
        for step in (1, 2, 3):
            trial.report(value, step)
            pruned = trial.should_prune()
        return trial, pruned

    for value in (1.0, 1.0):
        _, pruned = reported(value)
        assert not pruned
        store.end(store.trials(TrialState.RUNNING)[0], key, "")
    last, pruned = reported(2.0)
    assert not pruned
    assert len(last.study.get_trials()) == 3


LEFT: dict[str, tuple[Callable[[bytes], bytes], list[int]]] = {
    "a part of a line": (lambda whole: whole[:-37], [0, 1]),
    "all but the end of a line": (lambda whole: whole[:-1], [0, 1, 2]),
    "a byte": (lambda whole: whole + b"{", [0, 1, 2]),
    "nothing": (lambda whole: whole + b"\0" * 10_000, [0, 1, 2]),
    "a part of a line, then nothing": (lambda whole: whole[:-37] + b"\0" * 37, [0, 1]),
    "nothing, then the end of a line": (lambda whole: whole + b"\0" * 300 + b'"values":null}\n', [0, 1, 2]),
    "a part of a character": (lambda whole: whole[:-37] + b"\xc3", [0, 1]),
}


@pytest.mark.parametrize("left", LEFT)
def test_unfinished_line_is_cut_off(store: Store, tmp_path: Path, left: str) -> None:
    """What a full disk or a power cut left at the end hinders nobody, and costs no line that was whole before it."""
    (damage, kept), file = LEFT[left], tmp_path / "damaged.journal"
    file.write_bytes(damage(Path(store.url).read_bytes()))
    again = Store(str(file), "toy")
    assert [trial.system_attrs["fixed_params"]["x"] for trial in again.trials()] == kept
    for x in (7, 8):
        again.study().enqueue_trial({"x": x})
    assert queued(file) == [*kept, 7, 8]


@pytest.mark.parametrize("error", [False, True])
def test_what_belongs_together_is_kept_at_once(store: Store, error: bool) -> None:
    """A file gets the lines of several changes in one piece, also where what makes them breaks off."""
    [trial, *_] = store.trials()
    file = Path(store.url)
    before = file.read_bytes()
    with pytest.raises(ZeroDivisionError) if error else nullcontext(), store.together():
        store.note(trial, "one", 1)
        store.note(trial, "two", 2)
        assert file.read_bytes() == before
        if error:
            _ = 1 / 0
    store.note(trial, "three", 3)
    assert store.trials()[0].user_attrs == {"one": 1, "two": 2, "three": 3}
    with store.together():
        pass


@pytest.mark.parametrize("content", [b"", b"\0" * 5000, b'{"op_c', b'{"op_code":0,"worker_id":"'])
def test_file_of_no_whole_line_is_an_empty_one(tmp_path: Path, content: bytes) -> None:
    """The first line of all may be the unfinished one."""
    (tmp_path / "study.journal").write_bytes(content)
    store = Store(str(tmp_path / "study.journal"), "toy")
    create(store, directions=["minimize"], made_with={}, command="own").enqueue_trial({"x": 1})
    assert queued(tmp_path / "study.journal") == [1]


@pytest.mark.parametrize("content", [b"one line", b"one line\n", b'{"a": 1}\n', b"SQLite format 3\0and more\n\0\0"])
def test_file_of_another_kind_is_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    """What isn't a study's is neither cut nor written to."""
    (tmp_path / "notes").write_bytes(content)
    with pytest.raises(SweepError, match="notes' can't be opened: it is no study's journal, and is left as it is"):
        _ = Store(str(tmp_path / "notes"), "toy").storage
    assert (tmp_path / "notes").read_bytes() == content


def test_line_that_is_damaged_in_the_middle_is_named(store: Store, tmp_path: Path) -> None:
    """Nothing is cut off where whole lines follow: it is said which line it is."""
    lines = Path(store.url).read_bytes().splitlines(keepends=True)
    (file := tmp_path / "damaged.journal").write_bytes(content := b"".join([*lines[:3], b"{oh\n", *lines[3:]]))
    with pytest.raises(SweepError, match="can't be opened: its line 4 is damaged; without that line it opens"):
        _ = Store(str(file), "toy").storage
    assert file.read_bytes() == content


@contextmanager
def full_disk(file: Path, *, room: int) -> Iterator[None]:
    """Let no file that this process writes grow larger than that one and so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (file.stat().st_size + room, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("room", [0, 50])
def test_disk_that_is_full_for_a_while_costs_one_change(store: Store, room: int) -> None:
    """A process whose change was written in part goes on when there is room again, and so do others."""
    file = Path(store.url)
    whole = file.read_bytes()
    with full_disk(file, room=room), pytest.raises(SweepError) as told, refusals(store):
        store.study().enqueue_trial({"x": 7})
    assert str(told.value) == f"{WORDS.format(file=file, says='File too large')} hydra.sweeper.study_name=toy goes on."
    assert len(file.read_bytes()) == len(whole) + room
    other = Store(store.url, "toy", grace_period=store.grace_period + 1)  # which reads the file anew
    for kept, x in ((store, 8), (other, 9), (store, 10)):
        kept.study().enqueue_trial({"x": x})
    assert queued(file) == [0, 1, 2, 8, 9, 10]
    assert [len(kept.trials(TrialState.WAITING)) for kept in (store, other)] == [6, 6]


def test_lock_that_cannot_be_had_is_a_fault_of_the_storage(store: Store) -> None:
    """Beside the file workers hold their locks: what the system refuses there is the storage's fault, too."""
    assert store.locks
    store.locks.write_text("in the way")
    with pytest.raises(StorageInternalError, match="File exists"), store.alive():
        pass


def test_study_whose_file_lost_its_end_goes_on(tmp_path: Path) -> None:
    """With 37 bytes less the same command runs again what isn't known any more, and reaches its total."""
    own = ("x=interval(0,1)", "hydra.sweeper.study_name=toy")
    assert sweep(tmp_path, *own, "hydra.sweeper.n_trials=2").returncode == 0
    file = tmp_path / "multirun" / "toy" / "study.journal"
    file.write_bytes(file.read_bytes()[:-37])
    done = sweep(tmp_path, *own, "hydra.sweeper.n_trials=4")
    assert done.returncode == 0, done.stderr
    assert [trial.state.name for trial in trials(tmp_path)].count("COMPLETE") == 4


def test_full_disk_stops_the_sweep_and_nothing_is_lost(tmp_path: Path) -> None:
    """Two workers and a file that can't grow any more: one line, nobody left, and the same command goes on."""
    with start(tmp_path, *SLOW, "hydra.sweeper.n_trials=8") as process:
        wait_for_trials(tmp_path, 2)
        file = tmp_path / "multirun" / "toy" / "study.journal"
        for one in processes(tmp_path):
            resource.prlimit(one, resource.RLIMIT_FSIZE, (file.stat().st_size + 500, resource.RLIM_INFINITY))
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert (
        err.splitlines()[0] == f"{WORDS.format(file=file, says='File too large')} hydra.sweeper.study_name=toy goes on."
    )
    wait_until_gone(tmp_path)
    kept = [trial for trial in trials(tmp_path) if trial.state.is_finished()]
    assert len(kept) >= 2
    done = sweep(tmp_path, *SLOW, "hydra.sweeper.n_trials=8")
    assert done.returncode == 0, done.stderr
    assert [trial for trial in trials(tmp_path) if trial in kept] == kept
    assert [trial.state.name for trial in trials(tmp_path)].count("COMPLETE") == 8
    assert "RUNNING" not in {trial.state.name for trial in trials(tmp_path)}


@pytest.mark.parametrize(
    ("error", "says"), [("EIO", "OSError: [Errno 5] Input/output error"), ("ENOENT", "FileNotFoundError: [Errno 2] No")]
)
def test_errors_of_a_jobs_own_files_are_its_own(tmp_path: Path, error: str, says: str) -> None:
    """They fail their trial, as any other error of a job does, and the storage isn't blamed."""
    done = sweep(tmp_path, f"behave=well,{error}", "hydra.sweeper.study_name=toy")
    assert done.returncode == 0, done.stderr
    complete, failed = trials(tmp_path)
    assert (complete.state, failed.state) == (TrialState.COMPLETE, TrialState.FAIL)
    assert failed.user_attrs["reason"].startswith(says)


def test_disk_that_is_full_is_no_fault_of_a_trial(tmp_path: Path) -> None:
    """The next ones would meet it, too: the search stops, and the same command runs the trial again."""
    kept = tmp_path / "multirun" / "toy" / "1" / ".hydra"
    kept.mkdir(parents=True)
    (kept / "config.yaml").symlink_to("/dev/full")
    own = ("n=1,2", "hydra.sweeper.study_name=toy")
    done = sweep(tmp_path, *own)
    assert done.returncode == 1
    told = done.stderr.splitlines()[0]
    assert told.startswith(
        "The disk is full: [Errno 28] No space left on device. Stopped after 1 trial, which is kept."
    )
    assert [trial.state.name for trial in trials(tmp_path)] == ["COMPLETE", "FAIL", "WAITING"]
    assert trials(tmp_path)[1].user_attrs["lost"] == "The disk is full: [Errno 28] No space left on device"
    assert sweep(tmp_path, *own).returncode == 0
    assert [trial.state.name for trial in trials(tmp_path)] == ["COMPLETE", "FAIL", "COMPLETE"]
