"""champion_sweeper/_halving.py: which trials go on after a fold."""

import math
from typing import Literal

import optuna
import pytest

from hydra_plugins.champion_sweeper import FoldHalvingPruner

FOUR_WORSE: list[list[float]] = [[2, 2, 2]] * 4


def folds_of(
    *trials: list[float], direction: Literal["minimize", "maximize"] = "minimize", reduction_factor: int = 3
) -> list[int]:
    """Return how many folds each of the trials is given, one after the other, of those that it would report."""
    study = optuna.create_study(direction=direction, pruner=FoldHalvingPruner(reduction_factor))
    for values in trials:
        trial = study.ask()
        for fold, value in enumerate(values, 1):
            trial.report(value, fold)
            if fold < len(values) and trial.should_prune():
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                break
        else:
            study.tell(trial, sum(values))
    return [len(trial.intermediate_values) for trial in study.trials]


def test_best_third_of_those_that_came_so_far_goes_on() -> None:
    """Of the first five trials the best one does, of six the best two, and later of those that came so far."""
    assert folds_of([1, 1, 1], [2, 2, 2], [3, 3, 3], [0, 5, 5], [0.5, 1, 1], [0.7, 0, 0]) == [3, 1, 1, 2, 1, 1]
    assert folds_of([1, 1, 1], *FOUR_WORSE, [1.5, 0, 0], [1.2, 0.5, 0]) == [3, 1, 1, 1, 1, 3, 2]
    assert folds_of([1, 1, 1], [2, 2, 2], [3, 3, 3], [1.5, 0, 0], reduction_factor=2) == [3, 1, 1, 3]


def test_folds_so_far_count_together() -> None:
    """A trial that is worse in one fold, but not on the whole, goes on; one that is better in its last fold needn't."""
    assert folds_of([2, 2, 2], [1, 2.5, 2]) == [3, 3]
    assert folds_of([2, 2, 2], [1, 3.5, 0]) == [3, 2]


def test_more_may_be_better() -> None:
    """As of R²; a trial that is as good as the best goes on, one whose score is no number doesn't."""
    assert folds_of([0.5, 0.5, 0.5], [0.4, 1, 1], [0.6, 0.6, 0.6], direction="maximize") == [3, 1, 3]
    assert folds_of([1, 1, 1], [1, 1, 1]) == [3, 3]
    assert folds_of([1, 1, 1], [math.nan, 0, 0], [math.inf, 0, 0]) == [3, 1, 1]


def test_trial_that_reports_nothing_goes_on() -> None:
    """There is nothing to compare."""
    study = optuna.create_study(pruner=FoldHalvingPruner())
    assert not study.ask().should_prune()


@pytest.mark.parametrize("factor", [1, 0, 2.5, True, "3"])
def test_share_must_be_one_of_several(factor: object) -> None:
    """Anything else is answered where it is given."""
    with pytest.raises(ValueError, match="reduction_factor must be a whole number above 1, but got"):
        FoldHalvingPruner(factor)  # type: ignore[arg-type]
