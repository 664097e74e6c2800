"""Decides what is taken from a version's files, and whether they are fit to be served."""

import logging
from dataclasses import dataclass
from tempfile import TemporaryDirectory

import mlflow
import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import Model
from sklearn.pipeline import Pipeline

from champion import persistence
from champion.base.errors import ModelError, TrackingError
from champion.base.remedy import installation
from champion.data import Schema
from champion.data.task import Task, classification
from champion.learning.pipeline import predict
from champion.registry.version import Version
from champion.tracking import patience

# What is gone is said by the error; MLflow says it in a line of its own before.
logging.getLogger("mlflow.store.artifact.artifact_repo").setLevel(logging.WARNING)


@dataclass(frozen=True)
class Stored:
    """What a version's files hold: the pipeline, and example rows as they may be sent."""

    pipeline: Pipeline
    example: pd.DataFrame

    @property
    def schema(self) -> Schema:
        """The columns that the pipeline takes: its first step."""
        return self.pipeline[0]  # type: ignore[no-any-return]

    @property
    def task(self) -> Task:
        """What the pipeline predicts."""
        classes = getattr(self.pipeline, "classes_", None)
        return Task() if classes is None else classification(classes.tolist())


def load(version: Version) -> Stored:
    """Fetch and load the version's files; raise ModelError where they are gone or hold a type that isn't trusted."""
    with TemporaryDirectory() as folder:
        try:
            files = patience.call(mlflow.artifacts.download_artifacts, version.uri, dst_path=folder)
            saved = Model.load(files)
        except TrackingError:
            raise
        except ImportError as error:
            raise ModelError(f"For the files of {version.uri} {installation(error)}.") from error
        except Exception as error:  # wherever they are kept, a library reports it in kinds of its own
            raise ModelError(f"The files of {version.uri} are gone: {error}") from error
        try:
            example = saved.load_input_example(files)
        except (MlflowException, OSError) as error:
            raise ModelError(f"The input example of {version.uri} doesn't fit its signature: {error}") from error
        pipeline = persistence.load(files)
        if example is None or not isinstance(pipeline, Pipeline) or not isinstance(pipeline[0], Schema):
            says = "has no input example, or doesn't say how its columns are read"
            raise ModelError(f"{version.uri} {says}; models saved by champion do. Train it again.")
        return Stored(pipeline, example)


def try_out(version: Version) -> Stored:
    """Load the version and let it predict its own example rows; raise ModelError where, for any reason, it can't."""
    try:
        stored = load(version)
        predicted = predict(stored.pipeline, stored.example, task=stored.task)
    except (ModelError, TrackingError):
        raise
    except Exception as error:  # files of another time fail in many ways, and none of them may be served
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise ModelError(f"{version.uri} can't predict its own input example: {reason}") from error
    if len(predicted) != len(stored.example) or not np.isfinite(predicted).all():
        raise ModelError(f"{version.uri} predicts no finite number for some row of its own input example.")
    return stored


def model_mb(version: Version) -> float:
    """Return the size of the saved model in megabytes of 1,000,000 bytes."""
    size: int | None = Model.load(version.uri).model_size_bytes
    if size is None:
        raise ModelError(f"{version.uri} doesn't say how large it is; models saved by champion do.")
    return size / 1e6
