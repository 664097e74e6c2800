"""Decides what a person sees while a run goes on, on a terminal and in a log."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from champion.data import Dataset
from champion.evaluation import Fold
from champion.promotion import Decision
from champion.registry import Version
from champion.tracking import Run

console = Console(highlight=False, soft_wrap=True)


def line(label: str, text: str) -> None:
    """Print one aligned line of facts."""
    console.print(f"[bold]{label:<10}[/bold]", end="")
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
            said = f"RMSE {_amount(fold.metrics['rmse'])} {unit}, R² {fold.metrics['r2']:.3f}"
            progress.update(bar, advance=1, description=said)
            if not console.is_terminal:
                line(f"fold {fold.number}/{n_splits}", f"{said}, fitted in {fold.fit_seconds:.1f} s")

        yield on_fold


def results(metrics: Mapping[str, float], *, unit: str) -> None:
    """Print the metrics as a table: cross-validated, and on the held-out rows where there was a final."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("", "cross-validated", "held out", ""):
        table.add_column(heading, justify="left" if heading == "" else "right")
    spread = f" ± {_amount(metrics['cv_rmse_std'])}"
    for metric, name, show, suffix in (
        ("rmse", "RMSE", _amount, unit),
        ("mae", "MAE", _amount, unit),
        ("mape", "MAPE", "{:.1%}".format, ""),
        ("r2", "R²", "{:.3f}".format, ""),
    ):
        validated = show(metrics[f"cv_{metric}"]) + (spread if metric == "rmse" else "")
        held_out = show(metrics[f"test_{metric}"]) if f"test_{metric}" in metrics else "-"
        table.add_row(f"{name:<9}", validated, held_out, escape(suffix))
    console.print()
    console.print(table)
    console.print()


def verdict(version: Version, decision: Decision) -> None:
    """Print where the new version stands now, and why."""
    line("version", f"{version.name} {version.version} in {version.stage}{', champion' if decision.promoted else ''}")
    line("", decision.reason)


def closing(run: Run, *, ui: str, serve: str | None) -> None:
    """Print where everything is, and the commands that go on from here; `serve` only where there is a champion."""
    line("run", f"{run.name} in {run.experiment}")
    folder = run.folder
    line("files", str(folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder))
    console.print()
    line("compare", ui)
    if serve:
        line("serve", serve)


def _amount(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.4g}"
