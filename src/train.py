"""Train what the config describes: one configuration in, one number out.

`python src/train.py --help` lists the groups; conf/config.yaml is the table of contents.
"""

import gc
import shlex
from contextlib import nullcontext
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
    from champion.data import Dataset
    from champion.finalist import Finalist
    from champion.tracking import Run


@hydra.main(version_base="1.3", config_path="../conf", config_name="config")
def main(cfg: DictConfig) -> float:
    """Run one job: a user's mistake ends a single run with one line, and a sweep hears of it as an exception."""
    single = HydraConfig.get().mode is RunMode.RUN
    with one_line_errors() if single else nullcontext():
        return train_one(cfg)


def train_one(cfg: DictConfig) -> float:
    """Cross-validate one model, track it and, if `final`, put it forward as challenger; return the objective."""
    # Imported here because they take seconds, and --help and --cfg do without them.
    from champion import console, data, evaluation, finalist, pipeline, registry, report, split, tracking

    if not gc.get_freeze_count():
        gc.freeze()  # all that was imported lives as long as the process: looking through it for garbage costs a second
    if not isinstance(cfg.final, bool):
        raise ConfigError(f"final must be true or false, but got {cfg.final!r}.")
    evaluation.check_objective(cfg.objective)
    tracking.connect(cfg.tracking.uri, artifacts=cfg.tracking.artifacts)
    dataset = data.load(**cfg.data)
    train, test = split.hold_out(dataset, test_size=cfg.test_size, seed=cfg.seed)
    folds = split.folds(train, n_splits=cfg.n_splits, seed=cfg.seed)
    model = pipeline.build(instantiate(cfg.features, train.X), instantiate(cfg.model))
    folder, params = Path(HydraConfig.get().runtime.output_dir), _params(cfg)
    console.opening(dataset, train, test, model=params["model"], seed=cfg.seed)

    with tracking.start_run(
        cfg.experiment_name or f"{dataset.name}_prediction",
        name=cfg.run_name or _run_name(params),
        artifacts=cfg.tracking.artifacts,
        folder=folder,
        dataset=dataset,
        params=params,
        tags={"command": _command(), "held_out_fingerprint": test.fingerprint},
        config=OmegaConf.to_yaml(cfg, resolve=True),
    ) as run:
        with console.folds(len(folds), unit=dataset.unit) as on_fold:
            done = evaluation.cross_validate(model, train, folds, threads=cfg.threads, on_fold=on_fold)
        metrics = evaluation.summarise(done)
        if cfg.final:
            challenger = finalist.prepare(model, train, test, threads=cfg.threads, seed=cfg.seed, folder=folder)
            metrics |= challenger.metrics | {"fit_seconds": metrics["fit_seconds"] + challenger.fit_seconds}
        run.log_metrics(metrics)
        run.log_files(report.write_evaluation(folder, params=params, dataset=dataset, folds=done, metrics=metrics))
        console.results(metrics, unit=dataset.unit)
        if cfg.final:
            name = cfg.registered_model or f"{dataset.name}_predictor"
            _put_forward(challenger, train, test, name=name, run=run, metrics=metrics)
    console.closing(
        run, folder=folder, ui=tracking.ui_command(), serve=registry.serve_command(name) if cfg.final else None
    )
    return metrics[cfg.objective]


def _put_forward(
    challenger: "Finalist", train: "Dataset", test: "Dataset", *, name: str, run: "Run", metrics: dict[str, float]
) -> None:
    """Log and register the challenger's model, let it meet the champion, and say how it went."""
    from champion import console, promotion, registry

    run.log_files(*challenger.files)
    model_id = run.log_model(challenger.model, train)
    description = f"{run.name}, trained by `{_command()}`."
    version = registry.register(name, model_id=model_id, run_id=run.id, metrics=metrics, description=description)
    decision = promotion.final(version, rmse=metrics["test_rmse"], test=test)
    console.verdict(registry.get(name, version.version), decision)


def _params(cfg: DictConfig) -> dict[str, Any]:
    """Return what distinguishes runs, flat and under the names that the command line uses."""
    choices = HydraConfig.get().runtime.choices
    chosen = {group: choices[group] for group in ("model", "data", "features")}
    options = {**cfg.features, **cfg.model}
    plain = {key: value for key, value in options.items() if key not in ("_target_", "random_state")}
    return chosen | plain | {key: cfg[key] for key in ("seed", "test_size", "n_splits")}


def _run_name(params: dict[str, Any]) -> str:
    trees = params.get("n_estimators", params.get("max_iter"))
    return f"{params['model']}_{trees}" if trees else str(params["model"])


def _command() -> str:
    return redact(shlex.join(["python", "src/train.py", *HydraConfig.get().overrides.task]))


home()  # conf/ needs CHAMPION_HOME

if __name__ == "__main__":
    with one_line_errors():
        main()
