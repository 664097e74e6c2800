"""The steps that every job is made of: prepare, cross-validate, fit, judge, keep, put forward."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from champion import persistence, promotion, registry, tracking
from champion.base.errors import ModelError
from champion.base.redaction import redact
from champion.cli import console
from champion.features import treatments
from champion.job import naming, settings, study
from champion.job.settings import Settings
from champion.learning import cores, evaluation, finalist, preparation
from champion.learning.evaluation import Fold
from champion.learning.finalist import Finalist
from champion.learning.preparation import Prepared
from champion.promotion import Decision
from champion.registry import Version
from champion.reporting import finalist as explained
from champion.reporting import report, result
from champion.tracking import Point, Run


@dataclass(frozen=True, eq=False)
class Outcome:
    """What came of a job: the value that runs are compared by, all metrics, the folds, and the fitted model."""

    value: float
    metrics: Mapping[str, float]
    folds: Sequence[Fold]
    model: Pipeline | None = None


@dataclass(frozen=True, eq=False)
class Experiment:
    """One configuration at work: what it was told, what it learns from, and the MLflow run in which it keeps all."""

    settings: Settings
    table: Prepared
    run: Run
    registered_model: str
    objective: str
    params: Mapping[str, Any]  # what distinguishes it from other runs

    @property
    def estimator(self) -> BaseEstimator:
        """What learns, as it is configured."""
        return settings.estimator(self.settings.model.options, self.table.train.task)

    def cross_validate(self) -> list[Fold]:
        """Fit and score the folds; show each when it is done, and tell the study, which may see no use in going on."""
        n_folds, model = len(self.table.validation), self.settings.model
        each, n = cores.side_by_side(self.table.train.X.size, n_folds, cores=model.cores)
        done: list[Fold] = []
        with console.folds(n_folds, self.table.train) as show, chdir(model.folder):

            def on_fold(fold: Fold) -> None:
                show(fold)
                done.append(fold)
                self.draw(done, drawn=len(done) - 1)
                to_come = fold.fit_seconds * (n_folds - fold.number) / n
                study.report(fold.metrics[self.objective.removeprefix("cv_")], fold.number, to_come=to_come)

            task = self.table.train.task
            return evaluation.cross_validate(self.estimator, self.table.folds, task=task, on_fold=on_fold, each=each)

    def draw(self, folds: Sequence[Fold], *, drawn: int = 0) -> None:
        """Draw what the folds show as curves of the run; so many of them are `drawn` already."""
        so_far = (folds[:number] for number in range(drawn + 1, len(folds) + 1))
        self.run.draw(Point(*one) for done in so_far for one in evaluation.curves(done, self.objective))

    def fit(self, estimator: BaseEstimator, folds: Sequence[Fold]) -> Finalist:
        """Fit on all training rows, with as many rounds as the folds took, and score the rows held out."""
        cores.load_beside(explained.IMPORTS)  # copies of that process explain the model, when it is fitted
        with chdir(self.settings.model.folder):
            return finalist.fit(estimator, self.table, folds, threads=self.settings.model.cores())

    def explain(self, fitted: Finalist) -> Iterable[Path]:
        """Begin to write what explains the model."""
        threads, seed = self.settings.model.cores(), self.settings.data.split["seed"]
        with chdir(self.settings.model.folder):
            return explained.begin(self.run.folder, fitted, self.table.test, threads=threads, seed=seed)

    def keep(self, folds: Sequence[Fold], metrics: Mapping[str, float]) -> None:
        """Log what was found, write it down, and show it."""
        self.run.log_metrics(metrics)
        data, advice = self.table.data, self.table.advice
        written = report.write_evaluation(
            self.run.folder, params=self.params, data=data, advice=advice, folds=folds, metrics=metrics
        )
        self.run.log_files(written)
        console.results(metrics, self.table.train)

    def put_forward(
        self, fitted: Finalist, files: Iterable[Path], metrics: Mapping[str, float]
    ) -> tuple[Version, Decision]:
        """Register the model, let it meet the champion, and say how it went; `files` explain it."""
        run, table, keeping = self.run, self.table, self.settings.keeping
        try:
            model_id = persistence.log_model(run.id, fitted.model, table.train)
        except ModelError:
            run.log_files(*files)  # they explain one that can't be saved, too
            raise
        run.log_files(*files, promotion.write_rows(run.folder, table.train))
        version = registry.register(
            self.registered_model,
            model_id=model_id,
            run_id=run.id,
            metrics=metrics,
            description=f"{run.name}, trained by `{keeping.command}`.",
            facts={"run_name": run.name, "data_fingerprint": table.data.fingerprint, **_facts(keeping, table)},
        )
        rule, seed = self.settings.judgement.rule, self.settings.data.split["seed"]
        decision = promotion.final(version, fitted, test=table.test, rule=rule, seed=seed)
        run.log_metrics(decision.numbers)
        run.set_tags(decision.tags)
        standing = registry.get(version.name, version.version)
        console.verdict(standing, decision.reason)
        return standing, decision

    def tell(
        self, metrics: Mapping[str, float], *, version: Version | None = None, decision: Decision | None = None
    ) -> None:
        """Write result.json, and beside that of the sweep whose last job this is."""
        run, sweep = self.run, self.settings.judgement.sweep
        found = {
            "kind": "last job" if sweep else "run",
            "command": redact(self.settings.keeping.command),
            "folder": str(run.folder),
            "run": {"id": run.id, "name": run.name, "experiment": run.experiment},
            "data": self.table.data,
            "params": {name: str(value) for name, value in self.params.items()},
            "objective": self.objective,
            "value": metrics[self.objective],
            "metrics": metrics,
            "version": version,
            "decision": decision and {"promoted": decision.promoted, "reason": decision.reason},
            "next": {
                "compare": tracking.ui_command(),
                "serve": registry.serve_command(self.registered_model) if version else None,
            },
        }
        result.write(run.folder, found)
        if sweep:
            result.add(sweep, {"last_job": found})


@contextmanager
def begin(given: Settings) -> Iterator[Experiment]:
    """Prepare what is learned from, say so, and hold the MLflow run open in which all is kept; say at the end where."""
    keeping, told = given.keeping, given.data
    tracking.connect(keeping.uri, artifacts=keeping.artifacts, wait=keeping.patience, told=study.hears())
    table = preparation.prepare(told.table, told.features, task=told.task, **told.split, keep=study.is_running())
    wanted = keeping.experiment_name, keeping.registered_model
    names = naming.read(*wanted, data=table.data.name, overrides=keeping.overrides)
    objective = evaluation.objective(given.judgement.objective, table.train.task)
    params = settings.params(given, table.train.task)
    found = report.columns(table.train, treatments(table.features))
    seed = told.split["seed"]
    console.opening(table.data, table.train, table.test, told=bool(told.task), model=params["model"], seed=seed)
    console.columns(found)
    console.advice(table.advice)
    with tracking.start_run(
        names[0],
        name=naming.text("run_name", keeping.run_name, keeping.overrides) or study.name() or _run_name(params),
        artifacts=keeping.artifacts,
        folder=keeping.folder,
        data=table.data,
        typical=table.train,
        params=params,
        tags={**_facts(keeping, table), **study.tags()},
        config=lambda: keeping.config(*names),
        part_of=study.sweep() or tracking.ALONE,
    ) as run:
        if not study.is_running():  # all trials have the same columns
            run.log_files(report.write_columns(run.folder, found))
        yield Experiment(given, table, run, names[1], objective, params)
        served = given.judgement.promote and not study.is_running() and registry.by_alias(names[1])
        serve = registry.serve_command(names[1]) if served else None
    console.closing(run, ui=tracking.ui_command(), serve=serve)


def _facts(keeping: settings.Keeping, table: Prepared) -> dict[str, str]:
    """Return what run and version are both to say of their making."""
    return {"command": keeping.command, "held_out_fingerprint": table.test.fingerprint}


def _run_name(params: Mapping[str, Any]) -> str:
    trees = params.get("n_estimators", params.get("max_iter"))
    return f"{params['model']}_{trees}" if trees else str(params["model"])
