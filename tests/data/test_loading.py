"""loading.py: a file becomes a dataset."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import champion
from champion import data
from champion.base.errors import ConfigError, DataError
from champion.data import Dataset
from champion.data.loading import load
from tests.data.tables import N, but, plain, save, write

BUNDLED = "pkg://champion.data.datasets/california_housing.csv.gz"


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Write a table with columns of several kinds."""
    return write(
        tmp_path,
        place=lambda i: "xyz"[i % 3],
        sold=lambda i: f"2020-01-{i % 28 + 1:02}",
        rooms=lambda i: i % 4,
        number=lambda i: i,
    )


def kinds(table: Dataset) -> dict[str, str | None]:
    """Return the kind of each column, or None for one that is left out."""
    return {column.name: column.kind for column in table.columns}


def test_bundled_table_is_the_published_one() -> None:
    """The file in the package has the bytes that its provenance script made."""
    file = Path(champion.__file__).parent / "data" / "datasets" / "california_housing.csv.gz"
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert digest == "1af4883567b310df06d75d888215d7e9c3205da4fd1ad0ebec4066560e991f23"
    assert file.with_name("build_california_housing.py").is_file()


def test_bundled_table_has_its_rows_and_columns() -> None:
    """California housing has 20,640 rows, nine features and a target in dollars."""
    housing = load(BUNDLED, target="median_house_value", name="housing_price", unit="dollars")
    assert housing.X.shape == (20640, 9)
    assert (housing.name, housing.target, housing.unit) == ("housing_price", "median_house_value", "dollars")
    assert housing.y.between(14_999, 500_001).all()


def test_every_column_is_read_as_what_it_holds(path: str) -> None:
    """Kinds follow from what is written, and what numbers the rows is left out."""
    table = load(path, target="price")
    expected = {"place": "category", "sold": "date", "rooms": "number", "number": None, "a": "number"}
    assert kinds(table) == expected
    assert list(table.X) == [name for name, kind in expected.items() if kind]
    assert (table.name, table.unit, table.target, len(table)) == ("table", "price", "price", N)


def test_the_config_has_the_last_word_on_kinds(path: str) -> None:
    """data.kinds takes a list, or a name alone, and null for none."""
    table = load(path, target="price", kinds={"category": ["rooms"], "number": "number", "text": None})  # type: ignore[dict-item]
    assert (kinds(table)["rooms"], kinds(table)["number"]) == ("category", "number")
    assert table.X["rooms"][1] == "1"


def test_dropped_columns_are_described_as_such(path: str) -> None:
    """data.drop leaves columns out, whatever is in them."""
    table = load(path, target="price", drop=["sold", "a"])
    assert [column.why for column in table.columns] == ["", "data.drop", "", "numbers the rows", "data.drop"]
    assert list(table.X) == ["place", "rooms"]


def test_a_dropped_column_may_hold_mistakes(tmp_path: Path) -> None:
    """What isn't used isn't checked."""
    path = write(tmp_path, c=but("?", lambda i: i * 1.5))
    assert list(load(path, target="price", drop="c").X) == ["a"]


@pytest.mark.parametrize("drop", [[], ["sold"]])
def test_the_time_of_a_row_is_kept_beside_its_features(path: str, drop: list[str]) -> None:
    """data.time is a feature too, unless it is dropped: then it only orders the rows."""
    table = load(path, target="price", time="sold", drop=drop)
    assert table.time is not None
    assert (table.time[3], "sold" in table.X) == (pd.Timestamp(2020, 1, 4), not drop)


@pytest.mark.parametrize(("group", "value"), [("rooms", 3), ("place", "x"), ("number", 3)])
def test_a_group_is_no_feature(path: str, group: str, value: object) -> None:
    """What rows belong to is left out: rows to come belong to others."""
    table = load(path, target="price", group=group)
    assert table.group is not None
    assert (table.group[3], group in table.X) == (value, False)
    assert next(column.why for column in table.columns if column.name == group) == "data.group"


def test_a_sample_is_always_the_same_and_in_order(path: str) -> None:
    """data.sample draws rows of all columns together; what a column is, is told from the whole file."""
    table = load(path, target="price", sample=25, time="number")
    again = load(path, target="price", sample=25, time="number")
    assert table.time is not None
    assert len(table) == len(table.X) == 25
    assert table.fingerprint == again.fingerprint
    assert table.time.is_monotonic_increasing
    assert table.y.tolist() == [number * 1.5 for number in table.time]
    assert kinds(table)["number"] is None


def test_a_sample_larger_than_the_table_is_the_table(path: str) -> None:
    """So many rows, or all there are."""
    assert load(path, target="price", sample=1000).fingerprint == load(path, target="price").fingerprint


