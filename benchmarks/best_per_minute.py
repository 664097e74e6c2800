"""The best model per minute: `python -m benchmarks.best_per_minute [--seconds 60] [--tables …] [--tools …]`.

Each tool gets the same rows of each table, the same two cores and the same wall-clock seconds, one after the other, and
is scored on the same held-out rows, by RMSE or log loss. Ours is the whole command, `python src/train.py -m
experiment=best_minute`, from start to end, search, last job, final and registration included; the others may spend all
the seconds within their `fit`, and import and predict beyond them. The rows are split anew for each seed.

FLAML and AutoGluon run where they are installed: in this environment, or in that of the Python which FLAML_PYTHON and
AUTOGLUON_PYTHON name. Results are kept in benchmarks/results/best_per_minute.jsonl, a line each, where a run that is
there already isn't repeated; the table and the picture are made of all of them.
"""

import argparse
import json
import os
import shlex
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

from benchmarks.own_tables import HOUSING
from benchmarks.tables import TABLES
from champion import data, split
from champion.data import Dataset

REPOSITORY = Path(__file__).resolve().parents[1]
RESULTS = REPOSITORY / "benchmarks" / "results" / "best_per_minute.jsonl"
PICTURE = RESULTS.with_suffix(".png")
PEERS = {
    "bare Optuna loop": ("bare_optuna", sys.executable),
    "FLAML": ("flaml_automl", os.environ.get("FLAML_PYTHON", sys.executable)),
    "AutoGluon": ("autogluon_tabular", os.environ.get("AUTOGLUON_PYTHON", sys.executable)),
}
MODULES = {"FLAML": "flaml", "AutoGluon": "autogluon.tabular"}
OURS = "Champion"
CHOSEN = ("california", "diamonds", "chicago", "loans", "credit_data", "hpc_data")
RECIPES = {60: "best_minute", 600: "best_ten_minutes"}


def split_of(table: str, seed: int, folder: Path) -> tuple[Dataset, Dataset, list[str]]:
    """Return the rows to learn from, those held out, and the overrides by which train.py has the same."""
    overrides, read = [], HOUSING
    if table != "california":
        file = folder / f"{table}.csv"
        overrides, read = TABLES[table].write(file), {"path": str(file), "target": TABLES[table].target}
    train, test = split.hold_out(data.load(**read), test_size=0.2, seed=seed)  # type: ignore[arg-type]
    return train, test, overrides


