"""Decides which model is served, and that it can be: it must predict its own example rows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from champion import registry
from champion.base.errors import ModelError
from champion.data import Rows
from champion.registry import CHAMPION, Stored, Version
from champion.serving.scorer import Scorer


@dataclass(frozen=True, eq=False)
class ServedModel:
    """A version of a model, and what its files hold."""

    version: Version
    stored: Stored
    scorer: Scorer

    def predict(self, parts: Sequence[Rows]) -> list[np.ndarray]:
        """Return the predictions for the rows of each part, scored at once: in the target's unit, or probabilities."""
        predicted = self.scorer.predict(self.stored.schema.join(parts))
        ends = np.cumsum([part.n_rows for part in parts])
        return np.split(predicted, ends[:-1])


def find(name: str | None, *, version: int | None = None, alias: str = CHAMPION) -> Version:
    """Return a version by its number or its alias; without a name, of the only model that has a champion."""
    chosen = name or _only_model()
    found = registry.get(chosen, version) if version is not None else registry.by_alias(chosen, alias)
    if found is None:
        raise ModelError(f"--model {chosen} has no version with alias '{alias}'. {_remedy(chosen, alias)}")
    return found


def load(version: Version) -> ServedModel:
    """Load the version's files; raise ModelError where it can't predict its own input example."""
    stored = registry.try_out(version)
    example = stored.schema.transform(stored.example)
    return ServedModel(version, stored, Scorer(stored.pipeline[1:], example, stored.task))


def _only_model() -> str:
    names = registry.names()
    if not names:
        raise ModelError(f"There is no champion to serve yet. Train one: `{registry.train_command()}`.")
    return registry.only(names)


def _remedy(name: str, alias: str) -> str:
    known = registry.versions(name)
    if alias != CHAMPION:
        return "Set it in MLflow, or choose --version N."
    if known:
        return f"`{registry.promote_command(name, known[-1].version)}` makes the newest one champion."
    return f"Train one: `{registry.train_command(name)}`."
