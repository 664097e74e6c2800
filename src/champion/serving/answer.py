"""Decides what an answer looks like: JSON, and for whatever is refused one object that says what to mend."""

from typing import Any, Self

import numpy as np
import orjson
from fastapi import Response
from pydantic import BaseModel, Field

from champion.base.words import key
from champion.data.date import ISO_8601
from champion.data.reading import DATE, Reading
from champion.data.task import Task

CODES = {  # as MLflow calls them
    401: "UNAUTHENTICATED",
    404: "ENDPOINT_NOT_FOUND",
    405: "ENDPOINT_NOT_FOUND",
    500: "INTERNAL_ERROR",
    503: "TEMPORARILY_UNAVAILABLE",
}


class Predictions(BaseModel):
    """One prediction for each row of the request, in its order; a model of classes says how probable each one is."""

    predictions: list[float | int | bool | str] = Field(description="Numbers, or classes as the table has them.")
    probabilities: list[dict[str, float]] | None = Field(
        default=None, description="Of each class, by its name; none where a number is predicted."
    )


class Refusal(BaseModel):
    """What to mend; none of the caller's data is repeated."""

    error_code: str = Field(description="The kind of rule, as MLflow calls it.")
    message: str = Field(description="The rule that was broken, in one line.")
    column: str | None = Field(default=None, description="The column that broke it, where it was one.")


class Health(BaseModel):
    """Which version is served."""

    status: str = Field(description="ok, or behind where the registry names a version that can't be served.")
    trouble: str | None = Field(description="Why it can't.")
    waiting: int = Field(description="Requests that wait to be scored.")
    name: str = Field(description="The registered model.")
    version: int = Field(description="The version that is served.")


class Versions(BaseModel):
    """What the server is made of."""

    champion: str = Field(description="The installed version; so of the others.")
    mlflow: str
    scikit_learn: str = Field(alias="scikit-learn")
    python: str


class Input(BaseModel):
    """A column that the model wants; one that isn't required may be missing or null."""

    name: str = Field(description="Its name.")
    type: str = Field(description="double, long, boolean, datetime or string.")
    required: bool = Field(description="Whether every row must have a value.")
    date_format: str | None = Field(default=None, description="How a date may be written beside ISO 8601.")

    @classmethod
    def of(cls, column: Reading) -> Self:
        """Describe a column."""
        date_format = column.date_format if column.kind == DATE and column.date_format != ISO_8601 else None
        return cls(name=column.name, type=column.type, required=column.required, date_format=date_format)


class ModelCard(BaseModel):
    """The model that is served."""

    name: str = Field(description="The registered model.")
    version: int = Field(description="Its version.")
    stage: str = Field(description="Production for the champion, Staging for the challenger.")
    aliases: list[str] = Field(description="Such as champion.")
    run_id: str = Field(description="The run in MLflow that it comes from.")
    created: str = Field(description="When it was registered, in ISO 8601 and UTC.")
    description: str = Field(description="By which command it was trained, and how its final went.")
    metrics: dict[str, float] = Field(description="Those of its run and its final.")
    task: str = Field(description="regression, binary or multiclass.")
    classes: list[int | bool | str] = Field(description="What is told apart; none where a number is predicted.")
    inputs: list[Input] = Field(description="The columns that it wants.")


def json(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return the content as an answer."""
    return Response(orjson.dumps(content), status, headers, media_type="application/json")


def predictions_of(task: Task, predicted: np.ndarray) -> dict[str, Any]:
    """Return what is answered for predictions of shape (n_rows,), or probabilities of shape (n_rows, n_classes)."""
    if not task.is_classification:
        return {"predictions": predicted.tolist()}
    names = [key(label) for label in task.classes]
    return {
        "predictions": [task.classes[position] for position in predicted.argmax(axis=1)],
        "probabilities": [dict(zip(names, row, strict=True)) for row in predicted.tolist()],
    }


def refusal(message: str, *, status: int, column: str | None = None, headers: dict[str, str] | None = None) -> Response:
    """Return the answer to a request that breaks a rule."""
    content = {"error_code": CODES.get(status, "BAD_REQUEST"), "message": message}
    return json(content | ({"column": column} if column else {}), status, headers)
