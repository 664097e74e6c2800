"""Decides when a search is no longer worth its time: after so many trials, or seconds, without a gain."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from optuna.trial import FrozenTrial, TrialState


@dataclass(frozen=True)
class Patience:
    """How long a search goes on without a gain: so many `trials` that end meanwhile, or `seconds` (None: any).

    What is better than the best at the last gain by more than a share `min_gain` of that is the next gain, so that many
    small ones add up to one.
    """

    trials: int | None
    seconds: float | None
    min_gain: float
    maximize: bool = False

    def lost(self, trials: Sequence[FrozenTrial]) -> str:
        """Return why it is lost, given the trials of a study with one objective, or nothing where it isn't."""
        ended = (TrialState.COMPLETE, TrialState.PRUNED)
        done = [one for one in trials if one.state in ended and one.datetime_complete is not None]
        done.sort(key=lambda one: (one.datetime_complete, one.number))
        best, since = None, -1
        for position, trial in enumerate(done):
            if trial.state is TrialState.COMPLETE and trial.value is not None and self._gains(trial.value, best):
                best, since = trial.value, position
        if best is None or (last := done[since].datetime_complete) is None:
            return ""
        gain = f"a gain of {100 * self.min_gain:.3g} %"
        if self.trials is not None and (without := len(done) - 1 - since) >= self.trials:
            return f"{without} trials without {gain}"
        if self.seconds is not None and (waited := time.time() - last.timestamp()) >= self.seconds:
            return f"{waited:.0f} s without {gain}"
        return ""

    def _gains(self, value: float, best: float | None) -> bool:
        if best is None:
            return True
        gain = value - best if self.maximize else best - value
        return gain > self.min_gain * abs(best)
