"""Bad files as a user meets them: `python src/train.py` says one line, and leaves nothing behind."""

import gzip
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from champion import registry
from tests.conftest import Home
from tests.data.tables import N, plain, save


@dataclass(frozen=True)
class Bad:
    """A file, what the command line says of it, and what the answer must hold."""

    content: str | bytes
    says: str
    options: tuple[str, ...] = ()
    file: str = "table.csv"


def rows(line: str, *, odd: str = "") -> str:
    """Return rows after a pattern, the sixth of them an odd one if there is any."""
    return "".join((odd if odd and i == 5 else line.format(i, i % 7, "xy"[i % 2])) + "\n" for i in range(N))


BAD = {
    "empty": Bad("", "table.csv is empty. It must have a header line"),
    "one row": Bad("a,price\n1,2\n", "in its only row"),
    "five rows": Bad(plain(rows=5), "has 5 rows"),
    "no target": Bad(plain(), "data.target 'prise' is not a column of", ("data.target=prise",)),
    "constant target": Bad("a,price\n" + rows("{0},7"), "it is 7 in every row"),
    "blank target": Bad("a,price\n" + rows("{0},{0}.5", odd="1,"), "table.csv, line 7: data.target 'price' must have"),
    "text target": Bad("a,price\n" + rows("{0},{2}"), "must hold numbers for task=regression", ("task=regression",)),
    "ragged": Bad('a,b,price\n"1\n2",x,3\n' + rows("{0},x,{0}.5", odd="1,2"), "table.csv, line 9: 2 cells where"),
    "infinity": Bad("a,price\n" + rows("{0},{0}.5", odd="inf,1"), "line 7: column 'a' holds numbers, but here 'inf'"),
    "latin-1": Bad("größe,price\n".encode("latin-1") + rows("{1},{0}.5").encode(), "line 1: some bytes are no utf-8"),
    "gzip cut off": Bad(gzip.compress(plain().encode())[:80], "Is it cut off, or damaged?", file="table.csv.gz"),
    "a class seen once": Bad("a,price\n" + rows("{0},{2}", odd="3,z"), "'z'"),
}


@pytest.fixture(scope="module")
def answers(empty_home: Home, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Home, int, str]]:
    """Train on each of them, in a home of its own; return the home, the exit status and what stood on stderr."""
    found: dict[str, tuple[Home, int, str]] = {}
    for name, bad in BAD.items():
        home = empty_home.copy(tmp_path_factory.mktemp("bad"))
        done = home.train(*_overrides(bad, home.folder))
        found[name] = (home, done.returncode, done.stderr)
    return found


def _overrides(bad: Bad, folder: Path) -> Iterator[str]:
    yield from ("data=csv", f"data.path={save(folder, bad.content, bad.file)}", "data.target=price", *bad.options)


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_ends_in_one_line_and_leaves_nothing(name: str, answers: dict[str, tuple[Home, int, str]]) -> None:
    """Exit status 1, one line that says what is wrong, no traceback, no model, and no run that seems to go on."""
    home, status, said = answers[name]
    assert BAD[name].says in said
    assert said.startswith("Error: ")
    assert said.count("\n") == 1
    assert "Traceback" not in said
    assert status == 1
    assert not home.client.search_registered_models()
    assert "RUNNING" not in str(home.statuses())


NAMES = ["a[1]", "b<2", '"quoted"', "", "größe", "c{d}", "x__y", "$cost$"]
SHOWN = [name or "column 4" for name in NAMES]


def test_odd_names_are_trained_registered_and_shown(home: Home) -> None:
    """The list of columns and the model's schema hold the real names; one without is called after its place."""
    table = pd.DataFrame({name: [math.sin(place * i) for i in range(100)] for place, name in enumerate(NAMES, start=2)})
    table["price"] = table.sum(axis="columns")
    table.to_csv(home.folder / "odd.csv", index=False)
    path = f"data.path={home.folder / 'odd.csv'}"
    small = ("model=xgboost", "model.n_estimators=5", "n_splits=2", f"hydra.run.dir={home.folder / 'run'}")
    done = home.train("data=csv", path, "data.target=price", *small)
    assert done.returncode == 0, done.stderr
    assert pd.read_csv(home.folder / "run" / "columns.csv")["column"].tolist() == SHOWN
    (name,) = [model.name for model in home.client.search_registered_models()]
    version = registry.by_alias(name)
    assert version is not None
    assert list(registry.load(version).schema.names) == SHOWN
    assert json.loads((home.folder / "run" / "evaluation_report.json").read_text())["data"]["columns"] == 9
