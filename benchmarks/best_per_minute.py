"""The best model per minute: `python -m benchmarks.best_per_minute [--seconds 60] [--tables …] [--tools …]`.

Each tool gets the same rows of each table, the same two cores and the same wall-clock seconds, one after the other, and
is scored on the same held-out rows, by RMSE or log loss. Ours is the whole command, `python src/train.py -m
experiment=best_minute`, from start to end, search, last job, final and registration included; the others may spend all
the seconds within their `fit`, and import and predict beyond them. The rows are split anew for each seed.

FLAML and AutoGluon run where they are installed: in this environment, or in that of the Python which FLAML_PYTHON and
AUTOGLUON_PYTHON name. Each run is kept as soon as it is there (in benchmarks/results/, beside its commit), and isn't
repeated in the same version unless `--again` says so; the tables and the pictures are made of all of them.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from sklearn.metrics import log_loss, root_mean_squared_error

from benchmarks import figures, process
from benchmarks.own_tables import check, read, shown
from champion.data import Dataset, split

PEERS = {
    "bare Optuna loop": ("bare_optuna", sys.executable),
    "FLAML": ("flaml_automl", os.environ.get("FLAML_PYTHON", sys.executable)),
    "AutoGluon": ("autogluon_tabular", os.environ.get("AUTOGLUON_PYTHON", sys.executable)),
}
MODULES = {"FLAML": "flaml", "AutoGluon": "autogluon.tabular"}
OURS = "Champion"
CHOSEN = ("california", "diamonds", "chicago", "loans", "credit_data", "hpc_data")
RECIPES = {60: "best_minute", 600: "best_ten_minutes"}
SEEDS = (0, 1, 2, 3, 4)
SUGGESTED = 42  # the seed of conf/, whose split the features were tried on
NAME = "best_per_minute"


def peer(tool: str, train: Dataset, test: Dataset, *, seed: int, seconds: int, folder: Path) -> float:
    """Let another tool learn and predict; return its error on the held-out rows."""
    train.X.assign(**{train.target: train.y}).to_parquet(folder / "train.parquet")
    test.X.to_parquet(folder / "test.parquet")
    classes = [str(label) for label in train.task.classes]
    facts = {"target": train.target, "task": train.task.name, "classes": classes, "seed": seed}
    (folder / "facts.json").write_text(json.dumps(facts))
    script, python = PEERS[tool]
    command = [python, f"benchmarks/peers/{script}.py", str(folder), str(seconds)]
    process.run(*command, home=folder)
    predicted = np.load(folder / "predicted.npy")
    if len(predicted) != len(test) or (classes and not np.allclose(predicted.sum(axis=1), 1, atol=1e-3)):
        sys.exit(f"{tool} predicted an array of shape {predicted.shape} for {len(test)} rows and classes {classes}")
    if not train.task.is_classification:
        return float(root_mean_squared_error(test.y, predicted))
    return float(log_loss([classes.index(str(label)) for label in test.y], predicted, labels=np.arange(len(classes))))


def ours(overrides: list[str], test: Dataset, *, seed: int, seconds: int, folder: Path) -> float:
    """Run the recipe as a user would; return the error of the champion on the held-out rows."""
    own = [f"seed={seed}", f"hydra.sweep.dir={folder}/sweep"]
    process.train("-m", f"experiment={RECIPES[seconds]}", *overrides, *own, home=folder)
    check(test, folder)
    [best] = (folder / "sweep").glob("best*/")
    return float(process.report(best)["metrics"][f"test_{test.task.metric}"])


def measure(tool: str, table: str, *, seed: int, seconds: int) -> figures.Row:
    """Run one tool on one split of one table, while nothing else of this benchmark runs; keep the row."""
    with tempfile.TemporaryDirectory() as name, FileLock(Path(tempfile.gettempdir()) / "best_per_minute.lock"):
        begun, folder = figures.origin(saved=True), Path(name)
        whole, overrides = read(table, folder)
        train, test = split.hold_out(whole, test_size=0.2, seed=seed)
        started = time.perf_counter()
        if tool == OURS:
            error = ours(overrides, test, seed=seed, seconds=seconds, folder=folder)
        else:
            error = peer(tool, train, test, seed=seed, seconds=seconds, folder=folder)
        wall = round(time.perf_counter() - started, 1)
        row = {"tool": tool, "table": table, "seed": seed, "seconds": seconds, "error": error, "wall": wall}
        others = [one for one in rows() if key(one) != key(row)]
        of = {name: begun[name] for name in ("commit", "version", "date")}
        figures.keep(NAME, {**begun, "rows": [*others, row | of]})
    return row


def key(row: figures.Row) -> tuple[Any, ...]:
    """Return what there is one row of."""
    return tuple(row[name] for name in ("tool", "table", "seed", "seconds"))


def is_installed(tool: str) -> bool:
    """Tell whether a peer can be imported by its Python."""
    if (module := MODULES.get(tool)) is None:
        return True
    return not subprocess.run([PEERS[tool][1], "-c", f"import {module}"], capture_output=True, check=False).returncode


def rows() -> list[figures.Row]:
    """Return all results so far."""
    found: list[figures.Row] = figures.kept(NAME)["rows"]
    return found


def summary(rows: list[figures.Row]) -> list[figures.Row]:
    """Return the rows: all are shown."""
    return rows


def text(rows: list[figures.Row]) -> str:
    """Say what all tools reach, what ours does on each split of California, and how long the commands take."""
    walls = [
        f"{tool} {min(own):.0f} to {max(own):.0f} s (median {statistics.median(own):.0f})"
        for tool in (OURS, *PEERS)
        if (own := [row["wall"] for row in rows if (row["tool"], row["seconds"]) == (tool, 60)])
    ]
    return (
        f"Means of the errors on the held-out rows, RMSE or log loss, after 60 s:\n\n{table_of(rows, 60)}\n\n"
        f"California's splits, by Champion:\n\n{splits_of(rows)}\n\nWhole commands took: {', '.join(walls)}."
    )


def splits_of(rows: Iterable[figures.Row]) -> str:
    """Return the error of ours on each split of California, by seconds."""
    found = figures.grouped((row for row in rows if (row["tool"], row["table"]) == (OURS, "california")), "seconds")
    errors = {seconds: {row["seed"]: row["error"] for row in own} for seconds, own in sorted(found.items())}
    return figures.table(
        {"seed": f"{seconds} s"}
        | {str(seed): shown(own[seed]) if seed in own else "-" for seed in (*SEEDS, SUGGESTED)}
        | {f"mean of {SEEDS[0]} to {SEEDS[-1]}": shown(statistics.fmean(own[seed] for seed in SEEDS if seed in own))}
        for seconds, own in errors.items()
    )


def table_of(rows: Iterable[figures.Row], seconds: int) -> str:
    """Return, for each table, the mean error over the seeds of each tool, and ours as a share of the best peer's."""
    own = [row for row in rows if row["seconds"] == seconds]
    tools = [tool for tool in (OURS, *PEERS) if any(row["tool"] == tool for row in own)]
    cells = []
    for table in dict.fromkeys(row["table"] for row in own):
        errors = {
            tool: {row["seed"]: row["error"] for row in own if (row["tool"], row["table"]) == (tool, table)}
            for tool in tools
        }
        common = set.intersection(*(set(found) for found in errors.values())) & set(SEEDS)
        if not common:
            continue
        means = {tool: statistics.fmean(found[seed] for seed in common) for tool, found in errors.items()}
        peers = [mean for tool, mean in means.items() if tool != OURS]
        share = f"{means[OURS] / min(peers):.3f}" if OURS in means and peers else "-"
        errors_shown = {tool: shown(mean) for tool, mean in means.items()}
        cells.append({"table": table, "seeds": len(common), **errors_shown, "share of the best peer": share})
    return figures.table(cells)


