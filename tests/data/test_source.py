"""source.py: where a table lies, and what is no table."""

import gzip
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from champion import data
from champion.base.errors import DataError
from champion.data.source import Source, locate, name_of
from tests.conftest import free_port
from tests.data.tables import plain, save


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder, breaks off in broken.csv, and opens secret/ to ada only."""

    def do_GET(self) -> None:
        """Answer a request."""
        if self.path.startswith("/secret/") and self.headers["Authorization"] != "Basic YWRhOnB3":
            self.send_error(401)
        elif self.path == "/broken.csv":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(plain().encode()[:100])
        else:
            super().do_GET()

    def log_message(self, *words: object) -> None:
        """Say nothing."""


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    """Serve the test's folder over HTTP."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("name", ["houses.csv", "häuser 1.csv"])
def test_a_table_is_fetched_from_an_address(web: str, tmp_path: Path, name: str) -> None:
    """An http address gives the same table as the file it serves, letters beyond ASCII included."""
    path = save(tmp_path, plain(), name)
    fetched = data.load(f"{web}/{name}", target="price")
    assert fetched.fingerprint == data.load(path, target="price").fingerprint
    assert fetched.name == name.removesuffix(".csv")


def test_a_compressed_table_is_fetched_too(web: str, tmp_path: Path) -> None:
    """What a file is, is told from its first bytes rather than from its name."""
    save(tmp_path, gzip.compress(plain().encode()), "download")
    assert len(data.load(f"{web}/download", target="price")) == 40


def test_a_password_opens_an_address_and_is_not_written_down(web: str, tmp_path: Path) -> None:
    """Name and password of an address are sent, and neither a message nor a report holds the password."""
    (tmp_path / "secret").mkdir()
    save(tmp_path / "secret", plain())
    with_login = web.replace("//", "//ada:pw@")
    assert data.load(f"{with_login}/secret/table.csv", target="price").summary.source.count("pw") == 0
    with pytest.raises(DataError, match=r"//ada:\*\*\*@.* can't be fetched: HTTP Error 404") as caught:
        data.load(f"{with_login}/secret/nope.csv", target="price")
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize(
    ("file", "says"),
    [("nope.csv", r"nope\.csv can't be fetched: HTTP Error 404"), ("broken.csv", "broke off after 100 of 1,000 bytes")],
)
def test_an_address_that_gives_no_table_is_named(web: str, file: str, says: str) -> None:
    """The message holds the address and what the server said."""
    with pytest.raises(DataError, match=f"^data.path: http://.*{says}"):
        data.load(f"{web}/{file}", target="price")


def test_a_server_that_is_not_there_is_named() -> None:
    """A refused connection is a line of its own."""
    with pytest.raises(DataError, match=r"^data.path: http://127.0.0.1:\d+/x.csv can't be fetched: .*refused"):
        data.load(f"http://127.0.0.1:{free_port()}/x.csv", target="price")


@pytest.mark.parametrize(
    ("start", "says"),
    [
        (b"PK\x03\x04", "an Excel workbook or a ZIP archive"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "an old Excel workbook"),
        (b"SQLite format 3\x00", "an SQLite database"),
        (b"ARROW1\x00\x00", "an Arrow file"),
        (b"BZh91AY&SY", "compressed with bzip2"),
        (b"\xfd7zXZ\x00", "compressed with xz"),
        (b"\x28\xb5\x2f\xfd", "compressed with zstd"),
        (b"%PDF-1.7", "a PDF document"),
        (b"\n<!DOCTYPE html>", "a web page"),
        (b"<HTML>", "a web page"),
        (b'[{"a": 1}]', "JSON"),
    ],
)
def test_what_is_no_table_is_called_by_its_name(tmp_path: Path, start: bytes, says: str) -> None:
    """Another kind of file is told from its first bytes, whatever its name says."""
    with pytest.raises(DataError, match=rf"^data.path: .*table.csv is {says}\. Save its table as CSV or Parquet\.$"):
        data.load(save(tmp_path, start + b"\x00" * 100), target="price")


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("nope.csv", f"there is no file {Path.cwd() / 'nope.csv'}"),
        ("", "is a folder"),
        ("s3://bucket/x.csv", "begins with s3://, and only http"),
        ("pkg://no_such_package/x.csv", "there is no package 'no_such_package'"),
        ("pkg://", "there is no package ''"),
        ("x\0.csv", "can't be read"),
        ("x" * 5000, "can't be read: File name too long"),
    ],
)
def test_a_path_without_a_file_is_answered(path: str, says: str) -> None:
    """A relative path is shown in full, so that a wrong working directory is seen."""
    with pytest.raises(DataError, match=f"^data.path: .*{says}"):
        data.load(path, target="price")


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("/data/houses.csv.gz", "houses"),
        ("https://example.com/a%20b.csv?token=1#x", "a b"),
        ("/data/.csv", "table"),
        ("/data/sales:2024.csv", "sales_2024"),
    ],
)
def test_a_table_is_named_after_its_file(address: str, name: str) -> None:
    """The name is without endings, and one that MLflow takes for a model."""
    assert name_of(address) == Source(Path("x"), address, "text").name == name


def test_home_is_where_a_shell_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A path may begin with ~, which shells leave as it is after an equals sign."""
    monkeypatch.setenv("HOME", "/home/ada")
    assert locate("~/houses.csv") == "/home/ada/houses.csv"
