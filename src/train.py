"""Train what the config describes: one configuration in, one number out.

`python src/train.py --help` lists the groups; conf/config.yaml is the table of contents.
"""

import gc
import os
import shlex
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from champion.complaint import one_line_errors
from champion.errors import ConfigError
from champion.home import home
from champion.redaction import redact

if TYPE_CHECKING:
    from champion.finalist import Finalist
    from champion.preparation import Prepared
    from champion.promotion import Rule
    from champion.task import Task
    from champion.tracking import Run

SPLIT = ("seed", "test_size", "n_splits")

# A thread that waits soon gives its core away: where others work on this machine too, a fit takes seconds, not minutes.
os.environ.setdefault("GOMP_SPINCOUNT", "500")


@hydra.main(version_base="1.3", config_path="../conf", config_name="config")
def main(cfg: DictConfig) -> float:
    """Run one job: a user's mistake ends a single run with one line, and a sweep hears of it as an exception."""
    single = HydraConfig.get().mode is RunMode.RUN
    with one_line_errors() if single else nullcontext():
        return train_one(cfg)


def train_one(cfg: DictConfig) -> float:
    """Cross-validate one model, track it and, if `promote`, put it forward as challenger; return the objective."""
    imported = "mlflow" in sys.modules
    # Imported here because they take seconds, and --help and --cfg do without them.
    from champion import console, evaluation, finalist, pipeline, preparation, promotion, report, tracking, trial
    from champion.features import treatments

    if not imported:
        gc.freeze()  # all that was imported lives as long as the process: looking through it for garbage costs a second
    if not isinstance(cfg.promote, bool):
        raise ConfigError(f"promote must be true or false, but got {cfg.promote!r}.")
    rule = promotion.read_rule(cfg.final)
    tracking.connect(cfg.tracking.uri, artifacts=cfg.tracking.artifacts)
    split, features = {key: cfg[key] for key in SPLIT}, instantiate(cfg.features, _partial_=True)
    table = preparation.prepare(cfg.data, features, task=cfg.task, **split, keep=trial.is_running())
    task, objective = table.train.task, evaluation.objective(cfg.objective, table.train.task)
    made = instantiate(cfg.model, _target_=pipeline.class_for(task, cfg.model._target_))
    estimator, threads, params = pipeline.for_task(task, made), _threads(cfg), _params(cfg, task)
    console.opening(table.data, table.train, table.test, told=bool(cfg.task), model=params["model"], seed=cfg.seed)
    found = report.columns(table.train, treatments(table.features))
    console.columns(found)
    console.advice(table.advice)

    with _start_run(cfg, table, params) as run:
        if not trial.is_running():  # all trials have the same columns
            run.log_files(report.write_columns(run.folder, found))
        with console.folds(cfg.n_splits, table.train) as show:

            def on_fold(fold: evaluation.Fold) -> None:
                show(fold)
                trial.report(fold.metrics[objective.removeprefix("cv_")], step=fold.number)

            done = evaluation.cross_validate(estimator, table.folds, task=task, threads=threads, on_fold=on_fold)
        metrics, promote = evaluation.summarise(done, task), cfg.promote and not trial.is_running()
        if promote:
            model = pipeline.build(table.features, estimator)
            challenger = finalist.prepare(
                model, table.train, table.test, threads=threads, seed=cfg.seed, folder=run.folder
            )
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


def _start_run(cfg: DictConfig, table: "Prepared", params: dict[str, Any]) -> AbstractContextManager["Run"]:
    from champion import tracking, trial

    return tracking.start_run(
        cfg.experiment_name or f"{table.data.name}_prediction",
        name=cfg.run_name or trial.name() or _run_name(params),
        artifacts=cfg.tracking.artifacts,
        folder=Path(HydraConfig.get().runtime.output_dir),
        data=table.data,
        typical=table.train,
        params=params,
        tags={**_facts(table), **trial.tags()},
        config=OmegaConf.to_yaml(cfg, resolve=True),
    )


def _put_forward(
    cfg: DictConfig, challenger: "Finalist", table: "Prepared", *, run: "Run", metrics: dict[str, float], rule: "Rule"
) -> str | None:
    """Register the challenger's model, let it meet the champion, say how it went, and how to serve who is champion."""
    from champion import console, promotion, registry, tracking

    run.log_files(*challenger.files, promotion.write_rows(run.folder, table.train))
    version = registry.register(
        cfg.registered_model or f"{table.data.name}_predictor",
        model_id=tracking.log_model(run.id, challenger.model, table.train),
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
    return chosen | {"task": task.name} | plain | {key: cfg[key] for key in SPLIT}


def _plain(group: DictConfig) -> dict[str, Any]:
    return {str(key): value for key, value in OmegaConf.to_container(group, resolve=True).items()}  # type: ignore[union-attr]


def _run_name(params: dict[str, Any]) -> str:
    trees = params.get("n_estimators", params.get("max_iter"))
    return f"{params['model']}_{trees}" if trees else str(params["model"])


def _threads(cfg: DictConfig) -> int | None:
    """Return the threads of a fit: the cores are shared among the workers of a sweep."""
    from joblib import cpu_count

    from champion import trial

    threads: int | None = cfg.threads
    workers: int = HydraConfig.get().sweeper.workers if trial.is_running() else 1
    return max(1, cpu_count() // workers) if threads is None and workers > 1 else threads


def _command() -> str:
    return redact(shlex.join(["python", "src/train.py", *HydraConfig.get().overrides.task]))


home()  # conf/ needs CHAMPION_HOME

if __name__ == "__main__":
    with one_line_errors():
        main()
