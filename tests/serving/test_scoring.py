"""scoring.py: a file is predicted row by row, under the rules of the server."""

import csv
import gzip
import io
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from champion import data, tracking
from champion.base.errors import ChampionError
from champion.serving import model, scoring
from champion.serving.model import ServedModel
from champion.serving.output import check_output
from champion.serving.scoring import Scored
from tests.conftest import Home

HEADER = ["sold", "size", "rooms", "garden", "place", "price"]


def rows(n_rows: int) -> list[list[str]]:
    """Make rows of a file: dates as people write them, numbers with gaps, whole ones, truths, categories, a target."""
    rng = np.random.default_rng(0)
    made = []
    for _ in range(n_rows):
        size, rooms = float(rng.uniform(20, 200)), int(rng.integers(1, 9))
        day = pd.Timestamp("2023-01-01") + pd.Timedelta(days=int(rng.integers(0, 700)))
        shown = "NA" if rng.random() < 0.1 else f"{size:.2f}"
        place = str(rng.choice(["sea", "the hill, above", "town"]))
        price = f"{size * 3000 + rooms * 500:.2f}"
        made.append([f"{day:%d/%m/%Y}", shown, str(rooms), str(rng.choice(["true", "false"])), place, price])
    return made


def score(file: Path, out: Path, served: ServedModel, **written: Any) -> Scored:
    """Score a file as the command does."""
    output = check_output(str(out), source=str(file))
    with scoring.open_table(str(file)) as table:
        return scoring.score(served, table, output, **written)


def write(file: Path, table: list[list[str]], header: list[str] = HEADER, sep: str = ",") -> Path:
    """Write a CSV file."""
    with gzip.open(file, "wt", newline="") if file.suffix == ".gz" else file.open("w", newline="") as opened:
        csv.writer(opened, delimiter=sep).writerows([header, *table])
    return file


def lines(file: Path) -> list[list[str]]:
    """Return the lines of a CSV file."""
    content = file.read_bytes()
    text = (gzip.decompress(content) if file.suffix == ".gz" else content).decode()
    return list(csv.reader(io.StringIO(text)))


