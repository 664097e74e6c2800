"""One row has one answer, whichever way it comes: training's own rows, files, requests, and MLflow's own tools."""

import csv
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st
from mlflow.pyfunc import scoring_server
from pyarrow import parquet

from champion import data, registry, tracking
from champion.base.errors import DataError
from champion.data import Dataset, Schema
from champion.learning import pipeline
from champion.serving import model, scoring
from champion.serving.follow import Follower
from tests.conftest import Home
from tests.serving.conftest import Serving, serving

N = 160  # rows
GAPS = ["", "NA", "null", "None", "NaN", "<NA>", "n/a", " ", " NA "]  # what stands for nothing, in turn


@dataclass(frozen=True)
class Kind:
    """A kind of column: how its cells are spelled in CSV, and what Parquet has in their place.

    `lossy` are the columns, complete or with gaps, of which pandas' read_csv loses something: it is told that they are
    text. `asked` is the kind that the config has to ask for; `of_text` says that Parquet can't teach these spellings.
    """

    name: str
    spelled: Sequence[str]
    typed: Callable[[str], Any] = str.strip
    lossy: Sequence[str] = ()
    asked: str = ""
    of_text: bool = False


def is_true(text: str) -> bool:
    """Return what a truth says."""
    return text.strip().lower() == "true"


def moment(written: str) -> Callable[[str], datetime]:
    """Return what reads the dates of a format."""
    return lambda text: datetime.strptime(text.strip(), written)


def parse_time(text: str) -> time:
    """Return a time of day that may lack a zero or seconds."""
    hour, minute, *second = text.split(":")
    whole, _, part = (second[0] if second else "0").partition(".")
    return time(int(hour), int(minute), int(whole), int(part.ljust(6, "0")) if part else 0)


COMMON = [
    Kind("whole", ["1", "2", "30", "-4"], int),
    Kind("truth", ["true", "FALSE", "True", " false"], is_true),
    Kind("word", ["sea", " sea ", "hill", 'a "quoted" town, high']),
    Kind("yes", ["yes", "yes ", "no"]),
    Kind("code", ["01", "2", "030", "00501"], int),
    Kind("leading zeros", ["01", "1", "001"], lossy=("complete", "gaps")),
    Kind("id", [str(2**60 + number) for number in range(5)], int, lossy=("gaps",)),
    Kind("time", ["8:30", "08:30:00", "17:05", "9:00:30.50"], parse_time),
    Kind("day", ["2024-05-31", "2023-01-02", "1969-12-31"], date.fromisoformat),
    Kind("moment", ["2024-05-31T18:30:00", "2023-01-02T00:00:01"], datetime.fromisoformat),
    Kind("month", ["2024-05", "2023-11", "2020-02"], moment("%Y-%m")),
    Kind("unpadded", ["2024-5-1", "2023-11-30"], moment("%Y-%m-%d"), of_text=True),
    Kind("day first", ["31/05/2024", "01/06/2024"], moment("%d/%m/%Y"), of_text=True),
    Kind("day in the middle", ["2024-31-05", "2024-06-05", "2024-01-02"], moment("%Y-%d-%m"), of_text=True),
    Kind("hour", ["2024-05-31 9:00", "2024-05-31 16:30"], moment("%Y-%m-%d %H:%M"), of_text=True),
    Kind("clock", ["5/31/2024 3:05 PM", "12/1/2023 11:00 AM"], moment("%m/%d/%Y %I:%M %p"), of_text=True),
    Kind("zone", ["2024-05-31T18:30:00+02:00", "2024-05-31T18:30:00Z"], datetime.fromisoformat),
    Kind("month's name", ["31 January 2024", "1 February 2023"], moment("%d %B %Y"), of_text=True),
    Kind("digits of a day", ["20240531", "20230102"], moment("%Y%m%d"), asked="date", of_text=True),
    Kind("word for nothing", ["?", "a", "b", " ?"], lambda text: None if "?" in text else text),
    Kind("number for nothing", ["-999", "5", "6"], float),
    Kind("word that is none", ["NA", "DE", "FR"], lossy=("complete", "gaps")),
    Kind(
        "text",
        [f"the {word} house stands by the {word} sea, {number}" for number in range(90) for word in ("old", "new")],
    ),
]
POINTS = [
    Kind("number as a category", ["1", "1.0", "02", "3"], float, asked="category"),
    Kind("fraction", ["1.5", "-2.25", ".5", "4."], float),
    Kind("blanks around it", [" 1.5", "2.5 ", "\t3.5"], float),
    Kind("sign and exponent", ["+1.5", "-2e-2", "3E2"], float),
    Kind("fraction for nothing", ["-999.0", "5", "-999", "6.5"], float),
    Kind("large", ["1e30", "-2.5e37", "0"], float),
]
COMMAS = [
    Kind("fraction", ["1,5", "-2,25", ",5", "4,"], lambda text: float(text.replace(",", "."))),
    Kind("fraction as a category", ["1,5", "1,50", "2"], lambda text: float(text.replace(",", ".")), asked="category"),
]


