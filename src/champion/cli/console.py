"""Decides what a person sees while a run goes on, on a terminal and in a log."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from textwrap import wrap
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from champion.base.home import shown
from champion.base.words import amount, key, shorten
from champion.registry import CHALLENGER, CHAMPION, Event, Version

if TYPE_CHECKING:  # which not all who print have imported
    import pandas as pd

    from champion.data import Dataset, Summary
    from champion.learning.evaluation import Fold
    from champion.tracking import Run, Sweep

console = Console(highlight=False, soft_wrap=True)
WIDE = 12  # of labels such as challenger
MOST_COLUMNS = 40  # of a table that are shown
SHOWN: dict[str, tuple[str, Callable[[float], str]]] = {
    "rmse": ("RMSE", amount),
    "mae": ("MAE", amount),
    "mape": ("MAPE", lambda share: f"{share:.1%}" if share < 10 else "-"),  # without meaning for targets about 0
    "r2": ("R²", "{:.3f}".format),
    "log_loss": ("log loss", "{:.4f}".format),
    "accuracy": ("accuracy", "{:.1%}".format),
    "balanced_accuracy": ("balanced accuracy", "{:.1%}".format),
    "f1": ("F1", "{:.3f}".format),
    "roc_auc": ("ROC AUC", "{:.3f}".format),
    "average_precision": ("average precision", "{:.3f}".format),
}


def line(label: str, text: str, *, width: int = 10, link: str = "") -> None:
    """Print one aligned line of facts; of a `link` its address, or on a terminal, which can be clicked on, a text."""
    console.print(f"[bold]{label:<{width}}[/bold]", end="")
    shown = link if link and not console.is_terminal else text
    console.print(shown, markup=False, style=f"link {link}" if link else None)


def opening(data: "Summary", train: "Dataset", test: "Dataset", *, told: bool, model: str, seed: int) -> None:
    """Print what is learned from what; the task was `told`, or else it is said that it was guessed."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # no run fails because a terminal lacks ² or ±
    counted = f"{data.columns - 1} column{'' if data.columns == 2 else 's'}"
    line("data", f"{data.name}: {data.rows:,} rows, {counted} to predict {data.target}{_in_unit(train)}")
    line("task", f"{_task(train)}{'' if told else ', told from the target; task=… overrides it'}")
    line("split", f"{len(train):,} rows to train on, {len(test):,} held out, {_split(train, seed)}")
    line("model", model)


def _in_unit(dataset: "Dataset") -> str:
    return "" if dataset.task.is_classification or dataset.unit == dataset.target else f", in {dataset.unit}"


def _task(dataset: "Dataset") -> str:
    task, classes = dataset.task, dataset.task.classes
    if not task.is_classification:
        return task.name
    if len(classes) == 2:
        share = float((dataset.y == task.positive).mean())
        return f"{task.name}, {key(task.positive)} ({share:.1%} of the rows) or {key(classes[0])}"
    return f"{task.name}, {len(classes)} classes: {shorten(map(key, classes), limit=6)}"


def _split(dataset: "Dataset", seed: int) -> str:
    if dataset.time is not None:
        return f"the latest by {dataset.time.name}"
    return f"no {dataset.group.name} in both, seed {seed}" if dataset.group is not None else f"seed {seed}"


def columns(found: "pd.DataFrame") -> None:
    """Print what was found in each column and what was done with it; of very many, the first ones."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for heading in found.columns:
        table.add_column(
            heading, justify="right" if heading == "missing" else "left", overflow="ellipsis", no_wrap=True
        )
    for name, kind, holds, missing, treated in found.head(MOST_COLUMNS).astype(object).to_numpy():
        shown = (name, kind or "-", holds, _share(missing), treated)
        table.add_row(*(escape(word) for word in shown))
    console.print()
    _whole(table)
    if len(found) > MOST_COLUMNS:
        console.print(f"… and {len(found) - MOST_COLUMNS:,} more, in columns.csv")
    console.print()


def _share(missing: float) -> str:
    """Return a share in percent, of which a tiny one isn't none."""
    return "-" if missing == 0 else "< 0.1%" if missing < 0.0005 else f"{missing:.1%}"


def advice(lines: Sequence[str]) -> None:
    """Print what is worth knowing before the scores are believed."""
    for said in lines:
        line("note", said)
    if lines:
        console.print()


@contextmanager
def folds(n_splits: int, dataset: "Dataset") -> Iterator[Callable[["Fold"], None]]:
    """Show the folds as they finish: a progress bar on a terminal, one line each otherwise."""
    columns = (
        TextColumn("[bold]folds[/bold]    "),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.description}", markup=False),
    )
    with Progress(*columns, TimeElapsedColumn(), console=console, disable=not console.is_terminal) as progress:
        bar = progress.add_task("", total=n_splits)

        def on_fold(fold: "Fold") -> None:
            said = _said(fold, dataset)
            progress.update(bar, advance=1, description=said)
            if not console.is_terminal:
                line(f"fold {fold.number}/{n_splits}", f"{said}, fitted in {fold.fit_seconds:.1f} s")

        yield on_fold


