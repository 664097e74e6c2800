"""Decides how a command is printed: so that it does what is said in the shell that this one was typed in."""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from champion.base.home import REPOSITORY, tracking_uri
from champion.base.redaction import redact
from champion.base.remedy import override


def train(*, uri: str, model: str | None = None) -> str:
    """Return the command that trains into the database or server at `uri`, as that registered `model` if one is."""
    words = [] if uri == tracking_uri() else [override("tracking.uri", redact(uri))]
    return " ".join([_script("src/train.py"), *words, *([override("registered_model", model)] if model else [])])


def typed(words: Sequence[str]) -> str:
    """Return the command that trains with these words, which may name paths seen from the working directory."""
    go = [] if Path.cwd() == REPOSITORY else ["cd", shlex.quote(str(Path.cwd())), "&&"]
    return " ".join([*go, _script("src/train.py"), *(shlex.quote(redact(word)) for word in words)])


def serve(*, uri: str, model: str | None = None) -> str:
    """Return the command that serves the champion there, of the registered `model` if one is named."""
    return " ".join([_script("serve.py"), *_options(uri, model)])


def champion(*words: str, uri: str, model: str | None = None) -> str:
    """Return `python -m champion` with these words; that one is found in the repository."""
    there = Path.cwd() == REPOSITORY or not (REPOSITORY / "serve.py").is_file()
    go = [] if there else ["cd", shlex.quote(str(REPOSITORY)), "&&"]
    return " ".join([*go, "python -m champion", shlex.join(words), *_options(uri, model)])


def _script(name: str) -> str:
    """Return `python` and the path of this script as seen from the working directory."""
    file = REPOSITORY / name
    return shlex.join(["python", os.path.relpath(file) if file.is_file() else name])


def _options(uri: str, model: str | None) -> list[str]:
    """Return what the defaults don't find."""
    named = ["--model", model] if model else []
    return [shlex.quote(word) for word in named + ([] if uri == tracking_uri() else ["--tracking-uri", redact(uri)])]
