"""What one command does, from its first step to its last: a run, a trial of a study, a sweep's last job."""

from collections.abc import Sequence
from dataclasses import asdict
from importlib.util import find_spec

from sklearn.base import BaseEstimator

from champion import persistence
from champion.cli import console
from champion.features import treatments
from champion.job import settings, study
from champion.job.experiment import Experiment, Outcome, begin
from champion.job.settings import Settings
from champion.learning import baseline, evaluation, learner, team
from champion.learning.evaluation import Fold
from champion.learning.team import Member

EXPLAINED_AND_REGISTERED = 10 if find_spec("shap") else 8  # seconds that a last job takes beside its fits


def run(given: Settings) -> Outcome:
    """Cross-validate on the training rows, fit on all of them, score the held-out rows once, put the model forward."""
    with begin(given) as at:
        if (size := given.judgement.team_size) > 1:
            console.advice([f"team.size={size} is of a sweep: with -m its best trials may be put forward together."])
        return _conclude(at, at.estimator, at.cross_validate())


def trial(given: Settings) -> Outcome:
    """Cross-validate, telling the study of each fold, which may see no use in going on; keep what was predicted.

    What only repeats another trial on other folds shows nothing else.
    """
    with begin(given) as at:
        folds = at.cross_validate()
        if study.repeated() is None:
            _tell_study(at, folds)
            team.keep(at.run.folder, folds, model=given.model.options, beside=_beside(at))
        return _kept(at, folds)


def last_job(given: Settings) -> Outcome:
    """Take the folds of the best trial, or of a blend of the best where that predicts them better; go on as a run."""
    with begin(given) as at:
        table, sweep = at.table, given.judgement.sweep
        members = team.read(sweep, table.validation, table.train.task, beside=_beside(at)) if sweep else []
        alone = next((one for one in members if one.model == given.model.options), None)
        if alone is None:
            other = "holds no trial of this model, table, features and split: folds are fitted anew"
            console.advice([f"team.sweep={sweep} {other}."])
            return _conclude(at, at.estimator, at.cross_validate())
        if (formed := _blend(at, members)) is None:
            console.line("folds", f"those of {alone.name}")
        estimator, folds = formed or (at.estimator, alone.folds)
        at.draw(folds)
        return _conclude(at, estimator, folds)


def _conclude(at: Experiment, estimator: BaseEstimator, folds: Sequence[Fold]) -> Outcome:
    """Fit, judge, keep and put forward; without `promote`, only keep what the folds have shown."""
    if not at.settings.judgement.promote:
        return _kept(at, folds)
    fitted = at.fit(estimator, folds)
    files = at.explain(fitted)
    metrics = evaluation.summarise(folds, at.table.train.task)
    metrics |= fitted.metrics | {"fit_seconds": metrics["fit_seconds"] + fitted.fit_seconds}
    at.keep(folds, metrics)
    version, decision = at.put_forward(fitted, files, metrics)
    at.tell(metrics, version=version, decision=decision)
    return Outcome(metrics[at.objective], metrics, folds, persistence.with_schema(fitted.model, at.table.train))


def _kept(at: Experiment, folds: Sequence[Fold]) -> Outcome:
    metrics = evaluation.summarise(folds, at.table.train.task)
    at.keep(folds, metrics)
    if not study.is_running():
        at.tell(metrics)
    return Outcome(metrics[at.objective], metrics, folds)


def _blend(at: Experiment, members: Sequence[Member]) -> tuple[BaseEstimator, Sequence[Fold]] | None:
    """Return the blend of the best trials, and what the folds show of it, where it is better than the best alone."""
    task, size = at.table.train.task, at.settings.judgement.team_size
    if (formed := team.form(members, at.table.validation, task, size=size)) is None:
        return None
    at.run.set_tags({"team": formed.said})
    console.line("team", formed.said)
    estimators = {
        one.name: learner.settled(settings.estimator(one.model, task), [fold.rounds for fold in one.folds])
        for one in formed.weights
    }
    return learner.team(estimators, list(formed.weights.values())), formed.folds


def _beside(at: Experiment) -> dict[str, object]:
    """Return what trials must have in common, beside their models, to be compared row by row."""
    told, table = at.settings.data, at.table.data
    return {"features": told.recipe, "data": table.fingerprint, "task": table.task, **told.split}


def _tell_study(at: Experiment, folds: Sequence[Fold]) -> None:
    """Tell what a sweep's report says of its data, features and baselines, and what the last job takes of this trial.

    That is its fit, or in a team half of it and longer to be saved.
    """
    table, threads, size = at.table, at.settings.model.cores(), at.settings.judgement.team_size
    study.remember(study.ADVICE, lambda: list(table.advice))
    study.remember(study.TREATMENTS, lambda: treatments(table.features))
    study.remember(
        study.BASELINES,
        lambda: [asdict(one) for one in baseline.cross_validate(table.folds, table.train.task, threads=threads)],
    )
    fit = sum(fold.fit_seconds for fold in folds) / (len(folds) - 1)
    study.expect_last_job(fit if size == 1 else 0.7 * fit, rest=EXPLAINED_AND_REGISTERED, trials=size)
