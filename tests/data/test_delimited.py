"""delimited.py: CSV in all its forms."""

import csv
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from champion import data
from champion.base.errors import ConfigError, DataError
from champion.data.delimited import Delimited, open_delimited
from champion.data.reading import MISSING
from champion.data.source import open_source
from tests.data.tables import SPOILT, N, plain, save


def lines(*cells: str, header: str = "a,b,price", at: int = SPOILT, usual: str = "{0},x,{0}.5\n") -> str:
    """Return a table whose row `at` consists of these lines."""
    return header + "\n" + "".join("".join(cells) if i == at else usual.format(i) for i in range(N))


@pytest.mark.parametrize("sep", [",", ";", "\t", "|"])
def test_the_separator_is_found(tmp_path: Path, sep: str) -> None:
    """Comma, semicolon, tab and | are told from the first rows."""
    table = data.load(save(tmp_path, plain(sep)), target="price")
    assert table.X["a"].tolist() == [i % 7 for i in range(N)]


def test_a_separator_within_cells_is_not_taken_for_one(tmp_path: Path) -> None:
    """A decimal comma doesn't make a comma the separator of a file with semicolons."""
    text = "a;b;price\n" + "".join(f"{i},5;{i},25;{i}\n" for i in range(N))
    assert data.load(save(tmp_path, text), target="price", decimal=",").X["b"].tolist() == [i + 0.25 for i in range(N)]


@pytest.mark.parametrize(("sep", "given"), [(":", ":"), ("\t", r"\t"), ("\t", "tab"), ("\t", "\t"), (" ", " ")])
def test_another_separator_can_be_given(tmp_path: Path, sep: str, given: str) -> None:
    """data.sep is any character; a tab may be spelled, as shells make it hard to type."""
    assert list(data.load(save(tmp_path, plain(sep)), target="price", sep=given).X.columns) == ["a"]


@pytest.mark.parametrize("sep", ["", ";;", "é", '"', "\n"])
def test_what_is_no_separator_is_refused(tmp_path: Path, sep: str) -> None:
    """data.sep must be one character, and not one that means something else in CSV."""
    with pytest.raises(ConfigError, match=r"^data.sep must be one character such as ';', but got "):
        data.load(save(tmp_path, plain()), target="price", sep=sep)


@pytest.mark.parametrize(
    ("written", "given", "remedy"),
    [(",", ";", "no semicolon .*data.sep=','"), (":", None, "no comma .*data.sep=':'"), ("\t", ",", r"data.sep='tab'")],
)
def test_a_wrong_separator_is_answered_with_the_right_one(
    tmp_path: Path, written: str, given: str | None, remedy: str
) -> None:
    """Where the header line is one cell, what stands in it is the remedy."""
    with pytest.raises(DataError, match=f"table.csv, line 1: there is .*{remedy}"):
        data.load(save(tmp_path, plain(written)), target="price", sep=given)


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        (lines("1,x,2.5,9\n"), 7, "4 cells where the header line has 3. Put cells that hold a comma in quotes"),
        (lines("1,2.5\n"), 7, "2 cells where the header line has 3"),
        (lines("1\n"), 7, "1 cell where the header line has 3"),
        (lines("1,x,2.5,\n"), 7, "4 cells"),
        (lines("1,2.5\n", at=N - 1), 41, "2 cells"),
        (lines("1,2.5", at=N - 1), 41, "2 cells"),
        (lines("1,2.5\n", usual='{0},"x\ny",{0}.5\n'), 12, "2 cells"),
        (lines("1,2.5\n", usual='{0},"x\n\ny",{0}.5\n'), 17, "2 cells"),
        (lines("1,2.5\n", usual="\n{0},x,{0}.5\n\n"), 17, "2 cells"),
        (lines("\n\n1,2.5\n"), 9, "2 cells"),
        (lines("1,2.5\n", header='a,"b\nb",price'), 8, "2 cells"),
        (lines("1,2.5\r\n", usual="{0},x,{0}.5\r\n"), 7, "2 cells"),
        (lines("1,2.5\r", header="a,b,price\r", usual="{0},x,{0}.5\r").replace("\n", ""), 7, "2 cells"),
        (lines('1,"2\n5"\n'), 7, "2 cells where the header line has 3, up to line 8. Is a quote left open"),
        (lines('1,"x,2.5\n', "2,x,3\n", '3,x,"4"\n'), 7, "up to line 9. Is a quote left open"),
        (lines('1,"x,2.5\n'), 7, "a quote is opened and never closed"),
        (lines('1,x,"2.5\n'), 7, "a quote is opened and never closed"),
        (lines('1,x,"2.5\n', at=N - 1), 41, "a quote is opened and never closed"),
        (lines(header='a,b,"price'), 1, "a quote is opened and never closed"),
    ],
)
def test_a_line_that_breaks_the_rule_is_named(tmp_path: Path, text: str, line: int, says: str) -> None:
    """Lines are those of an editor: after empty lines and quoted cells with line breaks too."""
    with pytest.raises(DataError, match=f"table.csv, line {line}: .*{says}"):
        data.load(save(tmp_path, text), target="price", sep=",")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "^data.path: .*table.csv is empty"),
        ("\n\n\n", "^data.path: .*table.csv is empty"),
        ("a,price\n", "^data.path: .*table.csv has column names but no rows below them"),
        ("a,price", "has column names but no rows below them"),
        ("a,price\n\n\n", "has column names but no rows below them"),
        ("a,a,price\n1,2,3\n", "table.csv, line 1: 2 columns are called 'a'. Give each column a name of its own"),
        ("a,,column 2,price\n1,2,3,4\n", "2 columns are called 'column 2'"),
    ],
)
def test_a_file_without_a_table_is_answered(tmp_path: Path, text: str, says: str) -> None:
    """There must be a header line of different names, and rows below it."""
    with pytest.raises(DataError, match=says):
        data.load(save(tmp_path, text), target="price")


