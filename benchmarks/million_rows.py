"""What a million rows of 20 columns take: `python -m benchmarks.million_rows [--rows 1000000]`.

A table of fractions, whole numbers and two categories is written as CSV and trained on with model=xgboost as a process
of its own: cross-validated, held out, registered. Its peak memory, with that of the processes that it starts, is that
beyond a process that only imports the same, told as a share of what the loaded table takes.
"""

import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks import figures, process
from champion import data


def make(n_rows: int) -> pd.DataFrame:
    """Return 19 columns and the target that they give, but for chance."""
    rng = np.random.default_rng(0)
    columns: dict[str, np.ndarray] = {f"x{n}": rng.normal(size=n_rows).round(4) for n in range(14)}
    columns |= {f"count{n}": rng.integers(0, 1000, n_rows) for n in range(3)}
    columns |= {"kind": rng.choice([f"kind {n}" for n in range(12)], n_rows)}
    columns |= {"city": rng.choice([f"city {n}" for n in range(500)], n_rows)}
    noise = rng.normal(size=n_rows)
    y = 3 * columns["x0"] + columns["x1"] * columns["x2"] + 2 * (columns["kind"] == "kind 1") + noise
    return pd.DataFrame(columns | {"y": y.round(4)})


def write(n_rows: int, file: str) -> dict[str, float]:
    """Write the table; return its size, the seconds it takes to be loaded, and the megabytes that it takes then."""
    (made := make(n_rows)).to_csv(file, index=False)
    started = time.perf_counter()
    loaded = data.load(file, target="y")
    seconds = time.perf_counter() - started
    megabytes = loaded.table.memory_usage(deep=True).sum() / 1e6
    return {"rows": len(made), "columns": made.shape[1], "loading": seconds, "table": megabytes}


def summary(rows: list[figures.Row]) -> figures.Row:
    """Return the medians, and the memory beyond that of imports."""
    [found] = figures.medians(rows, "rows")
    return found | {"beyond": found["peak"] - found["imports"]}


def text(found: figures.Row) -> str:
    """Say them."""
    return (
        f"A file of {found['rows']:,} rows and {found['columns']} columns is read into {found['table']:.0f} MB; "
        f"cross-validated, fitted, scored and registered in {found['training']:.0f} s, with at most "
        f"{found['beyond']:.0f} MB beyond what its imports take: "
        f"{found['beyond'] / found['table']:.2f} times the table."
    )


def main() -> None:
    """Write and train."""
    parser = figures.parser(__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    given = parser.parse_args()
    with figures.measured("million_rows", save=given.save) as rows, tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        imported = process.run(*process.importing("model=xgboost", "model.n_estimators=5", home=home), home=home)
        with ProcessPoolExecutor(1) as apart:  # a process that is started from a large one seems as large itself
            written = apart.submit(write, given.rows, f"{home}/million.csv").result()
        train = ["data=csv", f"data.path={home}/million.csv", "data.target=y", "model=xgboost"]
        ran = process.train(*train, f"hydra.run.dir={home}/run", home=home, together=True)
        report = process.report(home / "run")
        if (read := [report["data"]["rows"], report["data"]["columns"]]) != [written["rows"], written["columns"]]:
            sys.exit(f"{read} rows and columns were trained on, of {written}")
        if (r2 := report["metrics"]["test_r2"]) < 0.5:  # the mean has 0, what y is made of 0.9
            sys.exit(f"a model with a test R² of {r2:.3f} has learned too little to be measured")
        took = {"training": ran.seconds, "peak": ran.megabytes, "imports": imported.megabytes, "test_r2": r2}
        rows.append(written | took)


if __name__ == "__main__":
    main()
