"""Keep what benchmarks measure, and write it into the pages that show it: `python -m benchmarks.figures`.

A benchmark that is told to `--save` keeps its rows, those of every repeat, in benchmarks/results/NAME.json, beside the
command, the commit and the machine. Its `summary` makes figures of the rows and its `text` says them in Markdown, which
stands on the pages between `<!-- figures: NAME -->` and `<!-- end -->`. A file without rows has `figures` that were
written down by hand (`transcribed`).
"""

import argparse
import json
import platform
import re
import shlex
import statistics
import subprocess
import sys
import textwrap
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import distributions
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from joblib import cpu_count

from benchmarks.process import REPOSITORY

RESULTS = REPOSITORY / "benchmarks" / "results"
PAGES = [REPOSITORY / "benchmarks" / "README.md", REPOSITORY / "deploy" / "README.md"]
CORES = 2  # which the pages speak of
SAME = 1e-6  # by which share scores and predictions of equal work may differ
LIBRARIES = ("hydra-core", "optuna", "mlflow", "scikit-learn", "xgboost", "lightgbm", "pandas", "numpy", "shap")

LINES = textwrap.TextWrapper(120, break_on_hyphens=False, break_long_words=False)

Row = dict[str, Any]


def parser(documentation: str | None) -> argparse.ArgumentParser:
    """Return the parser of a benchmark's command line, with the option that all have."""
    made = argparse.ArgumentParser(description=(documentation or "").partition("\n")[0])
    made.add_argument("--save", action="store_true", help="keep the figures, and write them into the pages")
    return made


@contextmanager
def measured(name: str, *, save: bool, by: str | None = None) -> Iterator[list[Row]]:
    """Take the rows of a benchmark; when all are there, print what they say and, if told, keep them.

    Those that were kept before stay where none has the same value in the column `by`, with the commit that they are of.
    """
    begun, rows = origin(saved=save), list[Row]()
    yield rows
    benchmark = import_module(f"benchmarks.{name}")
    print(benchmark.text(benchmark.summary(rows)))
    begun["commit"] = " to ".join(dict.fromkeys((begun["commit"], commit())))
    if save and by:
        of = {key: begun[key] for key in ("command", "commit", "version", "date")}
        anew = {row[by] for row in rows}
        others = [row for row in kept(name).get("rows", []) if row[by] not in anew]
        begun, rows = begun | {"command": f"python -m benchmarks.{name}"}, [*others, *(row | of for row in rows)]
    if save:
        keep(name, {**begun, "rows": rows})


def origin(*, saved: bool) -> Row:
    """Return the command, commit, version, date and machine; exit where other code or too much would be measured."""
    found = find_spec("champion")
    if found is None or found.origin is None or not Path(found.origin).is_relative_to(REPOSITORY):
        sys.exit(f"champion is that of {found and found.origin}, not this repository's: `export PYTHONPATH=src` first.")
    if saved and cpu_count() != CORES:
        sys.exit(
            f"What is saved is of {CORES} cores, but there are {cpu_count()}: type `taskset -c 0,1` before the rest."
        )
    return {
        "command": shlex.join(["python", *sys.orig_argv[1:]]),
        "commit": commit(),
        "version": project_version(),
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": {
            "cores": cpu_count(),
            "python": platform.python_version(),
            "libraries": {one.name: one.version for one in distributions() if one.name in LIBRARIES},
        },
    }


def project_version() -> str:
    """Return the version in pyproject.toml."""
    project: dict[str, str] = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    return project["version"]


def commit(repository: Path = REPOSITORY) -> str:
    """Return the commit that is checked out; -dirty where more is changed than what is kept here."""
    git = ["git", "-C", str(repository)]
    described = subprocess.run([*git, "describe", "--always"], capture_output=True, text=True, check=True)
    others = [
        ".",
        *(f":(exclude){name}" for name in ("benchmarks/results", "benchmarks/README.md", "deploy/README.md")),
    ]
    changed = subprocess.run([*git, "diff", "--quiet", "HEAD", "--", *others], check=False).returncode
    return described.stdout.strip() + ("-dirty" if changed else "")


