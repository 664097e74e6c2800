"""preparation.py: the table, its split and its folds, made once for the trials of a worker."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from champion import features
from champion.learning import preparation


@pytest.fixture
def recipe(tmp_path: Path) -> dict[str, Any]:
    """Write a table; return what `prepare` takes."""
    file = tmp_path / "houses.csv"
    file.write_text("\n".join(["size,price", *(f"{size},{size * 1000}" for size in range(0, 150, 3))]))
    table = {"path": str(file), "target": "price"}
    return {
        "table": table,
        "features": partial(features.plain, max_categories=20, text_components=5, seed=0),
        "task": None,
        "test_size": 0.2,
        "n_splits": 4,
        "seed": 1,
    }


def test_folds_cover_the_training_rows_only(recipe: dict[str, Any]) -> None:
    """Each training row is scored in one fold, and no held-out row in any."""
    prepared = preparation.prepare(**recipe)
    scored = np.concatenate([fold.X_validation[:, 0] for fold in prepared.folds])
    assert sorted(scored) == sorted(prepared.train.X["size"])
    assert not set(scored) & set(prepared.test.X["size"])
    assert len(prepared.test) == 10


def test_trials_share_what_they_learn_from(recipe: dict[str, Any]) -> None:
    """The same question gets the same folds, without reading the file again; another question gets its own."""
    first = preparation.prepare(**recipe, keep=True)
    Path(recipe["table"]["path"]).unlink()
    assert preparation.prepare(**recipe, keep=True) is first
    assert len(list(first.folds)) == len(list(first.folds)) == 4
    with pytest.raises(Exception, match="there is no file"):
        preparation.prepare(**{**recipe, "seed": 2}, keep=True)


def test_run_on_its_own_keeps_nothing(recipe: dict[str, Any]) -> None:
    """A fold is encoded each time it is asked for, and a second run reads the table again."""
    once = preparation.prepare(**recipe)
    assert len(list(once.folds)) == 4
    assert next(iter(once.folds)) is not next(iter(once.folds))
    assert preparation.prepare(**recipe) is not once
