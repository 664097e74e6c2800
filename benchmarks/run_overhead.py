"""What a run costs beside its fitting: `python -m benchmarks.run_overhead [--repeats 5]`.

Each run is a process of its own on a database that exists already. Beside it, in turn, the same is run with threads=1,
where no fit overlaps with another or with anything else, and a process that only imports what such a run imports:
overhead = wall time of a thread - imports - fitting. Medians over the repeats.
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
    """Run as typed, run in one thread, and import the same; return what they took."""
    imported = process.run(*imports, home=home).seconds
    ran, report = run(overrides, home)
    alone, timed = run([*overrides, "threads=1"], home)
    fitting = timed["metrics"]["fit_seconds"]
    if (overhead := alone.seconds - imported - fitting) < 0:
        sys.exit(f"{overrides} took {alone.seconds:.1f} s, less than imports ({imported:.1f}) and fits ({fitting:.1f})")
    return {
        "wall": ran.seconds,
        "alone": alone.seconds,
        "imports": imported,
        "fitting": fitting,
        "overhead": overhead,
        "peak": ran.megabytes,
        "test_r2": report["metrics"]["test_r2"],
    }


def run(overrides: list[str], home: Path) -> tuple[process.Ran, dict[str, Any]]:
    """Run; return what it took and its evaluation, which must be of the folds and the model that were asked for."""
    folder = Path(tempfile.mkdtemp(dir=home))
    ran = process.train(*overrides, f"hydra.run.dir={folder}", home=home)
    report = process.report(folder)
    asked = dict(word.removeprefix("model.").split("=") for word in overrides if word.startswith("model"))
    if len(report["folds"]) != FOLDS or any(str(report["params"][key]) != value for key, value in asked.items()):
        sys.exit(f"{overrides} fitted {len(report['folds'])} folds with {report['params']}")
    return ran, report


def summary(rows: list[figures.Row]) -> list[figures.Row]:
    """Return the medians of each run."""
    return figures.medians(rows, "run")


def text(found: list[figures.Row]) -> str:
    """Say them."""
    shown: list[dict[str, Any]] = [
        {
            "run": one["run"],
            "test R²": f"{one['test_r2']:.3f}",
            "wall s": f"{one['wall']:.1f}",
            "in one thread s": f"{one['alone']:.1f}" if "alone" in one else "-",
            **{f"{name} s": f"{one[name]:.1f}" for name in ("imports", "fitting")},
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
