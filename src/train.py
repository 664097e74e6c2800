"""Train what the config describes: one configuration in, one number out.

`python src/train.py --help` lists the groups; conf/config.yaml is the table of contents.
"""

import shlex
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, chdir, nullcontext
from dataclasses import asdict
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from hydra.utils import instantiate
from omegaconf import DictConfig, ListConfig, OmegaConf

from champion import recipe, resolvers, trial
from champion.complaint import one_line_errors
from champion.errors import ConfigError, ModelError
from champion.home import home
from champion.redaction import redact
from champion.startup import importing
from hydra_plugins.champion_sweeper import goes_on_unheard

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

    from champion.evaluation import Fold
    from champion.finalist import Finalist
    from champion.preparation import Prepared
    from champion.promotion import Rule
    from champion.task import Task
    from champion.team import Member
    from champion.tracking import Run

EXPLAINED_AND_REGISTERED = 10 if find_spec("shap") else 8  # seconds that a run takes beside its fits


@hydra.main(version_base="1.3", config_path="../conf", config_name="config")
def main(cfg: DictConfig) -> float:
    """Run one job: a user's mistake ends a single run with one line, and a sweep hears of it as an exception."""
    settings = HydraConfig.get()
    single = settings.mode is RunMode.RUN
    # Paths, given and shown, are those of the shell, also where hydra.job.chdir=true makes others for what is fitted.
    with one_line_errors() if single else nullcontext(), chdir(settings.runtime.cwd if settings.job.chdir else "."):
        return train_one(cfg)


def train_one(cfg: DictConfig) -> float:
    """Cross-validate one model, track it and, if `promote`, put it forward as challenger; return the objective."""
    recipe.check(cfg.get(recipe.GROUP), HydraConfig.get().runtime.choices.get(recipe.GROUP))
    if not isinstance(cfg.promote, bool):
        raise ConfigError(f"promote must be true or false, but got {cfg.promote!r}.")
    with importing():  # here because it takes seconds, and --help and --cfg do without
        from champion import cores

        cores.get_ready(str(cfg.model.get("_target_")), searched=trial.is_running(), cores=_cores(cfg))
        from champion import console, evaluation, preparation, promotion, report, team, tracking
        from champion.features import treatments
        from champion.naming import read as read_names

    rule = promotion.read_rule(cfg.final)
    tracking.connect(cfg.tracking.uri, artifacts=cfg.tracking.artifacts, wait=cfg.tracking.patience)
    split, features = _split(cfg), instantiate(cfg.features, _partial_=True)
    table = preparation.prepare(cfg.data, features, task=cfg.task, **split, keep=trial.is_running())
    given = cfg.experiment_name, cfg.registered_model
    cfg.experiment_name, cfg.registered_model = read_names(*given, data=table.data.name, overrides=_overrides())
    task, model, objective = table.train.task, _plain(cfg.model), evaluation.objective(cfg.objective, table.train.task)
    estimator, params = _estimator(model, task), _params(cfg, task)
    console.opening(table.data, table.train, table.test, told=bool(cfg.task), model=params["model"], seed=cfg.seed)
    found = report.columns(table.train, treatments(table.features))
    console.columns(found)
    console.advice(table.advice)

    members = _members(cfg, table)
    with _start_run(cfg, table, params) as run:
        if not trial.is_running():  # all trials have the same columns
            run.log_files(report.write_columns(run.folder, found))
        known = next((one.folds for one in members if one.model == model), None)
        done = known or _cross_validate(cfg, estimator, table, objective=objective)
        if known and (formed := _form_team(cfg, members, table, run)):
            estimator, done = formed
        metrics, promote = evaluation.summarise(done, task), cfg.promote and not trial.is_running()
        if trial.is_running():
            _tell_study(cfg, table)
            _tell_last_job(cfg, done)
            team.keep(run.folder, done, model=model, beside=_beside(cfg, table))
        if promote:
            challenger = _prepare_challenger(cfg, estimator, done, table, run)
            metrics |= challenger.metrics | {"fit_seconds": metrics["fit_seconds"] + challenger.fit_seconds}
        run.log_metrics(metrics)
        evaluated = report.write_evaluation(
            run.folder, params=params, data=table.data, advice=table.advice, folds=done, metrics=metrics
        )
        run.log_files(evaluated)
        console.results(metrics, table.train)
        serve = _put_forward(cfg, challenger, table, run=run, metrics=metrics, rule=rule) if promote else None
    console.closing(run, ui=tracking.ui_command(), serve=serve)
    return metrics[objective]


