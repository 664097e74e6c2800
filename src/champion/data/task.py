"""Decides what is to be predicted: a number, or one of two or more classes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from champion.base.words import Label

REGRESSION, BINARY, MULTICLASS = "regression", "binary", "multiclass"
NAMES = (REGRESSION, BINARY, MULTICLASS)
FAR = 1000  # standard deviations from zero, where single precision tells some thousand values within one apart
SMALLEST, LARGEST = 1e-6, 1e12  # standard deviations whose squares no library takes for nothing, or can't add up


@dataclass(frozen=True)
class Task:
    """One of `NAMES`; `classes` are the labels of a classification as the table has them, sorted, and else none.

    A number is `far` where models would lose its differences, unless they learn how far it is from its mean.
    """

    name: str = REGRESSION
    classes: tuple[Label, ...] = ()
    far: bool = False

    @property
    def is_classification(self) -> bool:
        """Whether one of some classes is predicted, rather than a number."""
        return self.name != REGRESSION

    @property
    def metric(self) -> str:
        """The metric by which models are compared unless another one is asked for; less of it is better."""
        return "log_loss" if self.is_classification else "rmse"

    @property
    def positive(self) -> Label:
        """The class of two that is looked for, as in a test for an illness: the later one, such as 1, True or yes."""
        return self.classes[-1]


def regression(values: np.ndarray) -> Task:
    """Return the task of predicting numbers such as these, of shape (n_rows,)."""
    mean, spread = abs(float(np.mean(values))), float(np.std(values))
    return Task(far=mean > FAR * spread or not SMALLEST < spread < LARGEST)


def classification(classes: Sequence[Label]) -> Task:
    """Return the task of telling these classes apart."""
    return Task(BINARY if len(classes) == 2 else MULTICLASS, tuple(classes))