@dataclass(frozen=True)
class Table:
    """A table as CSV and as Parquet, what the config says of it, and the columns that pandas is told to be text."""

    csv: Path
    parquet: Path
    options: Mapping[str, Any]
    lossy: Sequence[str] = field(default=())


def write(folder: Path, kinds: Sequence[Kind], *, sep: str, decimal: str) -> Table:
    """Write two columns of each kind, a complete one and one with gaps, and a target that depends on all of them."""
    rng = np.random.default_rng(0)
    written: dict[str, list[str]] = {}
    typed: dict[str, list[Any]] = {}
    y = np.zeros(N)
    for kind in kinds:
        for form in ("complete", "gaps"):
            chosen, name = rng.integers(0, len(kind.spelled), N), f"{kind.name}, {form}"
            missing = (rng.random(N) < 0.3) & (form == "gaps")
            cells = [kind.spelled[number] for number in chosen]
            gaps = ["", " "] if "NA" in kind.spelled else GAPS
            written[name] = [gaps[row % len(gaps)] if missing[row] else cell for row, cell in enumerate(cells)]
            typed[name] = [None if missing[row] else kind.typed(cell) for row, cell in enumerate(cells)]
            y += np.where(missing, 7, chosen % 5) * rng.uniform(0.5, 2)
    written["y"] = [f"{value:.3f}".replace(".", decimal) for value in y]
    typed["y"] = [round(value, 3) for value in y.tolist()]
    with (folder / "table.csv").open("w", newline="") as file:
        rows = csv.writer(file, delimiter=sep)
        rows.writerow(written)
        rows.writerows(zip(*written.values(), strict=True))
    parquet.write_table(pa.table({name: pa.array(cells) for name, cells in typed.items()}), folder / "table.parquet")
    asked = {
        kind.asked: [f"{one.name}, {form}" for one in kinds if one.asked == kind.asked for form in ("complete", "gaps")]
        for kind in kinds
        if kind.asked
    }
    literal = [f"{kind.name}, {form}" for kind in kinds if "NA" in kind.spelled for form in ("complete", "gaps")]
    lossy = [f"{kind.name}, {form}" for kind in kinds for form in kind.lossy]
    options = {"kinds": asked, "missing": ["?", "-999"], "literal": literal, "sep": sep, "decimal": decimal}
    return Table(folder / "table.csv", folder / "table.parquet", options, lossy)


@dataclass(frozen=True)
class Trained:
    """A model that is served, a table that it may be asked about, and what it predicts of its rows as it read them."""

    home: Home
    name: str
    table: Table
    dataset: Dataset
    expected: np.ndarray
    server: Serving

    def frame(self) -> pd.DataFrame:
        """Return the rows as pandas reads them from CSV."""
        text = as_text(self)
        frame = pd.read_csv(self.table.csv, sep=self.table.options["sep"])
        return frame.assign(**{name: text[name] for name in self.table.lossy if name in text})


