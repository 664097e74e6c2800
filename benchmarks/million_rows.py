"""What a million rows of 20 columns take: `python -m benchmarks.million_rows [rows]`.

A table of fractions, whole numbers and two categories is written as CSV and trained on with model=xgboost as a process
of its own: cross-validated, held out, registered. Its peak memory is that beyond a process that only imports the same,
told as a share of what the loaded table takes.
"""

import os
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.run_overhead import IMPORTS, measure
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


def write(n_rows: int, file: str) -> tuple[float, float]:
    """Write the table; return the seconds that it takes to be loaded, and the megabytes that it takes then."""
    make(n_rows).to_csv(file, index=False)
    started = time.perf_counter()
    loaded = data.load(file, target="y")
    return time.perf_counter() - started, loaded.table.memory_usage(deep=True).sum() / 1e6


def main(n_rows: int) -> None:
    """Write, train, print."""
    with tempfile.TemporaryDirectory() as home:
        file, env = Path(home) / "million.csv", {**os.environ, "CHAMPION_HOME": home}
        _, imports = measure([sys.executable, "-c", IMPORTS], env)
        with ProcessPoolExecutor(1) as apart:  # a process that is started from a large one seems as large itself
            loading, loaded = apart.submit(write, n_rows, str(file)).result()
        train = [sys.executable, "src/train.py", "data=csv", f"data.path={file}", "data.target=y", "model=xgboost"]
        seconds, peak = measure(train, env)
    print(f"{n_rows:,} rows, loaded in {loading:.1f} s into {loaded:.0f} MB; trained in {seconds:.0f} s")
    print(
        f"peak {peak:.0f} MB, {peak - imports:.0f} MB beyond imports: {(peak - imports) / loaded:.2f} times the table"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
