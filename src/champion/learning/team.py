"""Decides which trials of a sweep make a team, and how much each of them says.

Trials keep what they predicted for rows they had not learned from. By these the blend is found, so that no held-out row
is looked at. Whether the team is put forward, or the best trial alone, is promotion's decision.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from champion.base.words import trial_name
from champion.data.task import Task
from champion.learning import evaluation
from champion.learning.evaluation import Fold

PREDICTED, RECIPE = "out_of_fold.npz", "recipe.json"  # in a trial's folder
ROUNDS = 30  # draws of a member: weights are multiples of a thirtieth
CANDIDATES = 100  # the best trials; with fewer of them all may be of one kind, which blends badly


@dataclass(frozen=True, eq=False)
class Member:
    """A finished trial: its number, the configuration of its model, and for each fold what it predicted."""

    trial: int
    model: Mapping[str, Any]
    folds: Sequence[Fold]

    @property
    def name(self) -> str:
        """The name of its run."""
        return trial_name(self.trial)


@dataclass(frozen=True, eq=False)
class Team:
    """Members with their weights, which add up to 1, the heaviest first, and what the folds show of the blend."""

    weights: Mapping[Member, float]
    folds: Sequence[Fold]

    @property
    def said(self) -> str:
        """Who is in it, with which share."""
        return ", ".join(f"{member.name} {share:.0%}" for member, share in self.weights.items())


def keep(folder: Path, folds: Sequence[Fold], *, model: Mapping[str, Any], beside: Mapping[str, Any]) -> None:
    """Keep a trial's predictions in its folder, with its model's configuration and what else they depend on."""
    kept = {str(fold.number): fold.predicted for fold in folds}
    each = {"seconds": [fold.fit_seconds for fold in folds], "rounds": [fold.rounds or 0 for fold in folds]}
    np.savez(folder / PREDICTED, allow_pickle=False, **kept, **{name: np.array(one) for name, one in each.items()})
    recipe = {"model": model, "beside": beside}
    (folder / RECIPE).write_text(json.dumps(recipe, default=str))  # last, as it says that the trial is whole


def read(sweep: Path, y: Sequence[pd.Series], task: Task, *, beside: Mapping[str, Any]) -> list[Member]:
    """Return the trials of a sweep that differ in their model only, the best by the task's metric first.

    `y` are the targets of the folds, `beside` is what else must be the same.
    """
    same = json.loads(json.dumps(beside, default=str))
    found = []
    for file in sweep.glob(f"*/{RECIPE}"):
        recipe = json.loads(file.read_text())
        if file.parent.name.isdecimal() and recipe["beside"] == same:
            found.append(Member(int(file.parent.name), recipe["model"], _folds(file.parent, y, task)))
    return sorted(found, key=lambda member: (_error(member.folds, task), member.trial))


def form(members: Sequence[Member], y: Sequence[pd.Series], task: Task, *, size: int) -> Team | None:
    """Return the team of at most `size` members, or None where the best alone is as good.

    `y` are the targets of the folds. What its folds show is predicted with weights chosen on the other folds, so that
    a team isn't better only because it was chosen.
    """
    if size < 2 or len(members) < 2:
        return None
    candidates = members[:CANDIDATES]
    predicted = [np.stack([member.folds[number].predicted for member in candidates]) for number in range(len(y))]
    folds = []
    for number, true in enumerate(y):
        others = [other for other in range(len(y)) if other != number]
        shares = _chosen([predicted[other] for other in others], [y[other] for other in others], task, size=size)
        together = np.tensordot(shares, predicted[number], axes=1)
        seconds = sum(one.folds[number].fit_seconds for one, share in zip(candidates, shares, strict=True) if share)
        folds.append(Fold(number + 1, evaluation.score(true, together, task), seconds, together))
    if _error(folds, task) >= _error(candidates[0].folds, task):
        return None
    shares = _chosen(predicted, y, task, size=size)
    ranked = sorted(zip(candidates, shares.tolist(), strict=True), key=lambda pair: -pair[1])
    return Team({member: share for member, share in ranked if share}, folds)


def _chosen(predicted: Sequence[np.ndarray], y: Sequence[pd.Series], task: Task, *, size: int) -> np.ndarray:
    """Return the share of each candidate, of shape (n_candidates,), in the blend that predicts these folds best.

    The blend grows by one candidate at a time, again and again the same ones, whichever helps most. Source: Caruana
    and others, Ensemble Selection from Libraries of Models, ICML 2004.
    """
    own, targets = np.concatenate(predicted, axis=1), pd.concat(list(y))
    drawn = np.zeros(len(own))
    total = np.zeros(own.shape[1:])
    for round_ in range(1, ROUNDS + 1):
        allowed = np.flatnonzero(drawn) if np.count_nonzero(drawn) >= size else range(len(own))
        lost = [(float(evaluation.losses(targets, (total + own[one]) / round_, task).mean()), one) for one in allowed]
        best = min(lost)[1]
        drawn[best] += 1
        total += own[best]
    return drawn / ROUNDS


def _error(folds: Sequence[Fold], task: Task) -> float:
    return evaluation.summarise(folds, task)[f"cv_{task.metric}"]


def _folds(folder: Path, y: Sequence[pd.Series], task: Task) -> list[Fold]:
    with np.load(folder / PREDICTED, allow_pickle=False) as kept:
        predicted = [kept[str(number)] for number in range(1, len(y) + 1)]
        scored = [evaluation.score(true, one, task) for true, one in zip(y, predicted, strict=True)]
        seconds, rounds = kept["seconds"].tolist(), [number or None for number in kept["rounds"].tolist()]
        return [Fold(n + 1, scored[n], seconds[n], predicted[n], rounds[n]) for n in range(len(y))]
