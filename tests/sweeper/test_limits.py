"""champion_sweeper/_limits.py, _queue.py: when no further trial begins, and who takes which."""

import socket
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from hydra_plugins.champion_sweeper import LAST_JOB, _queue
from hydra_plugins.champion_sweeper._limits import Limits
from hydra_plugins.champion_sweeper._parameter import Parameter
from hydra_plugins.champion_sweeper._patience import Patience
from hydra_plugins.champion_sweeper._queue import LENGTH, REFILL, TRIES, fill, top_up
from hydra_plugins.champion_sweeper._space import Space
from hydra_plugins.champion_sweeper._store import CLAIMS, WORKER, Store
from hydra_plugins.champion_sweeper._study import close_lost, create


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Return a fresh study's store."""
    kept = Store(str(tmp_path / "study.journal"), "toy")
    create(kept, directions=["minimize"], made_with={}, command="own")
    return kept


def done(seconds: float, *, last_job: float | None = None, trials: int = 1) -> FrozenTrial:
    """Return a complete trial that took so long, of which the last job takes so much."""
    told = None if last_job is None else {"own": last_job, "rest": 4.0, "trials": trials}
    trial = create_trial(value=1.0, user_attrs={LAST_JOB: told} if told else {})
    trial.datetime_complete = datetime.now()
    trial.datetime_start = trial.datetime_complete - timedelta(seconds=seconds)
    return trial


def limits(seconds: float | None, *, last_job: bool = True) -> Limits:
    """Return limits with so many seconds to go."""
    return Limits(None, None if seconds is None else time.time() + seconds, 0.5, last_job=last_job)


def take(store: Store, worker: str, *, total: int | None) -> FrozenTrial | None:
    """Take the next trial as a worker does whose only limit is the total."""
    found = _queue.take(store, worker, Limits(total, None, 1.0))
    return found and found[0]


@pytest.mark.parametrize(
    ("left", "last_job", "over"),
    [(100, True, False), (35, True, True), (35, False, False), (5, False, True), (None, True, False)],
)
def test_search_leaves_time_for_the_last_job(store: Store, left: float | None, last_job: bool, over: bool) -> None:
    """A trial takes 10 s and the last job 30: with 35 s left none begins, but where there is no last job."""
    store.study().add_trials([done(10, last_job=26), done(20, last_job=21)])
    assert limits(left, last_job=last_job).reached(store.counted()) is over


def test_last_job_takes_as_long_as_the_longest_trial_unless_told(store: Store) -> None:
    """A job that tells nothing is taken to last as long again as the slowest trial did."""
    store.study().add_trials([done(10), done(20)])
    assert limits(25).reached(store.counted())
    assert not limits(35).reached(store.counted())


def test_last_job_is_made_of_the_slowest_trials_at_most(store: Store) -> None:
    """A team of two takes what the two slowest take, and 4 s beside them."""
    store.study().add_trials([done(1, last_job=seconds, trials=2) for seconds in (5, 20, 10)])
    assert limits(34).reached(store.counted())
    assert not limits(36).reached(store.counted())


def test_running_trial_goes_on_where_none_is_complete(store: Store) -> None:
    """Late as it is, the first trial isn't ended, or there would be no model at all."""
    assert not limits(-1).is_over(store)
    store.study().add_trial(done(1))
    assert limits(-1).is_over(store)
    assert not limits(60).is_over(store)
    assert not limits(60).is_over(store, needed=50)
    assert limits(60).is_over(store, needed=61)


def test_trial_that_was_pruned_says_nothing_of_the_time(store: Store) -> None:
    """How long a trial takes is learned from complete ones."""
    pruned = done(1, last_job=1000)
    pruned.state = TrialState.PRUNED
    store.study().add_trial(pruned)
    assert not limits(100).reached(store.counted())
    assert optuna.load_study(study_name="toy", storage=store.storage).trials[0].state is TrialState.PRUNED


def test_running_trial_always_has_a_worker(store: Store) -> None:
    """Killed right after it took a trial, a worker loses it at once: nobody waits for it any more."""
    store.study().enqueue_trial({"x": 1.0})
    gone = f"{socket.gethostname()}-none@own"
    assert take(store, gone, total=1) is not None
    assert take(store, gone, total=1) is None
    assert store.trials()[0].user_attrs[WORKER] == gone
    close_lost(store, command="own")
    states = [trial.state for trial in store.trials()]
    assert states == [TrialState.FAIL, TrialState.WAITING]
    again = store.start(store.trials()[1])
    assert again.suggest_float("x", 0, 100) == 1.0  # the queued value, which the killed one hadn't come to choose


def test_total_is_kept_whatever_the_queue_holds(store: Store) -> None:
    """Two commands that fill the queue at one moment make it too long; only as many as the total are taken."""
    for _ in range(5):
        store.study().enqueue_trial({})
    taken = [take(store, "one@own", total=3) for _ in range(4)]
    assert [trial and trial.number for trial in taken] == [0, 1, 2, None]


def test_queue_is_short_and_filled_again(store: Store) -> None:
    """Of many trials a few wait at a time; one that is lost is queued again, and the total stays."""
    top_up(store, 1000)
    assert len(store.trials(TrialState.WAITING)) == LENGTH
    assert store.take(store.trials(TrialState.WAITING)[1:], "gone@own") is not None
    close_lost(store, command="own")
    top_up(store, 1000)
    assert len(store.trials(TrialState.WAITING)) == LENGTH
    for _ in range(5):
        store.take(store.trials(TrialState.WAITING), "one@own")
    top_up(store, LENGTH + 3)
    assert len(store.counted()) == LENGTH + 3


