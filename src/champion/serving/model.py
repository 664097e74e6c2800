"""Decides which model is served, and holds it with what its callers must know."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from champion import registry
from champion.errors import ModelError
from champion.registry import CHAMPION, Stored, Version


@dataclass(frozen=True)
class ServedModel:
    """A version of a model, and what its files hold."""

    version: Version
    stored: Stored

    def predict(self, rows: pd.DataFrame) -> list[Any]:
        """Return one prediction for each of the rows, in the target's unit."""
        return list(self.stored.pipeline.predict(rows).tolist())


def find(name: str | None, *, version: int | None = None, alias: str = CHAMPION) -> ServedModel:
    """Load a version by its number or its alias; without a name, the only model that has a champion."""
    chosen = name or _only_model()
    found = registry.get(chosen, version) if version is not None else registry.by_alias(chosen, alias)
    if found is None:
        raise ModelError(f"--model {chosen} has no version with alias '{alias}'. Train one: `python src/train.py`.")
    return ServedModel(found, registry.load(found))


def _only_model() -> str:
    names = registry.names()
    if not names:
        raise ModelError("There is no champion to serve yet. Train one: `python src/train.py`.")
    if len(names) > 1:
        raise ModelError(f"Several models have a champion: {', '.join(names)}. Choose one with --model NAME.")
    return names[0]
