"""Decides what a person sees of trials while they run: live lines on a terminal, one line a trial in a log."""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from statistics import fmean

from optuna.trial import FrozenTrial, TrialState
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from hydra_plugins.champion_sweeper import WAITS, _results
from hydra_plugins.champion_sweeper._console import amount, listed, score
from hydra_plugins.champion_sweeper._limits import Limits
from hydra_plugins.champion_sweeper._parameter import chosen
from hydra_plugins.champion_sweeper._store import LOST, REFUSALS, Store
from hydra_plugins.champion_sweeper._study import REASON, TWIN
from hydra_plugins.champion_sweeper._watch import watching

EVERY = 0.5  # seconds between two looks at the study
MOST = 8  # trials that run and have a line of their own


@contextmanager
def progress(store: Store, limits: Limits, *, word: str = "trial") -> Iterator[None]:
    """Show trials, or what else the `word` calls them, as they run and finish, until the search ends."""
    console = Console(file=sys.stdout, highlight=False, soft_wrap=True)  # trials redirect what comes after it
    before = {trial.number for trial in store.trials() if trial.state.is_finished()}
    view = _Live(console, store, limits, before, word) if console.is_terminal else _Log(console, before, word)
    with view, watching(lambda: view.look(store.trials()), every=EVERY, unless=REFUSALS):  # who runs them tells it
        yield


class _Log(nullcontext[None]):
    """A line for each trial that finishes, begins to wait, or goes on."""

    def __init__(self, console: Console, finished: set[int], word: str) -> None:
        """Pass over those that have `finished` before; `word` is what the others are called."""
        super().__init__()
        self._console, self._finished, self._waiting, self._word = console, finished, set[int](), word

    def look(self, trials: Sequence[FrozenTrial]) -> None:
        """Say what is new."""
        for trial in trials:
            waits = _is_waiting(trial)
            if waits and trial.number not in self._waiting:
                self._console.print(f"{self._word} {trial.number:<4} {_waits(trial)}", markup=False)
            elif trial.number in self._waiting and not waits and trial.state is TrialState.RUNNING:
                self._console.print(f"{self._word} {trial.number:<4} goes on", markup=False)
            (self._waiting.add if waits else self._waiting.discard)(trial.number)
            if trial.state.is_finished() and trial.number not in self._finished:
                self._finished.add(trial.number)
                self._console.print(_told(trial, self._word), markup=False)


class _Live(Progress):
    """A line for the search and one for each trial that runs, which change; what fails has a line that stays."""

    def __init__(self, console: Console, store: Store, limits: Limits, finished: set[int], word: str) -> None:
        """Pass over those that have `finished` before; `word` is what the others are called."""
        columns = TextColumn("{task.description}", markup=False), BarColumn(bar_width=20)
        super().__init__(*columns, console=console, redirect_stdout=False, redirect_stderr=False)
        self._store, self._limits, self._finished, self._started = store, limits, finished, time.time()
        self._word = word
        self._search, self._rows = self.add_task("", total=limits.n_trials), dict[int, TaskID]()

    def look(self, trials: Sequence[FrozenTrial]) -> None:
        """Show how all goes."""
        done = [trial for trial in trials if trial.state.is_finished() and LOST not in trial.user_attrs]
        complete = any(trial.state is TrialState.COMPLETE for trial in done)
        best = _results.leaders(self._store.study())[0] if complete else None
        for trial in trials:
            if trial.state is TrialState.FAIL and trial.number not in self._finished:
                self._finished.add(trial.number)
                self.console.print(_told(trial, self._word), markup=False)
        standing = _standing(done, best, self._limits, self._started)
        self.update(self._search, completed=len(done), description=", ".join(standing))
        self._show([trial for trial in trials if trial.state is TrialState.RUNNING][:MOST], best)

    def _show(self, running: Sequence[FrozenTrial], best: FrozenTrial | None) -> None:
        """Give each of these trials its line, and take those of others away."""
        for number in self._rows.keys() - {trial.number for trial in running}:
            self.remove_task(self._rows.pop(number))
        steps = len(best.intermediate_values) if best else None
        for trial in running:
            if trial.number not in self._rows:
                self._rows[trial.number] = self.add_task("", total=None)
            reported = len(trial.intermediate_values)
            said = _running(trial, best, self._word)
            self.update(self._rows[trial.number], description=said, completed=reported, total=steps)


def _running(trial: FrozenTrial, best: FrozenTrial | None, word: str) -> str:
    """Return the line of a trial that runs: the steps done, the mean of what it reported, and the best one's there."""
    begins = f"  {word} {trial.number}"
    if _is_waiting(trial):
        return f"{begins} {_waits(trial)}"
    if not (own := trial.intermediate_values):
        return f"{begins} begins"
    parts = [f"{begins} {_steps(len(own))}, {amount(fmean(own.values()))}"]
    if best and best.intermediate_values.keys() >= own.keys():
        parts.append(f"best had {amount(fmean(best.intermediate_values[step] for step in own))}")
    return ", ".join(parts)


def _standing(done: Sequence[FrozenTrial], best: FrozenTrial | None, limits: Limits, started: float) -> Iterator[str]:
    """Yield the parts of the search's line: trials done, pruned and failed, the best so far, the time left."""
    yield f"trials {len(done)}{f'/{limits.n_trials}' if limits.n_trials else ''}"
    for state, word in ((TrialState.PRUNED, "pruned"), (TrialState.FAIL, "failed")):
        yield f"{sum(trial.state is state for trial in done)} {word}"
    if best:
        yield f"best {score(best)} (trial {best.number})"
    if (left := _seconds_left(done, limits, started)) is not None:
        yield f"{_clock(left)} left"


def _is_waiting(trial: FrozenTrial) -> bool:
    return trial.state is TrialState.RUNNING and bool(trial.user_attrs.get(WAITS))


def _waits(trial: FrozenTrial) -> str:
    """Return what a trial waits for, how long it has, and how long it will at most."""
    waits = trial.user_attrs[WAITS]
    since, longest = time.time() - waits["since"], waits["until"] - waits["since"]
    return f"waiting {_clock(since)} of {_clock(longest)}: {waits['why']}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"


def _seconds_left(done: Sequence[FrozenTrial], limits: Limits, started: float) -> int | None:
    now, ends = time.time(), []
    own = [one for one in done if one.datetime_complete and one.datetime_complete.timestamp() > started]
    if limits.n_trials is not None and own:
        ends.append(now + (now - started) / len(own) * (limits.n_trials - len(done)))
    if limits.deadline is not None:
        ends.append(limits.deadline)
    return max(0, round(min(ends) - now)) if ends else None


def _told(trial: FrozenTrial, word: str) -> str:
    """Return the line of one finished trial."""
    seconds = f"{trial.duration.total_seconds():.1f} s" if trial.duration else ""
    if LOST in trial.user_attrs:
        what = f"lost: {trial.user_attrs[LOST]}, it is run again"
    elif trial.state is TrialState.FAIL:
        what = f"failed: {trial.user_attrs.get(REASON, 'no reason known')}"
    elif TWIN in trial.user_attrs:
        what = f"same as trial {trial.user_attrs[TWIN]}, not run again"
    elif trial.state is TrialState.PRUNED:
        what = f"pruned after {_steps(len(trial.intermediate_values))}"
    else:
        what = score(trial)
    return f"{word} {trial.number:<4} {what}  {listed(chosen(trial))}  {seconds}".rstrip()


def _steps(number: int) -> str:
    return f"{number} step{'s' if number != 1 else ''}"
