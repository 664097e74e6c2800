"""Decides what a person sees of a sweep: one live line on a terminal or one line a trial in a log, then the leaders."""

import shlex
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from pathlib import Path
from statistics import pstdev

import optuna
from optuna.trial import FrozenTrial, TrialState
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Table

from hydra_plugins.champion_sweeper import WAITS, _command, _results
from hydra_plugins.champion_sweeper._address import shown
from hydra_plugins.champion_sweeper._limits import Limits
from hydra_plugins.champion_sweeper._parameter import chosen, typed
from hydra_plugins.champion_sweeper._space import Space
from hydra_plugins.champion_sweeper._store import LOST, REFUSALS, Store
from hydra_plugins.champion_sweeper._study import REASON, TWIN

BEST = 10  # trials on the leaderboard
PARAMETERS = 8  # named in the opening
EVERY = 0.5  # seconds between two looks at the study


def opening(store: Store, space: Space, *, total: int | None, workers: int, folder: Path, notes: Sequence[str]) -> None:
    """Print what is searched, and how, and what is worth knowing of that."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # no sweep fails because a terminal lacks ±
    names = space.names
    if len(names) > PARAMETERS:
        names = [*names[:3], f"… ({len(names)} in all)"]
    done = sum(trial.state.is_finished() for trial in store.counted())
    known = f", {done} of them done" if done else ""
    _line("study", f"{store.name}: {'no end of' if total is None else total} trials{known}, {workers} at a time")
    _line("space", ", ".join(names))
    here = Path.cwd()
    _line("files", str(folder.relative_to(here) if folder.is_relative_to(here) else folder))
    for said in notes:
        _line("note", said)


@contextmanager
def progress(store: Store, limits: Limits) -> Iterator[None]:
    """Show trials as they finish, until the search ends."""
    console = Console(file=sys.stdout, highlight=False, soft_wrap=True)  # trials redirect what comes after it
    before = {trial.number for trial in store.trials() if trial.state.is_finished()}
    bar = _bar(console)
    over = threading.Event()
    told: set[int] = set()  # trials that wait

    def watch() -> None:
        task, last = bar.add_task("", total=limits.n_trials), False
        while not last:
            last = over.wait(EVERY)
            with suppress(*REFUSALS):  # who runs the trials tells it
                look(task)

    def look(task: TaskID) -> None:
        trials = store.trials()
        if not console.is_terminal:
            _tell(console, trials, told)
        for trial in trials:
            if trial.state.is_finished() and trial.number not in before:
                before.add(trial.number)
                if not console.is_terminal or trial.state is TrialState.FAIL:
                    console.print(_told(trial), markup=False)
        if console.is_terminal:
            done = [trial for trial in trials if trial.state.is_finished() and LOST not in trial.user_attrs]
            waiting = [_waits(trial) for trial in trials if _is_waiting(trial)]
            standing = [*_standing(store.study(), done, limits, started), *waiting[:1]]
            bar.update(task, completed=len(done), description=", ".join(standing))

    started = time.time()
    watcher = threading.Thread(target=watch, daemon=True)
    with bar:
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()


def _bar(console: Console) -> Progress:
    columns = TextColumn("{task.description}", markup=False), BarColumn(bar_width=20)
    quiet = not console.is_terminal
    return Progress(*columns, console=console, disable=quiet, redirect_stdout=False, redirect_stderr=False)


def _standing(study: optuna.Study, done: Sequence[FrozenTrial], limits: Limits, started: float) -> list[str]:
    """Return the parts of the live line: trials done, pruned and failed, the best so far, the time left."""
    parts = [f"trials {len(done)}{f'/{limits.n_trials}' if limits.n_trials else ''}"]
    for state, word in ((TrialState.PRUNED, "pruned"), (TrialState.FAIL, "failed")):
        parts.append(f"{sum(trial.state is state for trial in done)} {word}")
    if any(trial.state is TrialState.COMPLETE for trial in done):
        best = _results.leaders(study)[0]
        parts.append(f"best {score(best)} (trial {best.number})")
    if (left := _seconds_left(done, limits, started)) is not None:
        parts.append(f"{_clock(left)} left")
    return parts


def _tell(console: Console, trials: Sequence[FrozenTrial], told: set[int]) -> None:
    """Print which trials begin to wait, and go on; `told` are the numbers of those that wait, as was said already."""
    for trial in trials:
        if _is_waiting(trial) and trial.number not in told:
            told.add(trial.number)
            console.print(f"trial {trial.number:<4} {_waits(trial)}", markup=False)
        elif trial.number in told and not _is_waiting(trial):
            told.remove(trial.number)
            if trial.state is TrialState.RUNNING:
                console.print(f"trial {trial.number:<4} goes on", markup=False)


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


def _told(trial: FrozenTrial) -> str:
    """Return the line of one finished trial."""
    seconds = f"{trial.duration.total_seconds():.1f} s" if trial.duration else ""
    if LOST in trial.user_attrs:
        what = f"lost: {trial.user_attrs[LOST]}, it is run again"
    elif trial.state is TrialState.FAIL:
        what = f"failed: {trial.user_attrs.get(REASON, 'no reason known')}"
    elif TWIN in trial.user_attrs:
        what = f"same as trial {trial.user_attrs[TWIN]}, not run again"
    elif trial.state is TrialState.PRUNED:
        steps = len(trial.intermediate_values)
        what = f"pruned after {steps} step{'s' if steps != 1 else ''}"
    else:
        what = score(trial)
    return f"trial {trial.number:<4} {what}  {_listed(chosen(trial))}  {seconds}".rstrip()


def results(study: optuna.Study, space: Space, *, store: Store, best: str | None, notes: Sequence[str] = ()) -> None:
    """Print the ten best trials, or those that no other one beats, and how to get the best one again."""
    found = _results.leaders(study)
    console = Console(highlight=False, soft_wrap=True)
    table = Table(box=None, pad_edge=False, header_style="bold")
    groups = list(space.choices(chosen(found[0])))
    for heading in ("trial", "score", *groups, "params", "seconds"):
        table.add_column(
            heading, justify="right" if heading in ("trial", "score", "seconds") else "left", overflow="fold"
        )
    for trial in found[:BEST]:
        options, values = space.choices(chosen(trial)), space.params(chosen(trial))
        written = {key: value if isinstance(value, float) else typed(value) for key, value in values.items()}
        params = _listed({key: value for key, value in written.items() if key not in groups})
        seconds = f"{trial.duration.total_seconds():.1f}" if trial.duration else ""
        cells = (str(trial.number), score(trial), *(str(options.get(group, "")) for group in groups), params, seconds)
        table.add_row(*map(escape, cells))
    console.print()
    console.print(table)
    console.print()
    for said in notes:
        _line("note", said)
    if best:
        _line("best", best)
    _line("study", shlex.join(["optuna-dashboard", shown(store.url)]))


def waiting(n_trials: int) -> None:
    """Print that the last trials are waited for, as their worker may die."""
    _line("study", f"{_trials(n_trials)} of another command {_run(n_trials)} still; waiting, to take over what is lost")


def elsewhere(n_trials: int) -> None:
    """Print that another command ends the study."""
    still = (
        f"{_trials(n_trials)} still {_run(n_trials)} under another command, which" if n_trials else "another command"
    )
    _line("study", f"{still} will end the study; the same command again would, too")


def _trials(number: int) -> str:
    return f"{number} trial{'s' if number != 1 else ''}"


def _run(number: int) -> str:
    return "runs" if number == 1 else "run"


def kept(store: Store, *, last_job: bool = False) -> str:
    """Return what is kept of a study whose search, or whose last job, is stopped, and the command that goes on."""
    done = sum(trial.state.is_finished() for trial in store.counted())
    given = [argument for argument in sys.argv[1:] if not argument.startswith("hydra.sweeper.study_name=")]
    command = _command.program([*given, f"hydra.sweeper.study_name={typed(store.name)}"])
    where = "in the last job" if last_job else f"after {_trials(done)}, which {'is' if done == 1 else 'are'} kept"
    return f"Stopped {where}. {'Do that again' if last_job else 'Go on'} with: {command}"


def score(trial: FrozenTrial) -> str:
    """Return a trial's value or values, with the spread of what it reported where it reported several."""
    values = " / ".join(amount(value) for value in trial.values)
    steps = list(trial.intermediate_values.values())
    return f"{values} ± {amount(pstdev(steps))}" if len(steps) > 1 else values


def amount(value: object) -> str:
    """Return a number with four digits, more where they come before the point, and anything else as it is."""
    if isinstance(value, bool) or not isinstance(value, float):
        return str(value)
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _listed(params: Mapping[str, object]) -> str:
    """Return parameters by the last part of their names, as in `max_depth=6 subsample=0.8`."""
    return " ".join(f"{name.rpartition('.')[2]}={amount(value)}" for name, value in params.items())


def _line(label: str, text: str) -> None:
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"[bold]{label:<10}[/bold]", end="")
    console.print(text, markup=False)