def test_odd_names_stay_as_they_are(tmp_path: Path) -> None:
    """A column keeps any name it has; one without is called after its place."""
    header = 'a[1],b<2,"""quoted""",, ,größe,c{d},x__y,$cost$,"a, b","two\nlines",price'
    text = "\ufeff" + header + "\n" + "".join(",".join(str(i * k % 13) for k in range(1, 13)) + "\n" for i in range(N))
    names = ["a[1]", "b<2", '"quoted"', "column 4", "column 5", "größe", "c{d}", "x__y", "$cost$", "a, b", "two\nlines"]
    assert list(data.load(save(tmp_path, text), target="price").X.columns) == names


@pytest.mark.parametrize("break_", ["\n", "\r\n", "\r"])
def test_any_line_break_will_do(tmp_path: Path, break_: str) -> None:
    """Files of Windows and of old Macs are read too, with empty lines anywhere."""
    text = plain().replace("\n", break_)
    assert len(data.load(save(tmp_path, break_ + text + break_ * 2), target="price")) == N


@pytest.mark.parametrize("word", MISSING)
def test_words_that_pandas_takes_for_missing_are_missing(tmp_path: Path, word: str) -> None:
    """An empty cell and NA, NaN, null and their like are no values, in quotes or not."""
    text = "b,price\n" + "".join(f'"{word}",1\n{word},1\n' if i == SPOILT else f"{i},{i}\n" for i in range(N))
    assert data.load(save(tmp_path, text), target="price").X["b"].isna().sum() == 2


def test_a_cell_may_be_long(tmp_path: Path) -> None:
    """A cell of megabytes is a cell."""
    text = plain() + f'"{"1" * 3_000_000}",3\n'
    with pytest.raises(DataError, match="line 42: column 'a' must hold a finite number, but holds a number beyond"):
        data.load(save(tmp_path, text), target="price")


def test_a_wide_file_is_read(tmp_path: Path) -> None:
    """Two thousand columns are columns like any others."""
    names = [f"c{i}" for i in range(2000)]
    rows = "".join(",".join(f"{i * k % 97}.5" for k in range(7, 2008)) + "\n" for i in range(60))
    table = data.load(save(tmp_path, ",".join([*names, "price"]) + "\n" + rows), target="price")
    assert len(table.columns) == 2000
    assert [column.why for column in table.columns if not column.kind] == ["one value"] * 20
    assert table.X.shape == (60, 1980)


def test_rows_come_in_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file larger than memory is read part by part, and its mistakes are found on the way."""
    monkeypatch.setattr("champion.data.delimited.BATCH", 2**16)
    text = "a,b,price\n" + "12345,some words that take room,2.5\n" * 10_000
    with open_source(save(tmp_path, text)) as source:
        sizes = [batch.num_rows for batch in open_delimited(source).batches()]
    assert len(sizes) > 1
    assert sum(sizes) == 10_000
    with open_source(save(tmp_path, text + "1,2\n")) as source, pytest.raises(DataError, match="line 10002: 2 cells"):
        list(open_delimited(source).batches())


@pytest.mark.parametrize("last", ['1,x,"2.5\n', '1,"x,2.5\n'])
def test_an_open_quote_is_found_in_whatever_block(tmp_path: Path, last: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What follows an open quote may be longer than the blocks that the file is parsed in."""
    monkeypatch.setattr("champion.data.delimited.BLOCK", 2**16)
    with pytest.raises(DataError, match="line 7: a quote is opened and never closed"):
        data.load(save(tmp_path, lines(last) + "1,x,2\n" * 50_000), target="price")


def delimited(folder: Path, **written: Any) -> Delimited:
    """Write a file with csv.writer and return what is found out of it."""
    rows, sep = written.pop("rows"), written["delimiter"]
    with (folder / "table.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, **written).writerows(rows)
    with open_source(str(folder / "table.csv")) as source:
        return open_delimited(source, sep=sep)


CELL = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\ufeff\x04"), max_size=5)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    rows=st.integers(2, 4).flatmap(lambda n: st.lists(st.lists(CELL, min_size=n, max_size=n), min_size=1, max_size=5)),
    sep=st.sampled_from(",;\t|"),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    break_=st.sampled_from(["\n", "\r\n"]),
)
def test_any_table_is_read_back_cell_by_cell(
    tmp_path: Path, rows: list[list[str]], sep: str, quoting: Any, break_: str
) -> None:
    """What csv.writer writes is read as it was, whatever is in the cells; rows are found in their lines."""
    header = [f"column {place}" for place in range(1, len(rows[0]) + 1)]
    table = delimited(tmp_path, rows=[header, *rows], delimiter=sep, quoting=quoting, lineterminator=break_)
    assert [list(row.values()) for row in table.read().to_pylist()] == rows
    assert table.where(0).endswith(", line 2")
    last = 2 + sum(1 + "".join(row).count("\n") for row in rows[:-1])
    assert table.where(len(rows) - 1).endswith(f", line {last}")
