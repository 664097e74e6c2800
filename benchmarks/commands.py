"""What commands take as they are typed, against another checkout: `python -m benchmarks.commands --before FOLDER`.

FOLDER has the code of an older commit, as `git worktree add FOLDER COMMIT` makes it. Both run in turn, each in a home
of its own with a database and a champion. The last two share the cores with two processes that never rest. Both must
come to the same scores.
"""

import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks import figures, process
from benchmarks.process import REPOSITORY

TRAIN, BESIDE = "python src/train.py", ", beside two busy loops"
COMMANDS = {
    TRAIN: (["src/train.py"], 0),
    "python -m champion status": (["-m", "champion", "status"], 0),
    f"{TRAIN} promote=false{BESIDE}": (["src/train.py", "promote=false"], 2),
    f"{TRAIN} model=xgboost promote=false{BESIDE}": (["src/train.py", "model=xgboost", "promote=false"], 2),
}


def main() -> None:
    """Measure each command."""
    parser = figures.parser(__doc__)
    parser.add_argument("--before", type=Path, required=True)
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    sides = {"before": given.before.resolve(), "now": REPOSITORY}
    with figures.measured("commands", save=given.save) as rows, tempfile.TemporaryDirectory() as folder:
        homes = {side: Path(folder, side) for side in sides}
        for side, code in sides.items():
            homes[side].mkdir()
            run(["src/train.py", "experiment=quick", "promote=true"], code, homes[side])
        for (name, (command, loops)), repeat in product(COMMANDS.items(), range(given.repeats)):
            with busy(loops):
                done = {side: run(command, code, homes[side]) for side, code in sides.items()}
            compare(name, done)
            seconds = {side: ran.seconds for side, (ran, _) in done.items()}
            rows.append({"typed": name, "repeat": repeat, "of": figures.commit(sides["before"]), **seconds})


def run(command: list[str], code: Path, home: Path) -> tuple[process.Ran, dict[str, float]]:
    """Run a command of the code in a folder; return what it took, and the scores of a training."""
    own = [f"hydra.run.dir={tempfile.mkdtemp(dir=home)}"] if "src/train.py" in command else []
    env = {**process.environment(home), "PYTHONPATH": str(code / "src")}
    ran = process.run(sys.executable, *command, *own, home=home, cwd=code, env=env)
    return ran, process.report(Path(own[0].partition("=")[2]))["metrics"] if own else {}


def compare(name: str, done: dict[str, tuple[process.Ran, dict[str, float]]]) -> None:
    """Exit unless both come to the same scores."""
    before, now = (
        {metric: value for metric, value in scores.items() if metric.startswith(("cv_", "test_"))}
        for _, scores in done.values()
    )
    if before.keys() != now.keys() or not all(figures.is_same(now[one], before[one]) for one in now):
        sys.exit(f"{name} comes to other scores than before, so the work differs: {before}, {now}")


@contextmanager
def busy(n: int) -> Iterator[None]:
    """Let so many processes take what they can get of the cores meanwhile."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(n)]
    try:
        yield
    finally:
        for one in loops:
            one.kill()
            one.wait()


def summary(rows: list[figures.Row]) -> list[figures.Row]:
    """Return the medians of each command, and the ratios within repeats."""
    found = []
    for typed, own in figures.grouped(rows, "typed").items():
        now, before = ([row[side] for row in own] for side in ("now", "before"))
        medians = {"now": statistics.median(now), "before": statistics.median(before)}
        found.append({"typed": typed, "of": own[0]["of"], "repeats": len(own), **medians, **figures.ratio(now, before)})
    return found


def text(found: list[figures.Row]) -> str:
    """Say them."""
    shown: list[dict[str, Any]] = [
        {
            "typed": f"`{one['typed'].removesuffix(BESIDE)}`{BESIDE if BESIDE in one['typed'] else ''}",
            f"at {one['of']} s": f"{one['before']:.1f}",
            "now s": f"{one['now']:.1f}",
            "ratio within a repeat": figures.spanned(one),
        }
        for one in found
    ]
    return f"{figures.table(shown)}\n\nMedians of {found[0]['repeats']} repeats."


if __name__ == "__main__":
    main()