def _estimator(model: Mapping[str, Any], task: "Task") -> "BaseEstimator":
    """Return the estimator of a model's configuration, for the task at hand."""
    from champion import pipeline

    library = model["_target_"].partition(".")[0]
    if resolvers.is_lacking(library):
        raise ConfigError(f"model needs {library}, which isn't installed. `pip install -e '.[{library}]'` installs it.")
    section = OmegaConf.create({"model": {**model, "_target_": pipeline.class_for(task, model["_target_"])}})
    return pipeline.for_task(task, instantiate(section.model))  # an error then names the key


def _cross_validate(
    cfg: DictConfig, estimator: "BaseEstimator", table: "Prepared", *, objective: str
) -> Sequence["Fold"]:
    """Fit and score the folds; show each as it is done, and tell the sweep, which may see no use in going on."""
    from champion import console, cores, evaluation

    each, n = cores.side_by_side(table.train.X.size, cfg.n_splits, cores=lambda: _cores(cfg))
    with console.folds(cfg.n_splits, table.train) as show, chdir(_working()):

        def on_fold(fold: "Fold") -> None:
            show(fold)
            to_come = fold.fit_seconds * (cfg.n_splits - fold.number) / n
            trial.report(fold.metrics[objective.removeprefix("cv_")], step=fold.number, to_come=to_come)

        return evaluation.cross_validate(estimator, table.folds, task=table.train.task, on_fold=on_fold, each=each)


def _working() -> str:
    """Return the folder in which estimators are fitted, and may leave files: the job's with hydra.job.chdir=true."""
    settings = HydraConfig.get()
    return str(settings.runtime.output_dir) if settings.job.chdir else "."


def _prepare_challenger(
    cfg: DictConfig, estimator: "BaseEstimator", done: Sequence["Fold"], table: "Prepared", run: "Run"
) -> "Finalist":
    """Fit on all training rows with as many rounds as the folds took, and score the rows held out."""
    from champion import finalist, pipeline

    model = pipeline.build(table.features, pipeline.settled(estimator, [fold.rounds for fold in done]))
    with chdir(_working()):
        return finalist.prepare(model, table.train, table.test, threads=_cores(cfg), seed=cfg.seed, folder=run.folder)


def _members(cfg: DictConfig, table: "Prepared") -> list["Member"]:
    """Return the trials of the sweep whose last job this is, if it is one."""
    from champion import team

    if type(cfg.team.size) is not int or cfg.team.size < 1:
        raise ConfigError(f"team.size must be a whole number from 1, but got {cfg.team.size!r}.")
    if cfg.team.sweep is None:
        return []
    return team.read(Path(cfg.team.sweep), table.validation, table.train.task, beside=_beside(cfg, table))


def _form_team(
    cfg: DictConfig, members: Sequence["Member"], table: "Prepared", run: "Run"
) -> tuple["BaseEstimator", Sequence["Fold"]] | None:
    """Return the blend of the best trials, and what the folds show of it, where it is better than the best alone."""
    from champion import console, pipeline, team

    task = table.train.task
    if (formed := team.form(members, table.validation, task, size=cfg.team.size)) is None:
        return None
    run.set_tags({"team": formed.said})
    console.line("team", formed.said)
    estimators = {
        one.name: pipeline.settled(_estimator(one.model, task), [fold.rounds for fold in one.folds])
        for one in formed.weights
    }
    return pipeline.team(estimators, list(formed.weights.values())), formed.folds


def _beside(cfg: DictConfig, table: "Prepared") -> dict[str, Any]:
    """Return what trials must have in common, beside their models, to be compared row by row."""
    return {"features": _plain(cfg.features), "data": table.data.fingerprint, "task": table.data.task, **_split(cfg)}


def _tell_study(cfg: DictConfig, table: "Prepared") -> None:
    """Tell the sweep's report what its trials have to beat, and what is worth knowing of their data and features."""
    from champion import baseline
    from champion.features import treatments

    task, threads = table.train.task, _cores(cfg)
    trial.remember(trial.ADVICE, lambda: list(table.advice))
    trial.remember(trial.TREATMENTS, lambda: treatments(table.features))
    trial.remember(
        trial.BASELINES, lambda: [asdict(one) for one in baseline.cross_validate(table.folds, task, threads=threads)]
    )


