"""Decides in how few words a command names a model: none where the defaults find it."""

import shlex

import mlflow

from champion.home import home
from champion.redaction import redact
from champion.registry.version import names


def serve_command(name: str) -> str:
    """Return the command that serves the champion of this name."""
    return shlex.join(["python", "serve.py", *_options(name)])


def promote_command(name: str, version: int) -> str:
    """Return the command that makes this version the champion, whatever a final says."""
    return shlex.join(["python", "-m", "champion", "promote", str(version), *_options(name)])


def _options(name: str) -> list[str]:
    uri = mlflow.get_tracking_uri()
    model = [] if names() == [name] else ["--model", name]
    return model + ([] if uri == f"sqlite:///{home() / 'mlflow.db'}" else ["--tracking-uri", redact(uri)])