def draw(rows: list[figures.Row], seconds: int) -> None:
    """Draw each run's error as a share of the best peer's mean on that table, if there were peers."""
    from matplotlib.figure import Figure

    own = [row for row in rows if row["seconds"] == seconds]
    if not any(row["tool"] in PEERS for row in own):
        return
    tables = list(dict.fromkeys(row["table"] for row in own))
    figure = Figure(figsize=(10, 4.5), layout="constrained")
    axes = figure.subplots()
    tools = [OURS, *PEERS]
    for place, tool in enumerate(tools):
        for position, table in enumerate(tables):
            here = [row for row in own if row["table"] == table]
            means = [
                statistics.fmean(one)
                for other in PEERS
                if (one := [row["error"] for row in here if row["tool"] == other])
            ]
            mine = [row["error"] / min(means) for row in here if row["tool"] == tool] if means else []
            x = position + (place - 1.5) * 0.18
            axes.plot([x] * len(mine), mine, "o", color=f"C{place}", alpha=0.6, label=tool if position == 0 else None)
            if mine:
                axes.plot([x - 0.07, x + 0.07], [statistics.fmean(mine)] * 2, color=f"C{place}", linewidth=2)
    axes.axhline(1, color="grey", linewidth=0.8)
    axes.set_xticks(range(len(tables)), tables)
    axes.set_ylabel("error as a share of the best peer's mean")
    axes.set_title(f"{seconds} seconds on two cores: a dot for each split, a bar for their mean")
    axes.legend()
    figure.savefig(figures.RESULTS / f"{NAME}_{seconds}.png", dpi=120)


def main() -> None:
    """Measure what is missing, print the tables, draw the picture."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=int, default=60, choices=RECIPES)
    parser.add_argument("--tables", nargs="+", default=CHOSEN)
    parser.add_argument("--tools", nargs="+", default=[OURS, *PEERS])
    parser.add_argument("--seeds", nargs="+", type=int, default=SEEDS)
    parser.add_argument("--again", action="store_true", help="measure what is there already, too")
    given = parser.parse_args()
    tools = [tool for tool in given.tools if tool == OURS or is_installed(tool)]
    now = figures.project_version()
    known = {key(row) for row in rows() if row["version"] == now and not given.again}
    for seed in given.seeds:
        for table in given.tables:
            for tool in tools:
                if (tool, table, seed, given.seconds) not in known:
                    row = measure(tool, table, seed=seed, seconds=given.seconds)
                    print(f"{tool:18}{table:14}{seed:4}{row['error']:14.4f}{row['wall']:8.1f} s", file=sys.stderr)
    print(text(rows()))
    draw(rows(), given.seconds)


if __name__ == "__main__":
    main()
