"""Decides what is saved of a model: the skops file, its code, columns, example rows, pinned requirements."""

import warnings

import mlflow
from mlflow.exceptions import MlflowException
from mlflow.models import Model, ModelSignature, infer_signature
from mlflow.types import ColSpec
from mlflow.types import Schema as Spec
from mlflow.types.schema import AnyType
from sklearn.pipeline import Pipeline

from champion.base.errors import ModelError
from champion.data import Dataset, Schema
from champion.features import imputed
from champion.persistence.files import TRUSTED_TYPES, code, requirements
from champion.tracking import patience


def with_schema(model: Pipeline, train: Dataset) -> Pipeline:
    """Return a model fitted on `train` that begins with a step that reads cells as training did."""
    schema = Schema.of(train, filled=imputed(model.named_steps["features"]))
    return Pipeline([("schema", schema), *model.steps])


def log_model(run_id: str, model: Pipeline, train: Dataset) -> str:
    """Save `model`, fitted on `train`, among the models of the run's experiment; return its id.

    What is saved begins with a step that reads cells as training did. Raises ModelError where it holds a type that
    isn't trusted.
    """
    whole = with_schema(model, train)
    experiment_id = patience.client().get_run(run_id).info.experiment_id
    patience.call(mlflow.set_experiment, experiment_id=experiment_id)  # or the model goes to another one
    try:
        with warnings.catch_warnings(), code() as saved:
            logged = patience.call(
                _LoggedOnce.log,
                None,
                mlflow.sklearn,
                name="model",
                run_id=run_id,
                sk_model=whole,
                serialization_format="skops",
                skops_trusted_types=TRUSTED_TYPES,
                signature=_signature(whole, train),
                input_example=whole["schema"].example(train.X[:3]),
                pip_requirements=requirements(model),
                code_paths=saved,
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
    """Name the columns that the model takes, and say of which type its predictions are.

    A type of a column would let MLflow convert its cells, or refuse them, before the model has read them.
    """
    columns = [ColSpec(AnyType(), column.name, required=column.required) for column in model["schema"].columns]
    predicted = infer_signature(model_output=model.predict(train.X[:5]))
    return ModelSignature(Spec(columns), predicted.outputs)
