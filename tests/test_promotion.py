"""promotion.py: the final between challenger and champion."""

from dataclasses import replace

import numpy as np
import pytest

from champion import promotion, registry
from champion.data import Dataset
from champion.registry import Version
from tests.conftest import Home
from tests.test_registry import NAME, put_forward


def final(version: Version, small: Dataset, rmse: float) -> promotion.Decision:
    """Let the version meet the champion on the rows of `small`."""
    return promotion.final(version, rmse=rmse, test=small)


def test_first_of_its_name_is_champion(home: Home, small: Dataset) -> None:
    """Somebody has to be."""
    decision = final(put_forward(small, home), small, rmse=1e9)
    assert decision.promoted
    assert registry.get(NAME, 1).stage == "Production"


def test_better_challenger_wins_and_says_why(home: Home, small: Dataset) -> None:
    """The lower error on the same rows takes the place; numbers and reason stand in the registry."""
    final(put_forward(small, home), small, rmse=1e9)
    decision = final(put_forward(small, home), small, rmse=1.0)
    assert decision.promoted
    assert decision.reason.startswith("RMSE 1 beats version 1's ")
    winner = registry.get(NAME, 2)
    assert winner.aliases == ["champion"]
    assert winner.description == f"A forest. {decision.reason}"
    assert registry.get(NAME, 1).stage == "Archived"


def test_worse_challenger_stays_in_staging(home: Home, small: Dataset) -> None:
    """The champion keeps its place, whatever metrics it was registered with: it is scored again."""
    final(put_forward(small, home), small, rmse=0.0)
    decision = final(put_forward(small, home), small, rmse=1e9)
    assert not decision.promoted
    assert registry.by_alias(NAME) == registry.get(NAME, 1)
    assert registry.get(NAME, 2).stage == "Staging"


def test_champion_that_lacks_a_column_keeps_its_place(home: Home, small: Dataset) -> None:
    """Without a fair comparison nothing is promoted."""
    final(put_forward(small, home), small, rmse=1.0)
    narrow = replace(small, X=small.X.drop(columns="age"))
    decision = final(put_forward(small, home), narrow, rmse=0.0)
    assert not decision.promoted
    assert "version 1 can't be scored on these columns" in decision.reason


def test_champion_without_files_loses(home: Home, small: Dataset) -> None:
    """A champion that can't be loaded can't be served either."""
    final(put_forward(small, home), small, rmse=1.0)
    model_id = home.client.get_model_version(NAME, "1").source.removeprefix("models:/")
    [folder] = [path for path in (home.folder / "mlruns").rglob(model_id) if path.is_dir()]
    folder.rename(home.folder / "lost")
    decision = final(put_forward(small, home), small, rmse=1e9)
    assert decision.promoted
    assert "version 1 can't be loaded" in decision.reason


@pytest.mark.parametrize(("challenger", "promoted"), [(0.9, True), (1.0, False), (1.1, False), (np.nan, False)])
def test_only_a_lower_error_wins(challenger: float, promoted: bool) -> None:
    """A tie keeps the champion, and so does an error that is no number."""
    assert promotion.compare(challenger, 1.0, opponent="version 1").promoted == promoted