def _said(fold: "Fold", dataset: "Dataset") -> str:
    if dataset.task.is_classification:
        return f"log loss {fold.metrics['log_loss']:.4f}, accuracy {fold.metrics['accuracy']:.1%}"
    return f"RMSE {amount(fold.metrics['rmse'])} {dataset.unit}, R² {fold.metrics['r2']:.3f}"


def results(metrics: Mapping[str, float], dataset: "Dataset") -> None:
    """Print the metrics as a table: cross-validated, and on the held-out rows where there was a final."""
    from champion.learning.evaluation import metrics_of

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("", "cross-validated", "held out", ""):
        table.add_column(heading, justify="left" if heading == "" else "right")
    for metric in metrics_of(dataset.task):
        name, show = SHOWN[metric]
        in_unit = show is amount
        spread = f" ± {show(metrics[f'cv_{metric}_std'])}" if f"cv_{metric}_std" in metrics else ""
        held_out = show(metrics[f"test_{metric}"]) if f"test_{metric}" in metrics else "-"
        validated = show(metrics[f"cv_{metric}"]) + spread
        table.add_row(f"{name:<9}", validated, held_out, escape(dataset.unit if in_unit else ""))
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
    _whole(_table(versions))
    console.print()


def history(name: str, past: Sequence[Event]) -> None:
    """Print every change of champion, newest last: which version from when until when, how, why, and by whom."""
    line("model", f"{name}, times in UTC", width=WIDE)
    for event, after in zip(past, [*past[1:], None], strict=True):
        until = _time(after.at) if after else "now"
        label = f"version {event.version}" if event.version else "nobody"
        line(label, f"{_time(event.at)} until {until}, {event.how} by {event.by}", width=WIDE)
        _why(event.reason, run=event.run_name, command=event.command)


def leaderboard(sweep: "Sweep") -> None:
    """Print the trials of a sweep in their order, with the params that differ."""
    line("sweep", f"{sweep.study}, by {sweep.objective}", width=WIDE)
    console.print()
    every = [one.params for one in sweep.trials]
    names = list(dict.fromkeys(name for params in every for name in params))
    differ = [name for name in names if len({params.get(name) for params in every}) > 1]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for heading in ("trial", sweep.objective, "seconds", "ended", "params"):
        table.add_column(heading, justify="left" if heading in ("ended", "params") else "right", overflow="fold")
    for one in sweep.trials:
        params = " ".join(f"{name}={one.params[name]}" for name in differ if name in one.params)
        value, seconds = (amount(found) if found is not None else "-" for found in (one.value, one.seconds))
        table.add_row(str(one.trial), value, seconds, one.state.replace("pruned", "early"), escape(params))
    _whole(table)


def _why(reason: str, *, run: str, command: str) -> None:
    """Print the reason in whole words, and the command in one piece that can be copied."""
    room = max(console.width - WIDE, 20) if console.is_terminal else len(reason) + 1
    for part in wrap(reason, room, break_on_hyphens=False):
        line("", part, width=WIDE)
    if said := f"{run}: {command}" if command else run:
        line("", said, width=WIDE)


def _whole(table: Table) -> None:
    """Print a table: a terminal cuts what is too long for it, a file has no width and gets every word whole."""
    (console if console.is_terminal else Console(highlight=False, width=1000)).print(table, soft_wrap=False)


def _table(versions: Sequence[Version]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    is_classification = any("cv_log_loss" in version.metrics for version in versions)
    metrics = [f"{rows}_{'log_loss' if is_classification else 'rmse'}" for rows in ("cv", "test")]
    for heading in ("version", "stage", "aliases", *metrics, "run", "created"):
        number = heading in ("version", *metrics)
        table.add_column(heading, justify="right" if number else "left", no_wrap=heading != "run", overflow="fold")
    for version in versions:
        errors = [amount(version.metrics[name]) if name in version.metrics else "-" for name in metrics]
        words = (version.stage, ", ".join(version.aliases), *errors, version.run_name, _time(version.created)[:-3])
        table.add_row(str(version.version), *map(escape, words))
    return table


def _time(iso: str) -> str:
    """Return the time to the second."""
    return iso[:19].replace("T", " ")


def closing(run: "Run", *, ui: str, serve: str | None) -> None:
    """Print where everything is, and the commands that go on from here; `serve` only where there is a champion."""
    line("run", f"{run.name} in {run.experiment}")
    line("files", shown(run.folder))
    console.print()
    line("compare", ui)
    if serve:
        line("serve", serve)
