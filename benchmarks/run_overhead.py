"""What a run costs beside its fitting: `python -m benchmarks.run_overhead [--repeats 5]`.

Each run is a process of its own on a database that exists already. Beside it, in turn, a process that only imports
what such a run imports is timed: overhead = wall time - imports - fitting. Medians over the repeats.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import figures, process

RUNS = {
    "random_forest 100": ["model=random_forest", "model.n_estimators=100"],
    "random_forest 150": ["model=random_forest"],
    "random_forest 200": ["model=random_forest", "model.n_estimators=200"],
    "gradient_boosting": ["model=gradient_boosting"],
    "xgboost": ["model=xgboost"],
}
FOLDS = 5


def measure(overrides: list[str], imports: list[str], home: Path) -> dict[str, float]:
    """Run, and import the same; return what both took."""
    folder = Path(tempfile.mkdtemp(dir=home))
    imported = process.run(*imports, home=home)
    ran = process.train(*overrides, f"hydra.run.dir={folder}", home=home)
    report = process.report(folder)
    asked = dict(word.removeprefix("model.").split("=") for word in overrides)
    if len(report["folds"]) != FOLDS or any(str(report["params"][key]) != value for key, value in asked.items()):
        sys.exit(f"{overrides} fitted {len(report['folds'])} folds with {report['params']}")
    fitting = report["metrics"]["fit_seconds"]
    return {
        "wall": ran.seconds,
        "imports": imported.seconds,
        "fitting": fitting,
        "overhead": ran.seconds - imported.seconds - fitting,
        "peak": ran.megabytes,
        "test_r2": report["metrics"]["test_r2"],
    }


def summary(rows: list[figures.Row]) -> list[figures.Row]:
    """Return the medians of each run."""
    return figures.medians(rows, "run")


def text(found: list[figures.Row]) -> str:
    """Say them."""
    shown: list[dict[str, Any]] = [
        {
            "run": one["run"],
            "test R²": f"{one['test_r2']:.3f}",
            **{f"{name} s": f"{one[name]:.1f}" for name in ("wall", "imports", "fitting")},
            "overhead s": f"{one['overhead']:.2f}",
            "peak MB": f"{one['peak']:.0f}",
        }
        for one in found
    ]
    return f"{figures.table(shown)}\n\nMedians of {found[0]['repeats']} runs each."


def main() -> None:
    """Measure every run."""
    parser = figures.parser(__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--runs", nargs="+", default=list(RUNS), choices=RUNS)
    given = parser.parse_args()
    with figures.measured("run_overhead", save=given.save) as rows, tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        process.train("experiment=quick", "promote=true", home=home)  # makes the database and a first champion
        for name in given.runs:
            imports = process.importing(*RUNS[name], home=home)
            for repeat in range(given.repeats):
                rows.append({"run": name, "repeat": repeat, **measure(RUNS[name], imports, home)})


if __name__ == "__main__":
    main()