def test_a_line_is_named_in_a_sample_too(tmp_path: Path) -> None:
    """Rows that are drawn keep the number of their line."""
    path = write(tmp_path, when=but("", lambda i: i))
    with pytest.raises(DataError, match=r"table.csv, line 7: data.time 'when' must have a value in every row"):
        load(path, target="price", time="when", sample=N - 1)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (
            {"target": "prise"},
            r"^data.target 'prise' is not a column of .*table.csv. Did you mean 'price'\? Columns: place,",
        ),
        ({"drop": ["roms"]}, r"^data.drop 'roms' is not a column of .*Did you mean 'rooms'\?"),
        ({"kinds": {"category": ["roms"]}}, r"^data.kinds.category 'roms' is not a column of .*Did you mean 'rooms'\?"),
        ({"time": "slod"}, r"^data.time 'slod' is not a column of .*Did you mean 'sold'\?"),
        ({"group": "plaec"}, r"^data.group 'plaec' is not a column of .*Did you mean 'place'\?"),
        ({"drop": ["price"]}, r"^data.drop holds 'price', which is the target. Take it from data.drop\."),
        ({"time": "price"}, "^data.time holds 'price', which is the target"),
        ({"group": "price"}, "^data.group holds 'price', which is the target"),
        ({"kinds": {"date": ["price"]}}, "^data.kinds.date holds 'price', which is the target"),
        ({"time": "place"}, "table.csv, line 2: data.time 'place' must hold dates or numbers, but here 'x'"),
        (
            {"drop": ["place", "sold", "rooms", "a"]},
            "table.csv has no column .*target.*Column 'place' is left out: data.drop",
        ),
    ],
)
def test_names_that_cant_be_meant_are_answered(path: str, options: dict[str, Any], says: str) -> None:
    """A message names the key, the column, and the nearest one."""
    with pytest.raises(DataError, match=says):
        load(path, **{"target": "price", **options})


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"kinds": {"categry": ["a"]}}, r"^data.kinds.categry is not one of number, .*Did you mean 'category'\?"),
        (
            {"kinds": {"category": ["a"], "number": ["a"]}},
            "^Column 'a' can be of one kind only, but stands in data.kinds",
        ),
        ({"time": "sold", "group": "place"}, "^data.time and data.group can't be given together"),
        ({"decimal": ""}, "^data.decimal must be '.' or ',', but got ''"),
        *(
            ({"sample": rows}, "^data.sample must be a whole number of rows from 1, or null")
            for rows in (0, -1, 1.5, "ten", True)
        ),
    ],
)
def test_options_that_cant_be_meant_are_answered(path: str, options: dict[str, Any], says: str) -> None:
    """A mistake of the config is told from one of the file."""
    with pytest.raises(ConfigError, match=says):
        load(path, target="price", **options)


@pytest.mark.parametrize("key", ["time", "group"])
def test_every_row_has_a_time_or_a_group(tmp_path: Path, key: str) -> None:
    """A gap in what rows are split by is named with its line."""
    path = write(tmp_path, when=but("", lambda i: i % 9))
    with pytest.raises(
        DataError,
        match=rf"table.csv, line 7: data.{key} 'when' must have a value in every row, .* none. Fill it in",
    ):
        load(path, target="price", **{key: "when"})  # type: ignore[arg-type]


def test_five_rows_are_a_table(tmp_path: Path) -> None:
    """Whether rows are enough is up to the split."""
    assert len(load(save(tmp_path, plain(rows=5)), target="price")) == 5


def test_ten_thousand_categories_are_read(tmp_path: Path) -> None:
    """Many categories stay one column."""
    text = "place,price\n" + "".join(f"k{i % 10_000},{i * 1.5}\n" for i in range(20_000))
    table = load(save(tmp_path, text), target="price")
    assert (kinds(table), table.X["place"].nunique()) == ({"place": "category"}, 10_000)


def test_a_large_table_is_read_in_seconds(tmp_path: Path) -> None:
    """Two million cells of numbers, words and dates."""
    rng, n = np.random.default_rng(0), 200_000
    frame = pd.DataFrame(rng.normal(size=(n, 7)).round(4), columns=[f"x{i}" for i in range(7)])
    frame["user"] = [f"user {k}" for k in rng.integers(0, 50_000, n)]
    frame["when"] = (np.datetime64("2020-01-01") + rng.integers(0, 1000, n)).astype(str)
    frame["price"] = rng.normal(size=n)
    frame.to_csv(tmp_path / "large.csv", index=False)
    table = load(str(tmp_path / "large.csv"), target="price")
    assert list(kinds(table).values()) == ["number"] * 7 + ["category", "date"]
    assert np.allclose(table.X["x3"], frame["x3"])


def test_the_package_shows_what_others_need() -> None:
    """One door: a table is loaded, and its columns are described."""
    assert data.load is load
    assert all(hasattr(data, name) for name in ("Column", "Dataset", "describe"))


def test_text_may_look_like_a_number(tmp_path: Path) -> None:
    """The command line reads data.name=2024 as a number; it is a name all the same."""
    (tmp_path / "houses.csv").write_text("size5price\n" + "".join(f"{n}5{n}.1\n" for n in (1, 2, 3)))
    text: Any = [2024, 1000, 5]
    table = load(str(tmp_path / "houses.csv"), target="price", name=text[0], unit=text[1], sep=text[2])
    assert (table.name, table.unit, len(table)) == ("2024", "1000", 3)
    with pytest.raises(ConfigError, match=r"data\.encoding '5' is not known"):
        load(str(tmp_path / "houses.csv"), target="price", encoding=text[2])