def _tell_last_job(cfg: DictConfig, done: Sequence["Fold"]) -> None:
    """Tell the sweep what the last job takes of this trial: its fit, or in a team half of it and longer to be saved."""
    fit = sum(fold.fit_seconds for fold in done) / (cfg.n_splits - 1)
    trial.expect_last_job(fit if cfg.team.size == 1 else 0.7 * fit, rest=EXPLAINED_AND_REGISTERED, trials=cfg.team.size)


def _start_run(cfg: DictConfig, table: "Prepared", params: dict[str, Any]) -> AbstractContextManager["Run"]:
    from champion import tracking

    return tracking.start_run(
        cfg.experiment_name,
        name=cfg.run_name or trial.name() or _run_name(params),
        artifacts=cfg.tracking.artifacts,
        folder=Path(HydraConfig.get().runtime.output_dir),
        data=table.data,
        typical=table.train,
        params=params,
        tags={**_facts(table), **trial.tags()},
        config=partial(OmegaConf.to_yaml, cfg, resolve=True),
    )


def _put_forward(
    cfg: DictConfig, challenger: "Finalist", table: "Prepared", *, run: "Run", metrics: dict[str, float], rule: "Rule"
) -> str | None:
    """Register the challenger's model, let it meet the champion, say how it went, and how to serve who is champion."""
    from champion import console, promotion, registry, tracking

    try:
        model_id = tracking.log_model(run.id, challenger.model, table.train)
    except ModelError:
        run.log_files(*challenger.files)  # they explain one that can't be saved, too
        raise
    run.log_files(*challenger.files, promotion.write_rows(run.folder, table.train))
    version = registry.register(
        cfg.registered_model,
        model_id=model_id,
        run_id=run.id,
        metrics=metrics,
        description=f"{run.name}, trained by `{_command()}`.",
        facts={"run_name": run.name, "data_fingerprint": table.data.fingerprint, **_facts(table)},
    )
    decision = promotion.final(version, challenger, test=table.test, rule=rule, seed=cfg.seed)
    run.log_metrics(decision.numbers)
    run.set_tags(decision.tags)
    console.verdict(registry.get(version.name, version.version), decision.reason)
    return registry.serve_command(version.name) if registry.by_alias(version.name) else None


def _facts(table: "Prepared") -> dict[str, str]:
    """Return what run and version are both to say of their making."""
    return {"command": _command(), "held_out_fingerprint": table.test.fingerprint}


def _params(cfg: DictConfig, task: "Task") -> dict[str, Any]:
    """Return what distinguishes runs, flat and under the names that the command line uses."""
    choices = HydraConfig.get().runtime.choices
    chosen = {group: choices[group] for group in ("model", "data", "features")}
    options = {**_plain(cfg.features), **_plain(cfg.model)}
    plain = {key: value for key, value in options.items() if key not in ("_target_", "random_state")}
    return chosen | {"task": task.name} | plain | _split(cfg)


def _plain(group: DictConfig) -> dict[str, Any]:
    return {str(key): value for key, value in OmegaConf.to_container(group, resolve=True).items()}  # type: ignore[union-attr]


def _split(cfg: DictConfig) -> dict[str, Any]:
    return {key: cfg[key] for key in ("seed", "test_size", "n_splits")}


def _run_name(params: dict[str, Any]) -> str:
    trees = params.get("n_estimators", params.get("max_iter"))
    return f"{params['model']}_{trees}" if trees else str(params["model"])


def _cores(cfg: DictConfig) -> int | None:
    """Return how many cores this job has: they are shared among the workers of a sweep."""
    from champion import cores

    workers = HydraConfig.get().sweeper.workers if trial.is_running() else 1
    return cores.share(cfg.threads, workers=workers if workers == 1 else min(workers, trial.unfinished()))


def _command() -> str:
    return redact(shlex.join(["python", "src/train.py", *_overrides()]))


def _overrides() -> list[str]:
    """Return the overrides of this job as they were typed: they may hold ${…}."""
    return cast(list[str], OmegaConf.to_container(cast(ListConfig, HydraConfig.get().overrides.task)))


home()  # conf/ needs CHAMPION_HOME
resolvers.register()

if __name__ == "__main__":
    if "hydra/sweeper=basic" in sys.argv:  # Hydra's own has no place for what a study tries of the model
        sys.argv.append("~search")
    with one_line_errors(), goes_on_unheard():
        main()
