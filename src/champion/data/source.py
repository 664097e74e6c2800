"""Decides where a table lies: in a package, in a file, or at an address that it is fetched from."""

import re
import shutil
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from importlib.resources import files
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from urllib.error import HTTPError, URLError
from urllib.parse import quote, unquote, urlsplit
from urllib.request import Request, urlopen

from champion.base.errors import DataError
from champion.base.redaction import redact

WEB = ("http://", "https://")
PATIENCE = 30  # seconds without an answer
PARQUET, GZIP = b"PAR1", b"\x1f\x8b"
STRANGERS = {  # what people have beside CSV, by its first bytes
    b"PK\x03\x04": "an Excel workbook or a ZIP archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"SQLite format 3": "an SQLite database",
    b"ARROW1": "an Arrow file",
    b"BZh91AY&SY": "compressed with bzip2",
    b"\xfd7zXZ": "compressed with xz",
    b"\x28\xb5\x2f\xfd": "compressed with zstd",
    b"%PDF": "a PDF document",
    b"<!doctype": "a web page",
    b"<html": "a web page",
    b'[{"': "JSON",
    b'{"': "JSON",
}


@dataclass(frozen=True)
class Source:
    """A file on this disk, the address that people know it by, and what is in it: parquet, gzip or text."""

    file: Path
    address: str
    format: str

    @property
    def name(self) -> str:
        """The file's name without its endings."""
        return name_of(self.address)

    @property
    def shown(self) -> str:
        """The address as it may be written down: without a password."""
        return redact(self.address)


def name_of(address: str) -> str:
    """Return the name of the file at `address` without its endings, as in houses of https://example.com/houses.csv."""
    path = unquote(urlsplit(address).path) if address.startswith(WEB) else address
    return re.sub("[/:]", "_", PurePosixPath(path).name.split(".")[0]) or "table"  # which MLflow refuses in names


def locate(path: str) -> str:
    """Return where the table lies, absolute unless it is a URL; `pkg://package/file` comes inside a package."""
    if path.startswith(WEB):
        return path
    if path.startswith("pkg://"):
        package, _, file = path.removeprefix("pkg://").partition("/")
        try:
            return str(files(package) / file)
        except (ImportError, ValueError) as error:
            raise DataError(f"data.path: there is no package '{package}' for {path}.") from error
    if scheme := re.match(r"\w+://", path):
        says = f"data.path: {redact(path)} begins with {scheme[0]}, and only http(s) addresses are fetched"
        raise DataError(f"{says}. Download it first, and give its path.")
    return str(Path(path).expanduser().absolute())


@contextmanager
def open_source(path: str) -> Iterator[Source]:
    """Yield the table's file, fetched where it lies elsewhere, for as long as it is read.

    Raises DataError where there is none, or one that holds another kind of thing.
    """
    address = locate(path)
    if not address.startswith(WEB):
        yield Source(Path(address), address, _format(Path(address), address))
        return
    with TemporaryDirectory() as folder:
        file = Path(folder) / "fetched"
        _fetch(address, file)
        yield Source(file, address, _format(file, address))


def _fetch(url: str, file: Path) -> None:
    try:
        with urlopen(_request(url), timeout=PATIENCE) as answer, file.open("wb") as kept:  # noqa: S310, http(s) only
            shutil.copyfileobj(answer, kept)
            promised = int(answer.headers.get("Content-Length") or kept.tell())
            if kept.tell() < promised:
                raise OSError(f"it broke off after {kept.tell():,} of {promised:,} bytes")
    except HTTPError as error:
        with error:
            raise DataError(f"data.path: {redact(url)} can't be fetched: {error}.") from error
    except (OSError, HTTPException, ValueError) as error:
        reason = error.reason if isinstance(error, URLError) else error
        raise DataError(f"data.path: {redact(url)} can't be fetched: {reason}.") from error


def _request(url: str) -> Request:
    """Return the request for a URL as people write it: with letters beyond ASCII, and with a name and a password."""
    login, _, _ = urlsplit(url).netloc.rpartition("@")
    plain = quote(url.replace(f"{login}@", "", 1) if login else url, safe="/:?&=%#+,;@[]!$'()*~")
    request = Request(plain)  # noqa: S310, http and https only
    if login:  # unredirected, as another server is not to know it
        secret = b64encode(unquote(login).encode()).decode()
        request.add_unredirected_header("Authorization", f"Basic {secret}")
    return request


def _format(file: Path, address: str) -> str:
    try:
        if file.is_dir():
            raise DataError(f"data.path: {address} is a folder. Give the path of a file in it.")
        with file.open("rb") as opened:
            start = opened.read(16)
    except FileNotFoundError as error:
        raise DataError(f"data.path: there is no file {address}. Give a path from the working directory.") from error
    except (OSError, ValueError) as error:
        raise DataError(f"data.path: {address} can't be read: {getattr(error, 'strerror', error)}.") from error
    for magic, says in STRANGERS.items():
        if start.startswith(magic) or start.lstrip().lower().startswith(magic):
            raise DataError(f"data.path: {redact(address)} is {says}. Save its table as CSV or Parquet.")
    if start.startswith(PARQUET):
        return "parquet"
    return "gzip" if start.startswith(GZIP) else "text"
