"""Decides whom a running trial is compared with: nobody who failed or was lost, since those can't win any more."""

import copy
from typing import Any

import optuna
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState


class Trial(optuna.Trial):
    """One that ends early only where a rival that may still win, or has been finished, makes it hopeless.

    A pruner of Optuna's that compares what trials reported would keep those in mind that then failed, and where the
    best of these stood, end all the others.
    """

    def should_prune(self) -> bool:
        """Tell whether the study's pruner sees no use in going on."""
        whole = self.study
        self.study = copy.copy(whole)
        self.study._storage = _Rivals(whole._storage)  # type: ignore[assignment]
        try:
            return super().should_prune()
        finally:
            self.study = whole


class _Rivals:
    """A storage without its failed trials; whatever a pruner makes of a study, it asks this for the others."""

    def __init__(self, storage: BaseStorage) -> None:
        self._storage = storage

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)

    def get_all_trials(self, *arguments: Any, **options: Any) -> list[FrozenTrial]:
        trials = self._storage.get_all_trials(*arguments, **options)
        return [trial for trial in trials if trial.state is not TrialState.FAIL]
