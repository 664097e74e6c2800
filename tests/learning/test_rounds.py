"""rounds.py: boosting ends when a fold's own rows show no gain any more, and the folds say how many trees it takes."""

import numpy as np
import pandas as pd
import pytest
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.neural_network import MLPRegressor
from xgboost import XGBClassifier, XGBRegressor

from champion.data.task import MULTICLASS, REGRESSION, Task
from champion.learning import learner, pipeline, rounds
from tests.conftest import catboost

RNG = np.random.default_rng(0)
X = RNG.normal(size=(600, 4))
NUMBER = pd.Series(X[:, 0] + RNG.normal(size=600))
LABEL = pd.Series(np.where(NUMBER > 1, "high", np.where(NUMBER < -1, "low", "middle")))
LEARNED, WATCHED = slice(0, 400), slice(400, 600)
CATBOOST = {"iterations": 400, "learning_rate": 0.1, "early_stopping_rounds": 20}
REGRESSORS = [
    HistGradientBoostingRegressor(max_iter=400, early_stopping=True, n_iter_no_change=20),
    XGBRegressor(n_estimators=400, early_stopping_rounds=20),
    LGBMRegressor(n_estimators=400, early_stopping_rounds=20, verbose=-1),
    catboost("CatBoostRegressor", **CATBOOST),
]
CLASSIFIERS = [
    HistGradientBoostingClassifier(max_iter=400, early_stopping=True, n_iter_no_change=20),
    XGBClassifier(n_estimators=400, early_stopping_rounds=20),
    LGBMClassifier(n_estimators=400, early_stopping_rounds=20, verbose=-1),
    catboost("CatBoostClassifier", **CATBOOST),
]


def most(estimator: BaseEstimator) -> int:
    """Return how many trees an estimator may have."""
    params = estimator.get_params()
    [number] = [int(params[key]) for key in rounds.TREES if key in params]
    return number


def fitted(estimator: BaseEstimator, y: pd.Series, *, watch: bool = True) -> pipeline.Fitted:
    """Fit on some rows, and watch others."""
    watched = (X[WATCHED], y[WATCHED]) if watch else None
    return pipeline.fit(estimator, X[LEARNED], y[LEARNED], watch=watched, threads=1)


@pytest.mark.parametrize("estimator", REGRESSORS, ids=lambda one: type(one).__name__)
def test_fit_ends_when_the_watched_rows_show_no_gain(estimator: BaseEstimator) -> None:
    """On noise that is soon, and the error there is below that of all trees."""
    stopped, whole = fitted(estimator, NUMBER), fitted(estimator, NUMBER, watch=False)
    assert stopped.rounds is not None
    assert 1 < stopped.rounds < 200
    assert whole.rounds is None
    errors = [np.mean((one.model.predict(X[WATCHED]) - NUMBER[WATCHED]) ** 2) for one in (stopped, whole)]
    assert errors[0] < 0.95 * errors[1]


@pytest.mark.parametrize("estimator", REGRESSORS, ids=lambda one: type(one).__name__)
def test_settled_takes_the_trees_that_the_folds_found(estimator: BaseEstimator) -> None:
    """Their mean, and more as there are more rows than in a fold; a fit on the same rows gives the same digits."""
    assert most(learner.settled(estimator, [100, 140, 120, None])) == 160
    exact = learner.settled(estimator, [])
    assert most(exact) == most(estimator)
    stopped = fitted(estimator, NUMBER)
    again = learner.settled(estimator, [])
    again.set_params(**{key: stopped.rounds for key in rounds.TREES if key in again.get_params()})
    np.testing.assert_allclose(fitted(again, NUMBER, watch=False).model.predict(X), stopped.model.predict(X), rtol=1e-6)


@pytest.mark.parametrize("estimator", CLASSIFIERS, ids=lambda one: type(one).__name__)
def test_classes_stop_early_too(estimator: BaseEstimator) -> None:
    """Labels are words, of which the watched rows hold one that the others don't."""
    task = Task(MULTICLASS, ("high", "low", "middle", "never"))
    y = pd.Series(["never" if row == 450 else label for row, label in enumerate(LABEL)])
    stopped = fitted(learner.for_task(task, estimator), y)
    assert stopped.rounds is not None
    assert stopped.rounds < 200
    predicted = pipeline.predict(stopped.model, X, task=task)
    assert predicted.shape == (600, 4)
    assert (predicted[:, 3] == 0).all()
    assert np.mean(np.asarray(task.classes)[predicted.argmax(axis=1)] == LABEL) > 0.6


def test_null_lets_all_trees_grow() -> None:
    """model.early_stopping_rounds=null is boosting as the library has it."""
    assert fitted(XGBRegressor(n_estimators=30, early_stopping_rounds=None), NUMBER).rounds is None


@pytest.mark.parametrize("estimator", [RandomForestRegressor(5), MLPRegressor(early_stopping=True, max_iter=5)])
def test_others_are_left_alone(estimator: BaseEstimator) -> None:
    """A forest has nothing to stop, and what a network calls early stopping is its own."""
    assert not rounds.stop_early(estimator)
    before = estimator.get_params()
    rounds.settle(estimator, [10])
    assert estimator.get_params() == before


def test_members_of_a_team_are_settled_each() -> None:
    """A blend fits its members with the trees that each has found for itself."""
    members = {"one": learner.settled(REGRESSORS[1], [40, 60]), "other": learner.settled(REGRESSORS[2], [20, 20])}
    team = fitted(learner.team(members, [0.5, 0.5]), NUMBER).model
    assert [most(one) for one in learner.learners(team)] == [100, 40]
    assert np.isfinite(pipeline.predict(team, X, task=Task(REGRESSION))).all()