def test_worker_that_dies_while_it_fills_the_queue_leaves_no_gap(store: Store) -> None:
    """What it was to add is added, once."""
    top_up(store, 1000)
    assert store.take(store.trials(TrialState.WAITING), "gone@own") is not None  # and adds nothing any more
    for _ in range(2):
        top_up(store, 1000)
        assert len(store.counted()) == LENGTH + REFILL


def test_workers_fill_the_queue_side_by_side(store: Store) -> None:
    """In whatever order they take, it never runs dry before the total, and holds nothing beyond it."""
    top_up(store, 200)

    def work(number: int) -> list[int]:
        taken = iter(lambda: take(store, f"worker-{number}@own", total=200), None)
        return [trial.number for trial in taken if trial]

    with ThreadPoolExecutor(8) as pool:
        taken = [number for numbers in pool.map(work, range(8)) for number in numbers]
    assert sorted(taken) == [trial.number for trial in store.trials()] == list(range(200))


def test_total_that_is_raised_while_the_last_trial_runs_is_filled(store: Store) -> None:
    """The worker that is on it knows the smaller total, and adds none."""
    space = Space((Parameter("x", "x", FloatDistribution(0, 1)),), {})
    fill(store, space, n_trials=1)
    assert take(store, "one@own", total=1) is not None
    fill(store, space, n_trials=3)
    assert len(store.trials(TrialState.WAITING)) == 2


def test_worker_that_others_outrun_looks_again_while_trials_wait(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """It gives up at an empty queue, and not because a rival was quicker with whatever it tried."""
    top_up(store, LENGTH)
    claim, lost = Store._claim, CLAIMS * TRIES

    def outrun(self: Store, trial: FrozenTrial, worker: str) -> bool:
        if worker == "slow@own" and len(self.trials(TrialState.RUNNING)) < lost:
            assert claim(self, trial, "rival@own")
        return claim(self, trial, worker)

    monkeypatch.setattr(Store, "_claim", outrun)
    monkeypatch.setattr(time, "sleep", lambda _: None)  # between one look and the next
    assert take(store, "slow@own", total=LENGTH) is not None
    assert len(store.trials(TrialState.RUNNING)) == lost + 1


def test_queue_that_holds_all_is_left_as_it_is(store: Store) -> None:
    """A grid waits as a whole, and nothing is added to it."""
    for _ in range(LENGTH + 5):
        store.study().enqueue_trial({})
    top_up(store, LENGTH + 5)
    while take(store, "one@own", total=LENGTH + 5):
        pass
    assert [trial.state for trial in store.trials()] == [TrialState.RUNNING] * (LENGTH + 5)


def test_search_without_an_end_adds_the_trial_that_is_taken(store: Store) -> None:
    """Where there is no total nothing waits, but what a worker of it is about to take."""
    top_up(store, None)
    assert not store.trials()
    taken = [take(store, "one@own", total=None) for _ in range(2)]
    assert [trial and trial.number for trial in taken] == [0, 1]
    assert [trial.state for trial in store.trials()] == [TrialState.RUNNING] * 2


def ended(*values: float | None, seconds_ago: float = 0) -> list[FrozenTrial]:
    """Return trials that ended one after the other, the last one so many seconds ago; None was ended early."""
    now, found = datetime.now(), []
    for number, value in enumerate(values):
        state = TrialState.PRUNED if value is None else TrialState.COMPLETE
        trial = create_trial(value=value, state=state)
        trial.number = number
        trial.datetime_start = trial.datetime_complete = now - timedelta(seconds=seconds_ago + len(values) - 1 - number)
        found.append(trial)
    return found


@pytest.mark.parametrize(
    ("values", "lost"),
    [
        ((5.0, 4.0, 4.0, 4.0, 4.0), True),
        ((5.0, 4.0, None, None, None), True),
        ((5.0, 4.0, None, 4.0), False),
        ((5.0, 4.999, 4.998, 4.997), True),  # each by less than a thousandth
        ((5.0, 4.999, 4.998, 4.994), False),  # together by more
        ((None, None, None, None), False),  # there is nothing to be put forward yet
        ((), False),
    ],
)
def test_patience_ends_a_search_without_a_gain(values: Sequence[float | None], lost: bool) -> None:
    """Three trials that end without one, also early, are enough; small gains add up."""
    patience = Patience(3, None, 0.001)
    assert bool(patience.lost(ended(*values))) is lost
    assert bool(Limits(None, None, 1.0, patience=patience).reached(ended(*values))) is lost
    upwards = [value and -value for value in values]
    assert bool(Patience(3, None, 0.001, maximize=True).lost(ended(*upwards))) is lost


def test_patience_may_be_of_seconds() -> None:
    """What ended before the last gain doesn't count, however long ago."""
    patience = Patience(None, 60, 0.001)
    assert patience.lost(ended(5.0, 5.0, seconds_ago=61)) == "62 s without a gain of 0.1 %"
    assert not patience.lost(ended(5.0, 5.0, seconds_ago=50))
    assert not patience.lost(ended(*[5.0] * 60, 4.0, seconds_ago=50))