def keep(name: str, result: Row) -> None:
    """Write a benchmark's file of results, a line for each row, and the pages."""
    head = json.dumps({key: value for key, value in result.items() if key != "rows"}, indent=2).removesuffix("\n}")
    rows = ",\n    ".join(json.dumps(row, allow_nan=False) for row in result["rows"])
    (RESULTS / f"{name}.json").write_text(f'{head},\n  "rows": [\n    {rows}\n  ]\n}}\n')
    main()


def kept(name: str) -> Row:
    """Return a benchmark's file of results."""
    result: Row = json.loads((RESULTS / f"{name}.json").read_text())
    return result


def said(name: str) -> str:
    """Return what a benchmark's results say, and where they are from."""
    benchmark, result = import_module(f"benchmarks.{name}"), kept(name)
    figures = benchmark.summary(result["rows"]) if "rows" in result else result["figures"]
    text: Callable[[Any], str] = getattr(benchmark, "text", table)
    commits = dict.fromkeys(row.get("commit", result["commit"]) for row in result.get("rows", [{}]))
    seen = "Written down" if result.get("transcribed") else "Measured"
    where = f"{seen} at commit {', '.join(commits)} (version {', '.join(versions(result))}) by `{result['command']}`."
    blocks = [*text(figures).split("\n\n"), " ".join([where, *result.get("notes", [])])]
    return "\n\n".join(block if block.startswith("|") else LINES.fill(block) for block in blocks)


def versions(result: Row) -> list[str]:
    """Return the versions of the project that a file's figures are of."""
    return list(dict.fromkeys(row.get("version", result["version"]) for row in result.get("rows", [{}])))


def written(page: str) -> str:
    """Return the page with what the results say now."""
    marked = r"(<!-- figures: (\w+) -->\n).*?(?=<!-- end -->)"
    return re.sub(marked, lambda found: f"{found[1]}\n{said(found[2])}\n\n", page, flags=re.DOTALL)


def table(rows: Iterable[Mapping[str, object]]) -> str:
    """Return rows as a table in Markdown, with their keys as its heading."""
    rows = list(rows)
    lines = [list(rows[0]), ["---"] * len(rows[0]), *([str(cell) for cell in row.values()] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def grouped(rows: Iterable[Row], key: str) -> dict[Any, list[Row]]:
    """Return the rows that have the key, by its value."""
    groups: dict[Any, list[Row]] = {}
    for row in rows:
        if key in row:
            groups.setdefault(row[key], []).append(row)
    return groups


def medians(rows: Iterable[Row], key: str) -> list[Row]:
    """Return a row for each value of the key: how many there were as `repeats`, and the medians of the numbers."""
    return [
        {key: value, "repeats": len(own)}
        | {other: statistics.median(row[other] for row in own) for other in own[0] if other not in (key, "repeat")}
        for value, own in grouped(rows, key).items()
    ]


def is_same(one: float, other: float) -> bool:
    """Tell whether two scores are of equal work."""
    return abs(one - other) <= SAME * abs(other)


def ratio(ours: Iterable[float], others: Iterable[float]) -> dict[str, float]:
    """Return the median, least and most of the ratios within repeats."""
    ratios = [one / other for one, other in zip(ours, others, strict=True)]
    return {"ratio": statistics.median(ratios), "least": min(ratios), "most": max(ratios)}


def spanned(found: Mapping[str, float]) -> str:
    """Return a ratio and its span with three figures."""
    return "{ratio:.3g} ({least:.3g} to {most:.3g})".format_map(found)


def main() -> None:
    """Write the pages anew."""
    for page in PAGES:
        page.write_text(written(page.read_text()))


if __name__ == "__main__":
    main()
