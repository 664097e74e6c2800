"""What a run costs beside its fitting: `python benchmarks/run_overhead.py [runs]`.

Each run is a process of its own on a database that exists already. Beside it, in turn, a process that only imports
what a run imports is timed: overhead = wall time - imports - fitting. Medians over the runs (5 unless told).
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
IMPORTS = "import hydra, xgboost; from champion import console, finalist, promotion, report, split, tracking"
RUNS = {
    "random_forest 100": ["model=random_forest", "model.n_estimators=100"],
    "random_forest 150": ["model=random_forest"],
    "random_forest 200": ["model=random_forest", "model.n_estimators=200"],
    "gradient_boosting": ["model=gradient_boosting"],
    "xgboost": ["model=xgboost"],
}


def measure(command: list[str], env: dict[str, str]) -> tuple[float, float]:
    """Return the wall time of a process in seconds, and its peak memory in MB."""
    started = time.perf_counter()
    process = subprocess.Popen(command, env=env, cwd=REPOSITORY, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"{command} failed")
    return time.perf_counter() - started, usage.ru_maxrss / 1000


def main() -> None:
    """Measure every run, print one row for each."""
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory() as home:
        env = {**os.environ, "CHAMPION_HOME": home}
        train = [sys.executable, "src/train.py"]
        measure([*train, "experiment=quick", "promote=true"], env)  # makes the database and a first champion
        print(f"{'run':20}{'wall s':>8}{'imports':>9}{'fitting':>9}{'overhead':>10}{'peak MB':>9}{'test R²':>9}")
        for name, overrides in RUNS.items():
            rows = []
            for repeat in range(repeats):
                folder = Path(home) / f"{name}{repeat}".replace(" ", "")
                imports, _ = measure([sys.executable, "-c", IMPORTS], env)
                wall, memory = measure([*train, *overrides, f"hydra.run.dir={folder}"], env)
                metrics = json.loads((folder / "evaluation_report.json").read_text())["metrics"]
                fitting = metrics["fit_seconds"]
                rows.append((wall, imports, fitting, wall - imports - fitting, memory, metrics["test_r2"]))
            wall, imports, fitting, overhead, memory, r2 = map(statistics.median, zip(*rows, strict=True))
            print(f"{name:20}{wall:8.1f}{imports:9.1f}{fitting:9.1f}{overhead:10.2f}{memory:9.0f}{r2:9.4f}", flush=True)


if __name__ == "__main__":
    main()
