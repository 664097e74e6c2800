"""pictures.py: what the held-out rows show."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from champion.base.words import Label
from champion.data import Dataset
from champion.data.task import classification
from champion.reporting import pictures
from tests.conftest import dataset

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize(
    "classes", [("no", "yes"), (0, 1), tuple(range(40)), ("a $b$ c", "[d]", "ß", "a very long name of a class indeed")]
)
def test_classes_have_three_pictures(small: Dataset, tmp_path: Path, classes: tuple[Label, ...]) -> None:
    """Two classes or forty, whatever they are called: no picture fails, and no name is taken for a formula."""
    rng = np.random.default_rng(0)
    table = dataset(small.X, pd.Series(rng.choice(np.array(classes), 200)), task=classification(classes))
    files = pictures.held_out(tmp_path, table, rng.dirichlet(np.ones(len(classes)), 200))
    assert [file.name for file in files] == ["confusion_matrix.png", "roc_curve.png", "calibration.png"]
    assert all(file.read_bytes().startswith(PNG) for file in files)


def test_rows_of_one_class_can_be_drawn(small: Dataset, tmp_path: Path) -> None:
    """Held-out rows that lack all classes but one leave pictures too."""
    table = dataset(small.X, pd.Series(["no"] * 200), task=classification(("no", "yes")))
    files = pictures.held_out(tmp_path, table, np.tile([0.8, 0.2], (200, 1)))
    assert all(file.read_bytes().startswith(PNG) for file in files)
