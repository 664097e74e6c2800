"""Decides what learns a task: one estimator, or the weighted vote of several, whichever labels the classes have."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.ensemble import VotingClassifier, VotingRegressor
from sklearn.pipeline import Pipeline

from champion.base.errors import ConfigError
from champion.data.task import Task
from champion.features import Standardised
from champion.learning import rounds

Estimator: TypeAlias = Pipeline | BaseEstimator


def class_for(task: Task, path: str) -> str:
    """Return the path of the class that does the task: beside scikit-learn's Regressors lie Classifiers."""
    other = f"{path.removesuffix('Regressor')}Classifier"
    return other if task.is_classification and path.endswith("Regressor") else path


def for_task(task: Task, estimator: BaseEstimator) -> BaseEstimator:
    """Return what learns the task by `estimator`: for classes a vote of one, which takes and predicts any labels.

    For a number far from zero it learns the distance from the mean.

    Raises ConfigError where `estimator` is made for another task.
    """
    own = type(estimator).__name__
    if not hasattr(estimator, "predict"):
        raise ConfigError(f"model {own} predicts nothing. Choose a regressor or a classifier.")
    if not task.is_classification:
        if is_classifier(estimator):
            raise ConfigError(f"model {own} tells classes apart, but the task is regression. Choose a regressor.")
        return Standardised(estimator) if task.far else estimator
    if not is_classifier(estimator) or not hasattr(estimator, "predict_proba"):
        raise ConfigError(
            f"model {own} predicts no probabilities of classes, but the task is {task.name}. Choose another."
        )
    return VotingClassifier([("estimator", estimator)], voting="soft")


def team(estimators: Mapping[str, BaseEstimator], weights: Sequence[float]) -> BaseEstimator:
    """Return what learns by several estimators of one task, made by `for_task`, and predicts their weighted mean."""
    members = [(name, bare(estimator)) for name, estimator in estimators.items()]
    if any(isinstance(estimator, VotingClassifier) for estimator in estimators.values()):
        return VotingClassifier(members, voting="soft", weights=list(weights))
    voted = VotingRegressor(members, weights=list(weights))
    return Standardised(voted) if any(isinstance(one, Standardised) for one in estimators.values()) else voted


def bare(model: Estimator) -> BaseEstimator:
    """Return the estimator that `model` learns by, without the features before it and the vote around it."""
    return learners(model)[0]


def learners(model: Estimator) -> list[BaseEstimator]:
    """Return the estimators that `model` learns by: one, or those of a team."""
    estimator = model.named_steps["model"] if isinstance(model, Pipeline) else model
    if isinstance(estimator, Standardised):
        estimator = getattr(estimator, "regressor_", estimator.regressor)
    if not isinstance(estimator, VotingClassifier | VotingRegressor):
        return [estimator]
    return getattr(estimator, "estimators_", [member for _, member in estimator.estimators])


def settled(estimator: BaseEstimator, found: Sequence[int | None]) -> BaseEstimator:
    """Return a copy of `estimator` that takes the number of trees that each of some folds `found`, where they did.

    It is for the rows of all folds, and more rows allow more trees.
    """
    estimator = clone(estimator)
    for learner in learners(estimator):
        rounds.settle(learner, [number * len(found) / (len(found) - 1) for number in found if number])
    return estimator
