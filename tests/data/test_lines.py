"""lines.py: bytes become rows."""

import codecs
import gzip
from pathlib import Path

import pytest

from champion import data
from champion.base.errors import ConfigError, DataError
from champion.data.lines import Row, find_encoding, open_rows
from champion.data.source import Source
from tests.data.tables import plain, save

UMLAUTS = "größe,price\n" + "".join(f"{'ü' if i % 2 else 'o'},{i * 1.5}\n" for i in range(40))


def rows(folder: Path, text: str) -> list[Row]:
    """Return the rows of a file with this text."""
    source = Source(Path(save(folder, text)), "table.csv", "text")
    with open_rows(source, encoding="utf-8", sep=",") as found:
        return list(found)


def test_a_row_knows_the_lines_it_stands_in(tmp_path: Path) -> None:
    """Rows are numbered by the lines of the file: empty lines count, and a cell may hold several."""
    found = rows(tmp_path, 'a,b\n\n"1\n1\n1",2\r\n3,4')
    assert found == [Row(["a", "b"], 1, 1, False), Row(["1\n1\n1", "2"], 3, 5, False), Row(["3", "4"], 6, 6, False)]


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\n\n"])
def test_a_quote_that_is_never_closed_is_seen(tmp_path: Path, end: str) -> None:
    """A row whose quote is open at the end of the file says so, and where it began."""
    assert [row.is_open for row in rows(tmp_path, f'a,b\n1,"2{end}')] == [False, True]
    assert not any(row.is_open for row in rows(tmp_path, f'a,b\n1,"2\n"{end}'))
    assert rows(tmp_path, f'a,b\n1,"2{end}')[1].first == 2


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (UMLAUTS.encode(), None),
        (UMLAUTS.encode("utf-8-sig"), None),
        (UMLAUTS.encode("utf-8-sig"), "utf-8"),
        (UMLAUTS.encode("utf-16"), None),
        (codecs.BOM_UTF16_BE + UMLAUTS.encode("utf-16-be"), None),
        (UMLAUTS.encode("utf-32"), None),
        (UMLAUTS.encode("utf-16"), "utf-16-le"),
        (UMLAUTS.encode("latin-1"), "latin-1"),
        (UMLAUTS.encode("latin-1"), "ISO-8859-1"),
        (UMLAUTS.encode("cp1252"), "windows-1252"),
        (gzip.compress(UMLAUTS.encode("utf-16")), None),
    ],
)
def test_text_is_read_as_it_is_marked_or_named(tmp_path: Path, content: bytes, encoding: str | None) -> None:
    """UTF-8, what has a byte order mark, and an encoding that data.encoding names give the same table."""
    table = data.load(save(tmp_path, content), target="price", encoding=encoding)
    assert list(table.X.columns) == ["größe"]
    assert set(table.X["größe"]) == {"o", "ü"}


@pytest.mark.parametrize("encoding", ["utf-9", "hex", "rot13"])
def test_an_encoding_that_there_is_not_is_refused(tmp_path: Path, encoding: str) -> None:
    """data.encoding must be one of Python's for text."""
    with pytest.raises(ConfigError, match=f"^data.encoding '{encoding}' is not known. Common ones: utf-8, latin-1"):
        data.load(save(tmp_path, plain()), target="price", encoding=encoding)


@pytest.mark.parametrize("row", [0, 11, 39])
@pytest.mark.parametrize("break_", ["\n", "\r\n", "\r"])
def test_bytes_of_another_encoding_are_found_in_their_line(tmp_path: Path, row: int, break_: str) -> None:
    """A file in latin-1 is not UTF-8, and the first line that shows it is named."""
    text = "".join(f"{'ü' if i == row else 'o'},{i}{break_}" for i in range(40))
    content = (f"a,price{break_}" + text).encode("latin-1")
    with pytest.raises(
        DataError, match=rf"table.csv, line {row + 2}: some bytes are no utf-8\. .*data.encoding=latin-1"
    ):
        data.load(save(tmp_path, content), target="price")


def test_an_encoding_that_is_not_the_files_is_answered_with_a_line(tmp_path: Path) -> None:
    """UTF-8 read as UTF-16 fails in a line too."""
    with pytest.raises(DataError, match=r"table.csv, line 1: some bytes are no utf-16"):
        data.load(save(tmp_path, plain()), target="price", encoding="utf-16")


def test_utf_16_without_a_mark_is_guessed_from_its_zeros(tmp_path: Path) -> None:
    """Half of the bytes of English text in UTF-16 are zero."""
    with pytest.raises(DataError, match=r"table.csv, line 1: it holds NUL bytes.*data.encoding=utf-16-le"):
        data.load(save(tmp_path, plain().encode("utf-16-le")), target="price")


ZIPPED = gzip.compress("".join([plain(), *(f"{i * 37 % 101},{i}\n" for i in range(100_000))]).encode())


@pytest.mark.parametrize(
    "content",
    [ZIPPED[: len(ZIPPED) // 2], ZIPPED[:-4], ZIPPED[:10], ZIPPED[:2], ZIPPED[:-8] + b"12345678"],
    ids=["half", "almost all", "only the head", "two bytes", "another checksum"],
)
def test_a_damaged_gzip_file_is_said_to_be_one(tmp_path: Path, content: bytes) -> None:
    """A download that broke off is not taken for a shorter table."""
    with pytest.raises(DataError, match=r"^data.path: .*table.csv.gz can't be read: .*Is it cut off, or damaged\?$"):
        data.load(save(tmp_path, content, "table.csv.gz"), target="price")


def test_a_gzip_file_that_is_cut_off_among_odd_bytes_is_said_to_be_so(tmp_path: Path) -> None:
    """That a file is damaged matters more than its encoding."""
    content = gzip.compress("größe,price\n1,2\n".encode("latin-1") * 20)[:-9]
    with pytest.raises(DataError, match=r"^data.path: .*table.csv.gz can't be read: .*Is it cut off, or damaged\?$"):
        data.load(save(tmp_path, content, "table.csv.gz"), target="price")


def test_compression_is_told_from_the_bytes(tmp_path: Path) -> None:
    """A gzip file may be called .csv, and text .csv.gz."""
    expected = data.load(save(tmp_path, plain()), target="price").fingerprint
    zipped = save(tmp_path, gzip.compress(plain().encode()), "zipped.csv")
    assert data.load(zipped, target="price").fingerprint == expected
    assert data.load(save(tmp_path, plain(), "text.csv.gz"), target="price").fingerprint == expected


def test_python_names_an_encoding_in_one_way(tmp_path: Path) -> None:
    """UTF-8 is read with or without its mark, however it is written."""
    source = Source(Path(save(tmp_path, plain())), "table.csv", "text")
    assert find_encoding(source, "UTF8") == find_encoding(source, None) == "utf-8-sig"
