"""Decides which requests are answered, and by whom: the model, or what the server knows about it."""

import logging
import platform
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version as installed
from typing import Any

from fastapi import Request, Response
from fastapi.responses import PlainTextResponse
from fastapi_offline import FastAPIOffline
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.routing import Route
from starlette.types import ASGIApp

from champion.base.errors import OverloadError, RequestError
from champion.data import Rows, Schema
from champion.serving import answer, openapi, payload
from champion.serving.batch import Batcher
from champion.serving.body import Reader
from champion.serving.follow import Follower
from champion.serving.gate import Gate, about, naming
from champion.serving.metrics import Metrics

log = logging.getLogger(__name__)

SMALL_BODY = 50_000  # bytes, read in a millisecond; larger ones are read in a thread and hold up nobody


class Server:
    """What the addresses answer; large requests have a queue of their own, so that they hold up no small ones."""

    def __init__(self, follower: Follower, metrics: Metrics, limits: Mapping[str, float]) -> None:
        self._follower = follower
        self._metrics = metrics
        self._limits = limits
        self._bodies = Reader(
            max_mb=limits["max_body_mb"], max_pending_mb=limits["max_pending_mb"], seconds=limits["body_seconds"]
        )
        queue = {"max_rows": limits["max_batch_rows"], "max_waiting": limits["max_waiting"]}
        self._small, self._large = (Batcher(**queue, on_batch=metrics.batches.observe) for _ in range(2))
        metrics.waiting.set_function(self._waiting)

    async def invocations(self, request: Request) -> Response:
        """Predict every row of the body: one of MLflow's JSON forms, or CSV with a header line.

        Values may be missing where the model's columns say so. Text stands for what it says, as in CSV. A category that
        training never saw is no error: it counts as none of those it saw, and the header X-Unseen-Categories names its
        column.
        """
        async with self._bodies.read(request) as content:
            model = self._follower.current  # the request stays this model's, whichever takes over meanwhile
            said = (content, request.headers.get("content-type", ""), model.stored.schema)
            rows = self._read(*said) if len(content) <= SMALL_BODY else await run_in_threadpool(self._read, *said)
            batcher = self._small if rows.n_rows <= self._limits["max_batch_rows"] else self._large
            predictions = await batcher.predict(model, rows)
        self._metrics.count_rows(model.version.version, rows)
        headers = {**naming(model.version), **about(rows)}
        return answer.json(answer.predictions_of(model.stored.task, predictions), headers=headers)

    async def ping(self) -> Response:
        """Say that the server is up."""
        return PlainTextResponse("pong")

    async def health(self) -> Response:
        """Say which version is served, and whether that is the one that the registry names."""
        version, trouble = self._follower.current.version, self._follower.trouble
        says = {"status": "behind" if trouble else "ok", "trouble": trouble, "waiting": self._waiting()}
        return answer.json(says | {"name": version.name, "version": version.version})

    async def version(self) -> Response:
        """Say what the server is made of."""
        packages = {name: installed(name) for name in ("champion", "mlflow", "scikit-learn")}
        return answer.json(packages | {"python": platform.python_version()})

    async def model(self) -> Response:
        """Describe the model that is served, and the columns that it wants."""
        served = self._follower.current
        task, columns = served.stored.task, served.stored.schema.columns
        inputs = [answer.Input.of(column).model_dump(exclude_none=True) for column in columns]
        card = {**asdict(served.version), "task": task.name, "classes": list(task.classes), "inputs": inputs}
        return answer.json(card)

    async def prometheus(self) -> Response:
        """Tell what was counted, for Prometheus."""
        return Response(self._metrics.text(), media_type=CONTENT_TYPE_LATEST)

    def _waiting(self) -> int:
        return len(self._small) + len(self._large)

    def _read(self, content: bytes, content_type: str, schema: Schema) -> Rows:
        values = payload.read(content, content_type, schema)
        n_rows, most = max(map(len, values.values()), default=0), self._limits["max_rows"]
        if n_rows > most:
            raise RequestError(f"A request may hold {most} rows (max_rows), but this one holds {n_rows}.", status=413)
        return schema.check(values)


def create_app(follower: Follower, *, token: str | None, limits: Mapping[str, float]) -> ASGIApp:
    """Return the application that serves what `follower` holds; `limits` are the keys of conf/serving.yaml."""
    metrics = Metrics(follower)
    server = Server(follower, metrics, limits)
    app = FastAPIOffline(title="Champion", redoc_url=None)
    refusals: Any = {status: {"model": answer.Refusal} for status in (400, 401, 408, 413, 415, 503)}
    stranger: Any = {401: {"model": answer.Refusal}}
    app.post("/invocations", response_model=answer.Predictions, responses=refusals)(server.invocations)
    app.get("/ping", response_class=PlainTextResponse)(server.ping)
    app.get("/health", response_model=answer.Health)(server.health)
    app.get("/version", response_model=answer.Versions, responses=stranger)(server.version)
    app.get("/model", response_model=answer.ModelCard, responses=stranger)(server.model)
    app.get("/metrics", response_class=PlainTextResponse, responses=stranger)(server.prometheus)
    app.openapi = lambda: openapi.document(app, follower.current, limits=limits)  # type: ignore[method-assign]
    app.exception_handler(RequestError)(_refuse)
    app.exception_handler(HTTPException)(_refuse_http)
    app.exception_handler(Exception)(_own_fault)
    paths = {route.path for route in app.routes if isinstance(route, Route)}
    return Gate(app, follower=follower, metrics=metrics, token=token, paths=paths)


def _refuse(_request: Request, error: RequestError) -> Response:
    later = {"Retry-After": "1"} if isinstance(error, OverloadError) else None
    return answer.refusal(str(error), status=error.status, column=error.column, headers=later)


def _refuse_http(request: Request, error: HTTPException) -> Response:
    """Answer what FastAPI refuses: an unknown address, another method."""
    message = f"{request.method} isn't answered here: {error.detail}. GET /docs shows what is."
    return answer.refusal(message, status=error.status_code, headers=dict(error.headers or {}))


def _own_fault(_request: Request, error: Exception) -> Response:
    log.error("A prediction failed", exc_info=error)
    return answer.refusal("The model failed; the server's log says why.", status=500)