@pytest.fixture(scope="module")
def scored(empty_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Make a home with two champions, one of prices and one of places."""
    home = empty_home.copy(tmp_path_factory.mktemp("scored"))
    tracking.connect(home.uri)
    file = str(write(home.folder / "houses.csv", rows(300)))
    home.put_forward(data.load(file, target="price"), name="prices")
    home.put_forward(data.load(file, target="place"), name="places")
    return home


@pytest.fixture
def prices(scored: Home) -> ServedModel:
    """Load the champion of prices."""
    tracking.connect(scored.uri)
    return model.load(model.find("prices"))


@pytest.fixture
def places(scored: Home) -> ServedModel:
    """Load the champion of places."""
    tracking.connect(scored.uri)
    return model.load(model.find("places"))


def expected(served: ServedModel, file: Path, **written: str) -> np.ndarray:
    """Return what the pipeline predicts of the rows as a training reads them."""
    table = data.load(str(file), target="price", **written)  # type: ignore[arg-type]
    return np.asarray(served.stored.pipeline.predict(table.X))


@pytest.mark.parametrize("out", ["scored.csv", "scored.csv.gz"])
def test_columns_stay_as_they_were_and_a_prediction_follows(prices: ServedModel, tmp_path: Path, out: str) -> None:
    """Cells are handed on to the letter, the target among them; predictions are the pipeline's own digits."""
    table = rows(50)
    file = write(tmp_path / "new.csv", table)
    assert score(file, tmp_path / out, prices) == Scored(50, [], Counter())
    header, *found = lines(tmp_path / out)
    assert header == [*HEADER, "prediction"]
    assert [row[:-1] for row in found] == table
    assert [float(row[-1]) for row in found] == expected(prices, file).tolist()
    assert {path.name for path in tmp_path.iterdir()} == {"new.csv", out}


def test_classes_come_with_their_probabilities(places: ServedModel, tmp_path: Path) -> None:
    """The class is written as the file has it, and the columns of probabilities are named after the classes."""
    file = write(tmp_path / "new.csv", rows(50))
    score(file, tmp_path / "scored.csv", places)
    found = pd.read_csv(tmp_path / "scored.csv")
    shares = found[["probability_sea", "probability_the hill, above", "probability_town"]]
    assert shares.sum(axis=1).to_numpy() == pytest.approx(1)
    assert [name.removeprefix("probability_") for name in map(str, shares.idxmax(axis=1))] == found[
        "prediction"
    ].tolist()


def test_columns_may_come_in_any_order_and_company(prices: ServedModel, tmp_path: Path) -> None:
    """Whatever else is in the file, wherever a column stands and whatever separates them: the predictions are equal."""
    table = rows(20)
    plain = write(tmp_path / "plain.csv", table)
    other = [[f"id {number}", *row[::-1], "note"] for number, row in enumerate(table)]
    mixed = write(tmp_path / "mixed.csv.gz", other, ["id", *HEADER[::-1], "remark"], sep=";")
    score(plain, tmp_path / "a.csv", prices)
    score(mixed, tmp_path / "b.csv", prices)
    first, second = (pd.read_csv(tmp_path / f"{name}.csv", sep=sep)["prediction"] for name, sep in ("a,", "b;"))
    assert first.tolist() == second.tolist()


def test_parquet_is_read_and_written(prices: ServedModel, tmp_path: Path) -> None:
    """Types are those of the file: dates, truths, categories and gaps as Parquet holds them."""
    file = write(tmp_path / "new.csv", rows(40))
    typed = pd.read_csv(file).astype({"place": "category"})
    typed["sold"] = pd.to_datetime(typed["sold"], format="%d/%m/%Y")
    typed.to_parquet(tmp_path / "new.parquet", index=False)
    score(tmp_path / "new.parquet", tmp_path / "scored.parquet", prices)
    found = pd.read_parquet(tmp_path / "scored.parquet")
    assert list(found) == [*HEADER, "prediction"]
    assert found["prediction"].tolist() == expected(prices, file).tolist()
    assert found["sold"].equals(typed["sold"])


def test_decimal_commas_and_words_for_gaps_are_understood(prices: ServedModel, tmp_path: Path) -> None:
    """What a training can be told of a file, a prediction can be told too."""
    table = [[cell.replace(".", ",").replace("NA", "?") for cell in row] for row in rows(30)]
    file = write(tmp_path / "new.csv", table, sep=";")
    score(file, tmp_path / "scored.csv", prices, decimal=",", missing=["?"])
    plain = write(tmp_path / "plain.csv", rows(30))
    found = [
        float(line.rpartition(";")[2].replace(",", "."))
        for line in (tmp_path / "scored.csv").read_text().splitlines()[1:]
    ]
    assert found == expected(prices, plain).tolist()


@pytest.mark.parametrize(
    ("column", "cell", "says"),
    [
        ("size", "large", "line 4: column 'size' must hold a finite number, but holds text."),
        ("size", "inf", "line 4: column 'size' must hold a finite number"),
        ("size", "0x1F", "line 4: column 'size' must hold a finite number"),
        ("rooms", "3.5", "line 4: column 'rooms' must hold a whole number"),
        ("rooms", "", "line 4: column 'rooms' must hold a whole number, but holds nothing"),
        ("sold", "31/31/2023", "line 4: column 'sold' must hold a date"),
        ("garden", "maybe", "line 4: column 'garden' must hold true or false"),
        ("place", "NA", "line 4: column 'place' must hold text, but holds nothing."),
    ],
)
def test_cell_that_the_server_would_refuse_is_named(
    prices: ServedModel, tmp_path: Path, column: str, cell: str, says: str
) -> None:
    """The line and the column are told, and nothing is left where the predictions would have been."""
    table = rows(5)
    table[2][HEADER.index(column)] = cell
    file = write(tmp_path / "new.csv", table)
    with pytest.raises(ChampionError) as refused:
        score(file, tmp_path / "scored.csv", prices)
    assert f"new.csv, {says}" in str(refused.value)
    assert [path.name for path in tmp_path.iterdir()] == ["new.csv"]


def test_column_that_is_missing_or_taken_is_named(prices: ServedModel, tmp_path: Path) -> None:
    """A misspelt column finds its name, and no column of the file is overwritten."""
    misspelt = write(tmp_path / "a.csv", rows(3), [*HEADER[:2], "room", *HEADER[3:]])
    with pytest.raises(ChampionError, match=r"no column 'rooms', which prices 1 needs. Did you mean 'room'\?"):
        score(misspelt, tmp_path / "scored.csv", prices)
    taken = write(tmp_path / "b.csv", rows(3), [*HEADER[:5], "prediction"])
    with pytest.raises(ChampionError, match=r"b.csv has a column 'prediction' already"):
        score(taken, tmp_path / "scored.csv", prices)


def test_place_to_write_to_is_checked(prices: ServedModel, tmp_path: Path) -> None:
    """Neither the file itself, nor another kind of file, nor a folder that isn't there is written to."""
    file = write(tmp_path / "new.csv", rows(3))
    for out, says in [
        (file, "is the file that is read"),
        (tmp_path / "scored.xlsx", "must end in one of .csv, .csv.gz, .parquet"),
        (tmp_path / "nowhere" / "scored.csv", "there is no folder"),
    ]:
        with pytest.raises(ChampionError, match=says):
            score(file, out, prices)
    assert [path.name for path in tmp_path.iterdir()] == ["new.csv"]


def test_file_that_cant_be_read_is_answered_in_the_commands_words(prices: ServedModel, tmp_path: Path) -> None:
    """A remedy names the option of this command, not the key of a training's config."""
    file = tmp_path / "new.csv"
    file.write_bytes("sold,size\né,1\n".encode("latin-1"))
    with pytest.raises(ChampionError, match="--encoding=latin-1"):
        score(file, tmp_path / "scored.csv", prices)


def predict(home: Home, *options: str, **others: Any) -> subprocess.CompletedProcess[str]:
    """Run `python -m champion predict`."""
    return home.run("-m", "champion", "predict", *options, **others)


def test_command_prints_csv_or_writes_a_file(scored: Home, tmp_path: Path) -> None:
    """Without -o the standard output holds the table and nothing else; what was done is said beside it."""
    file = write(tmp_path / "new.csv", rows(30))
    printed = predict(scored, str(file), "--model", "prices", cold=True)
    assert printed.returncode == 0, printed.stderr
    assert printed.stderr == "30 rows predicted by prices 1\n"
    done = predict(scored, str(file), "-o", str(tmp_path / "scored.csv"), "--model", "prices", "--version", "1")
    assert (done.returncode, done.stdout) == (0, "")
    assert (tmp_path / "scored.csv").read_text() == printed.stdout
    refused = predict(scored, str(file))
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("Error: Several models have a champion: ")


def test_file_with_a_header_alone_gives_one(prices: ServedModel, tmp_path: Path) -> None:
    """A day without rows is no mistake."""
    file = write(tmp_path / "new.csv", [])
    assert score(file, tmp_path / "scored.csv", prices).n_rows == 0
    assert lines(tmp_path / "scored.csv") == [[*HEADER, "prediction"]]
    pd.read_csv(file).to_parquet(tmp_path / "new.parquet")
    assert score(tmp_path / "new.parquet", tmp_path / "scored.parquet", prices).n_rows == 0
    assert list(pd.read_parquet(tmp_path / "scored.parquet")) == [*HEADER, "prediction"]


def test_command_says_what_training_never_saw(scored: Home, tmp_path: Path) -> None:
    """Cells of categories are counted by column, and where they are most of it the column may be another one."""
    table = rows(20)
    for row in table[:15]:
        row[HEADER.index("place")] = "moon"
    words = [
        "predict",
        str(write(tmp_path / "new.csv", table)),
        "-o",
        str(tmp_path / "scored.csv"),
        "--model",
        "prices",
    ]
    done = scored.run("-m", "champion", *words)
    assert done.returncode == 0, done.stderr
    assert "15 of 20 cells of 'place' hold what training never saw" in done.stderr
    assert "Is that the same column, written as it was?" in done.stderr


def test_killed_command_leaves_nothing(scored: Home, tmp_path: Path) -> None:
    """Whoever ends the command finds neither a file of some of the rows nor a draft."""
    file = write(tmp_path / "new.csv", rows(2000) * 400)
    words = ["predict", str(file), "-o", str(tmp_path / "scored.csv"), "--model", "prices"]
    with scored.start("-m", "champion", *words, stdout=None, stderr=None) as process:
        while process.poll() is None and not list(tmp_path.glob(".*draft")):
            time.sleep(0.01)
        process.terminate()
    assert process.returncode == 128 + signal.SIGTERM
    assert [path.name for path in tmp_path.iterdir()] == ["new.csv"]


PEAK = """
import resource, runpy, sys
sys.argv = ["champion", *sys.argv[1:]]
runpy.run_module("champion", run_name="__main__")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000)
"""


@pytest.mark.everything
def test_memory_doesnt_grow_with_the_file(scored: Home, tmp_path: Path) -> None:
    """A file of 200 MB takes hardly more memory than one of 40 MB: what is written is let go of."""
    peaks = []
    wide = [[*row, "remark " * 150] for row in rows(500)]
    for times in (80, 400):
        file = write(tmp_path / f"{times}.csv", wide * times, [*HEADER, "remark"])
        options = ["predict", str(file), "-o", str(tmp_path / "scored.csv"), "--model", "prices"]
        done = scored.run("-c", PEAK, *options, cold=True)
        assert done.returncode == 0, done.stderr
        peaks.append(float(done.stdout))
    assert peaks[1] < peaks[0] + 40, peaks