def peer(tool: str, train: Dataset, test: Dataset, *, seed: int, seconds: int, folder: Path) -> float:
    """Let another tool learn and predict; return its error on the held-out rows."""
    train.X.assign(**{train.target: train.y}).to_parquet(folder / "train.parquet")
    test.X.to_parquet(folder / "test.parquet")
    classes = [str(label) for label in train.task.classes]
    facts = {"target": train.target, "task": train.task.name, "classes": classes, "seed": seed}
    (folder / "facts.json").write_text(json.dumps(facts))
    script, python = PEERS[tool]
    command = [python, f"benchmarks/peers/{script}.py", str(folder), str(seconds)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{shlex.join(command)} failed:\n{done.stderr[-2000:]}")
    predicted = np.load(folder / "predicted.npy")
    if not train.task.is_classification:
        return float(root_mean_squared_error(test.y, predicted))
    return float(log_loss([classes.index(str(label)) for label in test.y], predicted, labels=np.arange(len(classes))))


def ours(overrides: list[str], *, seed: int, seconds: int, folder: Path) -> float:
    """Run the recipe as a user would; return the error of the champion on the held-out rows."""
    own = [f"seed={seed}", f"hydra.sweep.dir={folder}/sweep"]
    command = [sys.executable, "src/train.py", "-m", f"experiment={RECIPES[seconds]}", *overrides, *own]
    env = {**os.environ, "CHAMPION_HOME": str(folder)}
    done = subprocess.run(command, cwd=REPOSITORY, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{shlex.join(command)} failed:\n{done.stderr[-2000:]}")
    [report] = (folder / "sweep").glob("best*/evaluation_report.json")
    metrics = json.loads(report.read_text())["metrics"]
    return float(metrics.get("test_rmse", metrics.get("test_log_loss")))


def measure(tool: str, table: str, *, seed: int, seconds: int) -> dict[str, Any]:
    """Run one tool on one split of one table, while nothing else of this benchmark runs."""
    with tempfile.TemporaryDirectory() as name, FileLock(Path(tempfile.gettempdir()) / "best_per_minute.lock"):
        folder = Path(name)
        train, test, overrides = split_of(table, seed, folder)
        started = time.perf_counter()
        if tool == OURS:
            error = ours(overrides, seed=seed, seconds=seconds, folder=folder)
        else:
            error = peer(tool, train, test, seed=seed, seconds=seconds, folder=folder)
        wall = time.perf_counter() - started
    row = {"tool": tool, "table": table, "seed": seed, "seconds": seconds, "error": error, "wall": round(wall, 1)}
    with RESULTS.open("a") as kept:
        kept.write(json.dumps(row) + "\n")
    return row


def is_installed(tool: str) -> bool:
    """Tell whether a peer can be imported by its Python."""
    if (module := MODULES.get(tool)) is None:
        return True
    return not subprocess.run([PEERS[tool][1], "-c", f"import {module}"], capture_output=True, check=False).returncode


def read() -> list[dict[str, Any]]:
    """Return all results so far."""
    return [json.loads(line) for line in RESULTS.read_text().splitlines()] if RESULTS.exists() else []


def table_of(rows: Iterable[dict[str, Any]], seconds: int) -> str:
    """Return, for each table, the mean error over the seeds of each tool, and ours as a share of the best peer's."""
    own = [row for row in rows if row["seconds"] == seconds]
    tools = [tool for tool in (OURS, *PEERS) if any(row["tool"] == tool for row in own)]
    lines = [
        "| table | seeds | " + " | ".join(tools) + " | share of the best peer |",
        "| --- " * (len(tools) + 3) + "|",
    ]
    for table in dict.fromkeys(row["table"] for row in own):
        errors = {
            tool: {row["seed"]: row["error"] for row in own if (row["tool"], row["table"]) == (tool, table)}
            for tool in tools
        }
        common = set.intersection(*(set(found) for found in errors.values())) - (
            {42} if table == "california" else set()
        )
        if not common:
            continue
        means = {tool: statistics.fmean(found[seed] for seed in common) for tool, found in errors.items()}
        shown = [f"{mean:,.0f}" if mean > 100 else f"{mean:.4f}" for mean in means.values()]
        peers = [mean for tool, mean in means.items() if tool != OURS]
        share = f"{means[OURS] / min(peers):.3f}" if OURS in means and peers else "-"
        lines.append(f"| {table} | {len(common)} | " + " | ".join(shown) + f" | {share} |")
    return "\n".join(lines)


def draw(rows: list[dict[str, Any]], seconds: int) -> None:
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
    figure.savefig(PICTURE.with_stem(f"{PICTURE.stem}_{seconds}"), dpi=120)


def main() -> None:
    """Measure what is missing, print the table, draw the picture."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=int, default=60, choices=RECIPES)
    parser.add_argument("--tables", nargs="+", default=CHOSEN)
    parser.add_argument("--tools", nargs="+", default=[OURS, *PEERS])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2, 3, 4])
    given = parser.parse_args()
    tools = [tool for tool in given.tools if tool == OURS or is_installed(tool)]
    known = {(row["tool"], row["table"], row["seed"], row["seconds"]) for row in read()}
    for seed in given.seeds:
        for table in given.tables:
            for tool in tools:
                if (tool, table, seed, given.seconds) not in known:
                    row = measure(tool, table, seed=seed, seconds=given.seconds)
                    print(f"{tool:18}{table:14}{seed:4}{row['error']:14.4f}{row['wall']:8.1f} s", file=sys.stderr)
    print(table_of(read(), given.seconds))
    draw(read(), given.seconds)


if __name__ == "__main__":
    main()