@pytest.fixture(scope="module", params=["points-csv", "points-parquet", "commas-csv"])
def trained(
    request: pytest.FixtureRequest, empty_home: Home, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Trained]:
    """Train on CSV or on Parquet, with points or commas, and serve the model."""
    marks, _, learned_from = request.param.partition("-")
    home = empty_home.copy(tmp_path_factory.mktemp("roads"))
    tracking.connect(home.uri)
    kinds, sep, decimal = (COMMON + POINTS, ",", ".") if marks == "points" else (COMMON + COMMAS, ";", ",")
    kinds = [kind for kind in kinds if learned_from == "csv" or not kind.of_text]
    table = write(home.folder, kinds, sep=sep, decimal=decimal)
    name = f"from_{request.param}"
    dataset = data.load(str(getattr(table, learned_from)), target="y", **table.options)
    fitted = home.put_forward(dataset, name=name, max_iter=60, min_samples_leaf=2)
    expected = pipeline.predict(fitted, dataset.X, task=dataset.task)

    def champion() -> registry.Version:
        found = registry.by_alias(name)
        assert found is not None
        return found

    with serving(Follower(champion, poll_seconds=3600), home) as server:
        yield Trained(home, name, table, dataset, expected, server)


def told(table: pd.DataFrame) -> str:
    """Return the rows as a body of MLflow's JSON, NaN and the like as null, dates in ISO 8601."""
    split = table.to_json(orient="split", index=False, double_precision=15, date_format="iso", date_unit="us")
    return f'{{"dataframe_split": {split}}}'


def loaded(trained: Trained) -> Any:
    """Load the model as anybody does who has MLflow."""
    return mlflow.pyfunc.load_model(f"models:/{trained.name}@champion")


def as_text(trained: Trained) -> pd.DataFrame:
    """Return the rows as pandas reads them when it is told to leave every cell as it is."""
    return pd.read_csv(trained.table.csv, sep=trained.table.options["sep"], dtype="str", keep_default_na=False)


def from_parquet(trained: Trained) -> pd.DataFrame:
    """Return the rows as pandas reads them from Parquet; long identifiers beside gaps are floats to it."""
    frame = pd.read_parquet(trained.table.parquet)
    return frame.assign(**{"id, gaps": as_text(trained)["id, gaps"]})


def asked(trained: Trained, body: str, content_type: str) -> np.ndarray:
    """Ask the server over HTTP."""
    headers = {"Content-Type": content_type}
    answer = requests.post(f"{trained.server.url}/invocations", body.encode(), headers=headers, timeout=60)
    assert answer.status_code == 200, answer.text
    return np.array(answer.json()["predictions"])


def predicted(trained: Trained, file: Path) -> np.ndarray:
    """Score a file as `python -m champion predict` does, without being told how it is written."""
    out = file.with_suffix(".scored.parquet")
    with scoring.open_table(str(file)) as table:
        scored = scoring.score(model.load(model.find(trained.name)), table, out)
    assert (scored.n_rows, scored.absent, scored.unseen) == (N, [], {})
    found: np.ndarray = parquet.read_table(out)["prediction"].to_numpy()
    return found


def saved_by_pandas(trained: Trained) -> Path:
    """Write what pandas read from CSV as Parquet."""
    file = trained.home.folder / "by_pandas.parquet"
    trained.frame().to_parquet(file)
    return file


def by_mlflow(trained: Trained, file: Path, content_type: str) -> np.ndarray:
    """Let the code behind `mlflow models predict` predict a file."""
    out = trained.home.folder / "predicted.json"
    scoring_server._predict(f"models:/{trained.name}@champion", str(file), str(out), content_type)
    return np.array(json.loads(out.read_text())["predictions"])


def with_commas(trained: Trained) -> Path:
    """Write the rows as MLflow's command reads them: separated by commas."""
    file = trained.home.folder / "commas.csv"
    as_text(trained).to_csv(file, index=False)
    return file


def body_file(trained: Trained) -> Path:
    """Write a body of JSON to a file."""
    file = trained.home.folder / "body.json"
    file.write_text(told(trained.frame()))
    return file


