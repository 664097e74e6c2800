"""Decides which trials go on where each is a mean of what it reports, as that of cross-validation is of its folds."""

from statistics import fmean

from optuna import Study
from optuna.pruners import BasePruner
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial


class FoldHalvingPruner(BasePruner):
    """Successive halving after every fold, by the mean of the folds so far: the best share of the trials goes on.

    Of n trials that came so far, those are the n // `reduction_factor` best ones, and at least one. All trials must
    report the same steps. Source: Li et al., A System for Massively Parallel Hyperparameter Tuning (MLSys 2020); there
    a trial is looked at after a number of steps that grows by the same factor, and by its last step alone.
    """

    def __init__(self, reduction_factor: int = 3) -> None:
        """Let one of so many trials go on; raise ValueError unless it is a whole number above 1."""
        if type(reduction_factor) is not int or reduction_factor < 2:
            raise ValueError(f"reduction_factor must be a whole number above 1, but got {reduction_factor!r}")
        self._reduction_factor = reduction_factor

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        """Tell whether others were better on the steps that the trial has reported."""
        steps = trial.intermediate_values.keys()
        if not steps:
            return False
        reached = [one for one in study.get_trials(deepcopy=False) if one.intermediate_values.keys() >= steps]
        rivals = [one for one in reached if one.number != trial.number]
        own, *others = (fmean(one.intermediate_values[step] for step in steps) for one in (trial, *rivals))
        maximize = study.direction is StudyDirection.MAXIMIZE
        better = sum(other > own if maximize else other < own for other in others)
        return own != own or better >= max(1, (len(others) + 1) // self._reduction_factor)
