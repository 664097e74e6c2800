"""Decides what a person sees of a sweep: what is searched, then the leaders, or what is kept of it."""

import shlex
import sys
from collections.abc import Mapping, Sequence
from io import TextIOWrapper
from pathlib import Path
from statistics import pstdev
from typing import TYPE_CHECKING

from optuna.trial import FrozenTrial
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from hydra_plugins.champion_sweeper import _address, _command
from hydra_plugins.champion_sweeper._parameter import chosen, typed
from hydra_plugins.champion_sweeper._space import Space
from hydra_plugins.champion_sweeper._store import Store

if TYPE_CHECKING:
    from hydra_plugins.champion_sweeper._again import Found

BEST = 10  # trials on the leaderboard
PARAMETERS = 8  # named in the opening


def opening(store: Store, space: Space, workers: int, folder: Path, notes: Sequence[str], total: int | None) -> None:
    """Print what is searched, and how, by how many trials in `total`, and what is worth knowing of that."""
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


def results(
    space: Space, found: "Found", *, store: Store, best: str | None, ended: str, notes: Sequence[str] = ()
) -> None:
    """Print the ten best trials, or those that no other one beats, why it ended, and how to get the best one again."""
    console = Console(highlight=False, soft_wrap=True)
    table = Table(box=None, pad_edge=False, header_style="bold")
    groups = list(space.choices(chosen(found.leaders[0])))
    again = ["again"] if found.again else []
    for heading in ("trial", "score", *again, *groups, "params", "seconds"):
        right = heading in ("trial", "score", "again", "seconds")
        table.add_column(heading, justify="right" if right else "left", overflow="fold")
    for trial in found.leaders[:BEST]:
        options, values = space.choices(chosen(trial)), space.params(chosen(trial))
        written = {key: value if isinstance(value, float) else typed(value) for key, value in values.items()}
        params = listed({key: value for key, value in written.items() if key not in groups})
        seconds = f"{trial.duration.total_seconds():.1f}" if trial.duration else ""
        value = f"{'≈ ' if trial.number in found.as_good else ''}{score(trial)}"
        more = [amount(found.again[trial.number]) if trial.number in found.again else ""] if again else []
        own = (str(options.get(group, "")) for group in groups)
        table.add_row(*map(escape, (str(trial.number), value, *more, *own, params, seconds)))
    console.print()
    console.print(table)
    console.print()
    _line("ended", ended)
    for label, lines in (("choice", found.said), ("note", notes)):
        for said in lines:
            _line(label, said)
    if best:
        _line("best", best)
    _line("study", shlex.join(["optuna-dashboard", _address.shown(store.url)]))


def again(numbers: Sequence[int], _: int | None) -> None:
    """Print which trials are run again."""
    listed = f"{', '.join(map(str, numbers[:-1]))} and {numbers[-1]}"
    _line("again", f"trials {listed} on other folds, as theirs can't tell them apart")


def unrepeated(why: str) -> None:
    """Print that what was found stands, though it couldn't be run again."""
    _line("note", f"what was run again failed, so the choice is that of the search. {why}")


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


def listed(params: Mapping[str, object]) -> str:
    """Return parameters by the last part of their names, as in `max_depth=6 subsample=0.8`."""
    return " ".join(f"{name.rpartition('.')[2]}={amount(value)}" for name, value in params.items())


def _line(label: str, text: str) -> None:
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"[bold]{label:<10}[/bold]", end="")
    console.print(text, markup=False)
