"""Decides what is saved of a model: the skops file, its code, columns, example rows, pinned requirements."""

import warnings

import mlflow
import numpy as np
from mlflow.exceptions import MlflowException
from mlflow.models import Model, ModelSignature, infer_signature
from mlflow.types import ColSpec, DataType, Schema
from sklearn.pipeline import Pipeline

from champion import persistence
from champion.data import Dataset
from champion.errors import ModelError
from champion.features import imputed
from champion.schema import DATE_FORMATS, type_of


def log_model(run_id: str, model: Pipeline, train: Dataset) -> str:
    """Save `model`, fitted on `train`, among the models of the run's experiment; return its id.

    Raises ModelError where it holds a type that isn't trusted.
    """
    experiment_id = mlflow.MlflowClient().get_run(run_id).info.experiment_id
    mlflow.set_experiment(experiment_id=experiment_id)  # or the model goes to another one
    try:
        with warnings.catch_warnings(), persistence.code(model) as code:
            warnings.filterwarnings("ignore", message=".*Inferred schema contains integer column")  # they are meant
            logged = _LoggedOnce.log(
                None,
                mlflow.sklearn,
                name="model",
                run_id=run_id,
                sk_model=model,
                serialization_format="skops",
                skops_trusted_types=persistence.TRUSTED_TYPES,
                signature=_signature(model, train),
                input_example=train.take(np.arange(3)).X,
                pip_requirements=persistence.requirements(model),
                code_paths=code,
                metadata={DATE_FORMATS: {one.name: one.date_format for one in train.columns if one.date_format}},
            )
    except MlflowException as error:
        trusted = "champion.persistence.TRUSTED_TYPES lists the types that it may hold"
        raise ModelError(f"The model can't be saved without pickle, {trusted}: {error.__context__}") from error
    return str(logged.model_id)


class _LoggedOnce(Model):  # type: ignore[misc]
    """An MLflow model that isn't tried on its example when it is logged: being saved has just loaded it again."""

    def get_serving_input(self, path: str) -> None:
        """Name no example to try."""


def _signature(model: Pipeline, train: Dataset) -> ModelSignature:
    """Say which columns the model takes: values may be missing where training had gaps, or the pipeline fills them."""
    filled = imputed(model.named_steps["features"])
    features = {str(name): train.X[str(name)] for name in train.X.columns}
    columns = [
        ColSpec(DataType[type_of(values)], name, required=name not in filled and not values.hasnans)
        for name, values in features.items()
    ]
    example = train.take(np.arange(5)).X
    seen = infer_signature(example, model.predict(example))
    return ModelSignature(Schema(columns), seen.outputs)
