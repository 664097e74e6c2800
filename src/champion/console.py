"""Decides what a person sees while a run goes on, on a terminal and in a log."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from textwrap import wrap

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from champion.data import Dataset
from champion.evaluation import Fold
from champion.promotion.wording import amount
from champion.registry import CHALLENGER, CHAMPION, Event, Version
from champion.tracking import Run

console = Console(highlight=False, soft_wrap=True)
WIDE = 12  # of labels such as challenger


def line(label: str, text: str, *, width: int = 10) -> None:
    """Print one aligned line of facts."""
    console.print(f"[bold]{label:<{width}}[/bold]", end="")
    console.print(text, markup=False)


def opening(dataset: Dataset, train: Dataset, test: Dataset, *, model: str, seed: int) -> None:
    """Print what is learned from what."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # no run fails because a terminal lacks ² or ±
    rows, columns = dataset.X.shape
    line("data", f"{dataset.name}: {rows:,} rows, {columns} columns to predict {dataset.target}, in {dataset.unit}")
    line("split", f"{len(train):,} rows to train on, {len(test):,} held out, seed {seed}")
    line("model", model)


@contextmanager
def folds(n_splits: int, *, unit: str) -> Iterator[Callable[[Fold], None]]:
    """Show the folds as they finish: a progress bar on a terminal, one line each otherwise."""
    columns = (
        TextColumn("[bold]folds[/bold]    "),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.description}", markup=False),
    )
    with Progress(*columns, TimeElapsedColumn(), console=console, disable=not console.is_terminal) as progress:
        bar = progress.add_task("", total=n_splits)

        def on_fold(fold: Fold) -> None:
            said = f"RMSE {amount(fold.metrics['rmse'])} {unit}, R² {fold.metrics['r2']:.3f}"
            progress.update(bar, advance=1, description=said)
            if not console.is_terminal:
                line(f"fold {fold.number}/{n_splits}", f"{said}, fitted in {fold.fit_seconds:.1f} s")

        yield on_fold


def results(metrics: Mapping[str, float], *, unit: str) -> None:
    """Print the metrics as a table: cross-validated, and on the held-out rows where there was a final."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("", "cross-validated", "held out", ""):
        table.add_column(heading, justify="left" if heading == "" else "right")
    spread = f" ± {amount(metrics['cv_rmse_std'])}"
    for metric, name, show, suffix in (
        ("rmse", "RMSE", amount, unit),
        ("mae", "MAE", amount, unit),
        ("mape", "MAPE", "{:.1%}".format, ""),
        ("r2", "R²", "{:.3f}".format, ""),
    ):
        validated = show(metrics[f"cv_{metric}"]) + (spread if metric == "rmse" else "")
        held_out = show(metrics[f"test_{metric}"]) if f"test_{metric}" in metrics else "-"
        table.add_row(f"{name:<9}", validated, held_out, escape(suffix))
    console.print()
    console.print(table)
    console.print()


def verdict(version: Version, reason: str) -> None:
    """Print where the version stands now, and why."""
    roles = [f", {alias}" for alias in (CHAMPION, CHALLENGER) if alias in version.aliases]
    line("version", f"{version.name} {version.version} in {version.stage}{''.join(roles)}")
    line("", reason)


def status(name: str, versions: Sequence[Version], past: Sequence[Event]) -> None:
    """Print who is champion since when and why, who is challenger, and where all versions of the model stand."""
    line("model", f"{name}, times in UTC", width=WIDE)
    for role in (CHAMPION, CHALLENGER):
        holder = next((version for version in versions if role in version.aliases), None)
        event = past[-1] if past and role == CHAMPION else None
        since = f" since {_time(event.at)}, {event.how}" if holder and event else ""
        line(role, f"version {holder.version}{since}" if holder else "none", width=WIDE)
        if holder:
            _why(event.reason if event else holder.reason, run=holder.run_name, command=holder.command)
    console.print()
    # A terminal folds what is too long for it; a file has no width, and gets every word whole.
    (console if console.is_terminal else Console(highlight=False, width=1000)).print(_table(versions), soft_wrap=False)
    console.print()


def history(name: str, past: Sequence[Event]) -> None:
    """Print every change of champion, newest last: which version from when until when, how, why, and by whom."""
    line("model", f"{name}, times in UTC", width=WIDE)
    for event, after in zip(past, [*past[1:], None], strict=True):
        until = _time(after.at) if after else "now"
        label = f"version {event.version}" if event.version else "nobody"
        line(label, f"{_time(event.at)} until {until}, {event.how} by {event.by}", width=WIDE)
        _why(event.reason, run=event.run_name, command=event.command)


def _why(reason: str, *, run: str, command: str) -> None:
    """Print the reason in whole words, and the command in one piece that can be copied."""
    room = max(console.width - WIDE, 20) if console.is_terminal else len(reason) + 1
    for part in wrap(reason, room, break_on_hyphens=False):
        line("", part, width=WIDE)
    if said := f"{run}: {command}" if command else run:
        line("", said, width=WIDE)


def _table(versions: Sequence[Version]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for heading in ("version", "stage", "aliases", "cv_rmse", "test_rmse", "run", "created"):
        number = heading in ("version", "cv_rmse", "test_rmse")
        table.add_column(heading, justify="right" if number else "left", no_wrap=heading != "run", overflow="fold")
    for version in versions:
        errors = [amount(version.metrics[key]) if key in version.metrics else "-" for key in ("cv_rmse", "test_rmse")]
        words = (version.stage, ", ".join(version.aliases), *errors, version.run_name, _time(version.created)[:-3])
        table.add_row(str(version.version), *map(escape, words))
    return table


def _time(iso: str) -> str:
    """Return the time to the second."""
    return iso[:19].replace("T", " ")


def closing(run: Run, *, ui: str, serve: str | None) -> None:
    """Print where everything is, and the commands that go on from here; `serve` only where there is a champion."""
    line("run", f"{run.name} in {run.experiment}")
    folder = run.folder
    line("files", str(folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder))
    console.print()
    line("compare", ui)
    if serve:
        line("serve", serve)
