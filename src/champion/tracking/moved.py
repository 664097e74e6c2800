"""Decides what becomes of the addresses in MLflow's database once the project was moved: they follow their files."""

import logging
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from mlflow.utils.file_utils import local_file_uri_to_path
from mlflow.utils.uri import is_local_uri

from champion.base.errors import TrackingError

ADDRESSES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "storage_location"),
    ("model_versions", "source"),
)


def follow(database: Path, *, roots: Sequence[Path]) -> None:
    """Put the addresses in this SQLite file right whose files lie below one of the `roots` by now, and say so.

    MLflow keeps them as they were when a run was made: in a project that was moved, or copied, it would look for the
    champion in the old place, and make that again for new files. Raises TrackingError where they can't be written.
    """
    try:
        with closing(sqlite3.connect(database, timeout=30)) as opened:
            for old, new in dict.fromkeys(_moves(opened, roots)):
                with opened:
                    _rewrite(opened, old, new)
                logging.getLogger(__name__).warning(f"What lay in {old} lies in {new} now: {database.name} follows.")
    except sqlite3.Error as error:
        raise TrackingError(
            f"The addresses in {database} can't follow their files, which were moved: {error}."
        ) from error


def gone(location: str) -> Path | None:
    """Return the folder that an address names on this machine, where it isn't there."""
    folder = Path(local_file_uri_to_path(location)) if is_local_uri(location) else None
    return folder if folder and not folder.is_dir() else None


def _moves(opened: sqlite3.Connection, roots: Sequence[Path]) -> Iterator[tuple[Path, Path]]:
    """Yield from where to where experiments have moved: their runs' folders show it, as no two have the same name."""
    for number, location in opened.execute("select experiment_id, artifact_location from experiments").fetchall():
        if not location or not is_local_uri(location):
            continue
        before = Path(local_file_uri_to_path(location))
        if before.is_dir() and any(before.is_relative_to(root) for root in roots):
            continue
        runs = [run for (run,) in opened.execute("select run_uuid from runs where experiment_id = ?", [number])]
        yield from _places(before, roots, runs)


def _places(before: Path, roots: Sequence[Path], runs: Sequence[str]) -> list[tuple[Path, Path]]:
    """Return the folder that was moved and where it is, if some run's files are found below a root as they were."""
    for root in roots:
        for end in range(len(before.parts) - 1, 0, -1):
            now = root.joinpath(*before.parts[end:])
            if now.is_dir() and any((now / run).is_dir() for run in runs):
                same = before.is_dir() and now.samefile(before)
                return [] if same else [(Path(*before.parts[:end]), root)]
    return []


def _rewrite(opened: sqlite3.Connection, old: Path, new: Path) -> None:
    for shown in (Path.as_uri, str):
        before, now = (text if (text := shown(folder)).endswith("/") else f"{text}/" for folder in (old, new))
        for table, column in ADDRESSES:
            opened.execute(
                f"update {table} set {column} = ? || substr({column}, ?) where substr({column}, 1, ?) = ?",  # noqa: S608
                [now, len(before) + 1, len(before), before],
            )
