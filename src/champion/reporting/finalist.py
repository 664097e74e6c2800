"""Decides what explains the model that is put forward: its errors, the columns that matter, pictures of both."""

import logging
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path

from champion.data import Dataset
from champion.learning import cores
from champion.learning.finalist import Finalist
from champion.reporting import explanation, pictures, report

IMPORTS = (__name__, "matplotlib.figure", "matplotlib.backends.backend_agg", "shap")


def begin(folder: Path, finalist: Finalist, test: Dataset, *, threads: int | None, seed: int) -> Iterable[Path]:
    """Begin to write into `folder` what explains the model by the held-out rows; yield the files as they are asked for.

    No model loses its place for what explains it: what can't be written is said in the log.
    """
    parts = [  # the longest first
        partial(explanation.write_shap, folder, finalist.model, test, seed=seed),
        partial(report.write_importance, folder, finalist.model, test, seed=seed),
        partial(explanation.write_errors, folder, test, finalist.predicted),
        partial(pictures.held_out, folder, test, finalist.predicted),
    ]
    each, _ = cores.side_by_side(test.X.size, len(parts), cores=lambda: threads)
    return _files(each(_written, parts))


def _files(written: Iterable[list[Path]]) -> Iterator[Path]:
    try:
        yield from chain.from_iterable(written)
    except ChildProcessError as error:
        logging.getLogger(__name__).warning(f"Not all is there that explains the model: {error}")


def _written(part: Callable[[], list[Path]], **_: object) -> list[Path]:
    return part()
