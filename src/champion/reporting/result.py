"""Decides what other programs read of a run or a sweep: result.json in its folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

NAME = "result.json"


def write(folder: Path, found: Mapping[str, Any]) -> None:
    """Write what was found, whole or not at all; what is no number stands there as null."""
    draft = folder / f"{NAME}.part"
    draft.write_bytes(text(found) + b"\n")
    draft.replace(folder / NAME)


def add(folder: Path, found: Mapping[str, Any]) -> None:
    """Write what was found beside what stands there; without a result there, do nothing."""
    if (file := folder / NAME).is_file():
        write(folder, {**orjson.loads(file.read_bytes()), **found})


def text(found: object) -> bytes:
    """Return anything of records, names and numbers as JSON for people and programs."""
    return orjson.dumps(found, option=orjson.OPT_INDENT_2)
