"""rows.py: on which held-out rows a final is fair."""

from pathlib import Path

import numpy as np

from champion.data import Dataset, split
from champion.promotion import rows


def test_rows_that_were_learned_from_are_left_out(small: Dataset, tmp_path: Path) -> None:
    """With another seed, the champion learned from most of the rows that are held out now; they are known again."""
    learned, _ = split.hold_out(small, test_size=0.4, seed=1)
    _, test = split.hold_out(small, test_size=0.4, seed=2)
    hashes = rows.read(rows.write(tmp_path, learned))
    assert hashes is not None
    counted = rows.unlearned(test, hashes, by="version 3")
    assert list(counted.mask) == [position not in learned.y.index for position in test.y.index]
    n = counted.mask.sum()
    assert 0 < n < 80
    assert counted.said == f"on the {n} of 80 held-out rows that version 3 did not learn from"


def test_thirty_new_rows_are_enough(small: Dataset) -> None:
    """With fewer, nothing is to be said."""
    for new, enough in ((29, False), (30, True)):
        assert rows.unlearned(small, small.row_hashes[new:], by="version 3").enough == enough


def test_a_single_row_is_not_enough(small: Dataset) -> None:
    """Drawn again and again, it shows no chance."""
    assert not rows.the_same(small.take(np.array([0]))).enough
    assert rows.the_same(small.take(np.array([0, 1]))).enough
    assert not rows.unknown(small.take(np.array([0])), by="version 3").enough


def test_damaged_file_tells_nothing(tmp_path: Path) -> None:
    """It is no reason to fail, and nothing in it is ever run."""
    for content in (b"", b"\x80\x04]q\x00.", b"\x93NUMPY"):
        (tmp_path / "train_rows.npy").write_bytes(content)
        assert rows.read(tmp_path / "train_rows.npy") is None
    np.save(tmp_path / "objects.npy", np.array([{"a": 1}]), allow_pickle=True)
    assert rows.read(tmp_path / "objects.npy") is None