ROADS: dict[str, Callable[[Trained], np.ndarray]] = {
    "predict, CSV": lambda trained: predicted(trained, trained.table.csv),
    "predict, Parquet": lambda trained: predicted(trained, trained.table.parquet),
    "predict, Parquet by pandas": lambda trained: predicted(trained, saved_by_pandas(trained)),
    "server, JSON": lambda trained: asked(trained, told(trained.frame()), "application/json"),
    "server, JSON of text": lambda trained: asked(trained, told(as_text(trained)), "application/json"),
    "server, JSON of Parquet": lambda trained: asked(trained, told(from_parquet(trained)), "application/json"),
    "server, CSV": lambda trained: asked(trained, with_commas(trained).read_text(), "text/csv; charset=utf-8"),
    "pyfunc, read_csv": lambda trained: loaded(trained).predict(trained.frame()),
    "pyfunc, read_csv as text": lambda trained: loaded(trained).predict(as_text(trained)),
    "pyfunc, pd.NA": lambda trained: loaded(trained).predict(trained.frame().convert_dtypes()),
    "pyfunc, objects": lambda trained: loaded(trained).predict(trained.frame().astype(object)),
    "pyfunc, categories": lambda trained: loaded(trained).predict(as_text(trained).astype("category")),
    "pyfunc, read_parquet": lambda trained: loaded(trained).predict(from_parquet(trained)),
    "mlflow models predict -t json": lambda trained: by_mlflow(trained, body_file(trained), "json"),
}


@pytest.mark.parametrize("road", ROADS)
def test_every_road_leads_to_the_same_digits(trained: Trained, road: str) -> None:
    """A column of every kind, in every spelling that trains, with gaps of every kind: one answer to the last digit."""
    tracking.connect(trained.home.uri)
    np.testing.assert_array_equal(ROADS[road](trained), trained.expected)


@pytest.mark.parametrize("read", [Trained.frame, as_text, from_parquet, lambda trained: trained.dataset.X])
def test_saved_model_sees_what_training_saw(trained: Trained, read: Callable[[Trained], pd.DataFrame]) -> None:
    """Column by column, the values that reach the features are those of training, types and gaps included."""
    tracking.connect(trained.home.uri)
    schema = registry.load(model.find(trained.name)).schema
    pd.testing.assert_frame_equal(schema.transform(read(trained)), trained.dataset.X)


def test_row_alone_has_the_same_answer(trained: Trained) -> None:
    """What stands in the other rows makes no difference."""
    frame = as_text(trained)
    alone = [asked(trained, told(frame.iloc[[row]]), "application/json")[0] for row in range(10)]
    np.testing.assert_array_equal(alone, trained.expected[:10])


def by_command(home: Home, name: str, file: Path, content_type: str) -> list[float]:
    """Run `mlflow models predict`, which knows of nothing but the saved model."""
    out, uri = home.folder / "by_command.json", f"models:/{name}@champion"
    words = ["predict", "-m", uri, "-i", str(file), "-o", str(out), "-t", content_type, "--env-manager", "local"]
    env = {**home.env, "MLFLOW_TRACKING_URI": home.uri}
    subprocess.run([sys.executable, "-m", "mlflow", "models", *words], env=env, check=True, capture_output=True)
    found: list[float] = json.loads(out.read_text())["predictions"]
    return found


@pytest.mark.everything
def test_command_of_mlflow_predicts_json(trained: Trained) -> None:
    """`mlflow models predict -t json`, in a process of its own, gives the same digits."""
    found = by_command(trained.home, trained.name, body_file(trained), "json")
    np.testing.assert_array_equal(found, trained.expected)


@pytest.mark.everything
def test_command_of_mlflow_predicts_csv(empty_home: Home, tmp_path: Path) -> None:
    """`mlflow models predict -t csv` reads by pandas, so that columns of which pandas loses something are left out."""
    home = empty_home.copy(tmp_path)
    tracking.connect(home.uri)
    table = write(tmp_path, [kind for kind in COMMON + POINTS if not kind.lossy], sep=",", decimal=".")
    dataset = data.load(str(table.csv), target="y", **table.options)
    expected = pipeline.predict(home.put_forward(dataset, name="plain"), dataset.X, task=dataset.task)
    np.testing.assert_array_equal(by_command(home, "plain", table.csv, "csv"), expected)


