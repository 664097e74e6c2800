"""Decides in how few words a command names a model: none where the defaults find it."""

import mlflow

from champion.base import invocation
from champion.registry.version import names


def serve_command(name: str) -> str:
    """Return the command that serves the champion of this name."""
    return invocation.serve(uri=mlflow.get_tracking_uri(), model=_named(name))


def promote_command(name: str, version: int | str) -> str:
    """Return the command that makes this version the champion, whatever a final says."""
    return invocation.champion("promote", str(version), uri=mlflow.get_tracking_uri(), model=_named(name))


def train_command(name: str | None = None) -> str:
    """Return the command that trains a champion, of this name if one is given."""
    return invocation.train(uri=mlflow.get_tracking_uri(), model=name)


def _named(name: str) -> str | None:
    return None if names() == [name] else name
