"""team.py: which trials make a team, and how much each says."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from champion.data.task import Task, classification
from champion.learning import evaluation, team
from champion.learning.evaluation import Fold
from champion.learning.team import Member

RNG = np.random.default_rng(0)
NUMBERS = [pd.Series(RNG.normal(10, 3, 150)) for _ in range(3)]
REGRESSION = Task()
LETTERS = classification(("a", "b"))


def folds(predicted: Sequence[np.ndarray], y: Sequence[pd.Series], task: Task) -> list[Fold]:
    """Return what a trial with these predictions has shown."""
    return [
        Fold(n, evaluation.score(true, one, task), 1.0, one)
        for n, (true, one) in enumerate(zip(y, predicted, strict=True), 1)
    ]


def noisy(trial: int, noise: float) -> Member:
    """Return a trial that is wrong by so much, in its own way."""
    rng = np.random.default_rng(trial)
    predicted = [true.to_numpy() + rng.normal(0, noise, len(true)) for true in NUMBERS]
    return Member(trial, {"number": trial}, folds(predicted, NUMBERS, REGRESSION))


def error(shown: Sequence[Fold]) -> float:
    """Return the cross-validated RMSE."""
    return evaluation.summarise(shown, REGRESSION)["cv_rmse"]


def test_trials_that_err_differently_make_a_team() -> None:
    """Four models with independent errors of 1 have one of about a half together, at about equal weights."""
    members = [noisy(number, 1.0) for number in range(4)]
    formed = team.form(members, NUMBERS, REGRESSION, size=4)
    assert formed is not None
    assert error(formed.folds) == pytest.approx(0.5, abs=0.06)
    assert sum(formed.weights.values()) == pytest.approx(1)
    assert all(0.15 < share < 0.35 for share in formed.weights.values())


def test_many_of_one_kind_leave_room_for_another() -> None:
    """Forty trials with the same errors come first, and the one that errs differently is in the team all the same."""
    alike = [replace(noisy(0, 1.0), trial=number) for number in range(40)]
    other = noisy(41, 1.2)
    formed = team.form([*alike, other], NUMBERS, REGRESSION, size=4)
    assert formed is not None
    assert formed.weights[other] > 0.3
    assert error(formed.folds) < 0.85 * error(alike[0].folds)


def test_team_is_no_larger_than_asked() -> None:
    """Of many who would help, the best few are taken."""
    members = [noisy(number, 1.0) for number in range(9)]
    formed = team.form(members, NUMBERS, REGRESSION, size=3)
    assert formed is not None
    assert len(formed.weights) <= 3
    assert formed.said.count("trial_") == len(formed.weights)


def test_one_that_nobody_can_help_stays_alone() -> None:
    """Beside a model that is right, others only disturb; one trial, or size 1, is no team either."""
    members = [noisy(0, 0.01), noisy(1, 3.0), noisy(2, 4.0)]
    formed = team.form(members, NUMBERS, REGRESSION, size=5)
    assert formed is None or error(formed.folds) < error(members[0].folds)
    exact = [noisy(0, 0.0), noisy(1, 3.0)]
    assert team.form(exact, NUMBERS, REGRESSION, size=5) is None
    assert team.form(members[:1], NUMBERS, REGRESSION, size=5) is None
    assert team.form([noisy(number, 1.0) for number in range(4)], NUMBERS, REGRESSION, size=1) is None


def test_folds_are_not_judged_by_weights_chosen_on_them() -> None:
    """Fifty models of pure noise, of which some fit by chance: their blend isn't shown better than it is.

    With weights chosen on the rows that they are judged by, the RMSE would come out below that of knowing the mean
    and nothing else.
    """
    rng = np.random.default_rng(5)
    few = [true.head(12) for true in NUMBERS]
    guesses = [[rng.normal(10, 1, 12) for _ in few] for _ in range(20)]
    members = [Member(n, {}, folds(guess, few, REGRESSION)) for n, guess in enumerate(guesses)]
    members.sort(key=lambda member: error(member.folds))
    formed = team.form(members, few, REGRESSION, size=8)
    mean_alone = error(folds([np.full(12, 10.0)] * 3, few, REGRESSION))
    assert formed is None or error(formed.folds) > 0.97 * mean_alone


def test_classes_are_blended_as_probabilities() -> None:
    """The shares of a blend's classes add up to one, and its log loss is lower than its members'."""
    y = [pd.Series(np.where(RNG.random(200) < 0.5, "a", "b")) for _ in range(3)]
    members = []
    for number in range(3):
        rng = np.random.default_rng(number)
        right = [np.clip(np.where(true == "b", 0.7, 0.3) + rng.normal(0, 0.2, 200), 0.02, 0.98) for true in y]
        members.append(Member(number, {}, folds([np.column_stack([1 - p, p]) for p in right], y, LETTERS)))
    formed = team.form(members, y, LETTERS, size=3)
    assert formed is not None
    assert all(np.allclose(fold.predicted.sum(axis=1), 1) for fold in formed.folds)
    losses = [evaluation.summarise(shown, LETTERS)["cv_log_loss"] for shown in (formed.folds, members[0].folds)]
    assert losses[0] < losses[1]


def test_what_a_trial_keeps_is_read_again(tmp_path: Path) -> None:
    """Predictions, seconds and scores come back; the best trial is the first; others' leftovers are none."""
    made = {3: noisy(3, 2.0), 4: noisy(4, 1.0)}
    for number, member in made.items():
        (folder := tmp_path / str(number)).mkdir()
        member.folds[0] = replace(member.folds[0], rounds=7)  # type: ignore[index]
        team.keep(folder, member.folds, model=member.model, beside={"seed": 42})
    (tmp_path / "5").mkdir()  # pruned
    (other := tmp_path / "6").mkdir()
    team.keep(other, made[3].folds, model={}, beside={"seed": 7})
    (best := tmp_path / "best").mkdir()
    team.keep(best, made[3].folds, model={}, beside={"seed": 42})
    first, second = team.read(tmp_path, NUMBERS, REGRESSION, beside={"seed": 42})
    assert (first.trial, second.trial, first.name) == (4, 3, "trial_4")
    assert first.model == {"number": 4}
    assert list(first.folds) == list(made[4].folds)
    assert [fold.rounds for fold in first.folds] == [7, None, None]
    assert np.array_equal(first.folds[0].predicted, made[4].folds[0].predicted)