WHOLE = st.integers(-(2**70), 2**70) | st.integers(-99, 99)
NUMBERS = st.floats(width=32, allow_nan=False, allow_infinity=False).map(repr) | WHOLE.map(str)
MOMENTS = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30))
FORMATS = ["%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y", "%Y-%d-%m", "%Y-%m-%dT%H:%M:%S", "%d.%m.%Y %H:%M", "%d %B %Y", "%Y-%m"]
ODD = st.text("ab01 .,-+:/TZe%$", max_size=6) | st.sampled_from(
    [spelled for kind in COMMON + POINTS + COMMAS for spelled in kind.spelled[:4]]
)
FAMILIES = [
    NUMBERS,
    WHOLE.map(str),
    st.integers(0, 30).map("{:03}".format) | st.integers(0, 30).map(str),
    st.times().map(str) | st.times().map("{:%H:%M}".format),
    st.sampled_from(["true", "False", "TRUE", " false "]),
    ODD,
    ODD | NUMBERS | MOMENTS.map(str),
]
ONE_FORMAT = st.sampled_from(FORMATS).flatmap(
    lambda one: st.lists(MOMENTS.map(lambda at: at.strftime(one)), min_size=2)
)
COLUMN = st.one_of(*(st.lists(family, min_size=2, max_size=6) for family in FAMILIES), ONE_FORMAT)
COLUMNS = st.lists(
    st.tuples(COLUMN, st.lists(st.sampled_from(GAPS), max_size=2)).map(lambda both: [*both[0], *both[1]]),
    min_size=1,
    max_size=4,
)


def roads_of(file: Path, schema: Schema) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield the rows of a file as each road brings them to the model, and what it makes of them."""
    text = pd.read_csv(file, dtype="str", keep_default_na=False)
    frame = pd.read_csv(file)
    for column in schema.columns:  # of digits that are names pandas makes numbers, and loses what they look like
        lost = column.made_of != "numbers" or frame[column.name].dtype.kind == "f"
        if column.type == "string" and frame[column.name].dtype.kind in "if" and lost:
            frame[column.name] = text[column.name]
    yield "as text", schema.transform(text)
    yield "as pandas reads it", schema.transform(frame)
    yield "as objects", schema.transform(frame.astype(object))
    yield "with pd.NA", schema.transform(frame.convert_dtypes())
    with scoring.open_table(str(file)) as opened:
        batches = [(batch, dict(zip(batch.schema.names, batch.columns, strict=True))) for batch in opened.batches()]
    rows = [schema.read(cells, batch.num_rows) for batch, cells in batches]
    yield "predict", pd.DataFrame(schema.join(rows))
    values = frame.astype(object).where(frame.notna(), None)
    for name, table in (("a request of text", text), ("a request", values)):
        columns = {str(column): table[column].tolist() for column in table}
        yield name, pd.DataFrame(schema.join([schema.check(columns)]))
    alone = [schema.check({str(column): [text[column][row]] for column in text}) for row in range(len(text))]
    yield "a request for each row", pd.DataFrame(schema.join(alone))


def test_no_table_has_a_row_on_which_two_roads_differ(
    tmp_path_factory: pytest.TempPathFactory, everything: bool
) -> None:
    """Tables of whatever cells, each trained once: whoever brings its rows, the model sees what training saw."""
    folder = tmp_path_factory.mktemp("random")
    learned: list[str | None] = []

    @given(vocabularies=COLUMNS, seed=st.integers(0, 2**32 - 1))
    @settings(max_examples=3000 if everything else 200)
    def look(vocabularies: list[list[str]], seed: int) -> None:
        rng = np.random.default_rng(seed)
        columns = {f"column {n}": rng.choice(np.array(words, dtype=object), 40) for n, words in enumerate(vocabularies)}
        file = folder / "table.csv"
        pd.DataFrame({**columns, "y": np.arange(40) / 7}).to_csv(file, index=False)
        try:
            dataset = data.load(str(file), target="y")
        except DataError:
            return
        schema = Schema.of(dataset)
        for road, found in roads_of(file, schema):
            pd.testing.assert_frame_equal(found, dataset.X, obj=road)
        learned.extend(column.kind for column in dataset.columns)

    look()
    assert min(learned.count(kind) for kind in ("number", "boolean", "category", "date")) > 0
