"""Decides which requests are answered, and how: predictions, or one JSON error that says what to mend."""

import logging

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from champion.errors import RequestError
from champion.serving import payload
from champion.serving.model import ServedModel

log = logging.getLogger(__name__)


def create_app(model: ServedModel) -> FastAPI:
    """Return the application that serves `model`."""
    app = FastAPI(openapi_url=None)  # its pages of documentation would be fetched from the internet

    @app.get("/ping", response_class=PlainTextResponse)
    def ping() -> str:
        """Say that the server is up."""
        return "pong"

    @app.post("/invocations")
    async def invocations(request: Request) -> JSONResponse:
        """Predict every row of the body: one of MLflow's JSON forms, or CSV with a header line."""
        body = await request.body()
        content_type = request.headers.get("content-type", "")
        return JSONResponse({"predictions": await run_in_threadpool(_predict, model, body, content_type)})

    app.exception_handler(RequestError)(_refuse)
    app.exception_handler(HTTPException)(_no_such_endpoint)
    app.exception_handler(Exception)(_own_fault)
    return app


def _predict(model: ServedModel, body: bytes, content_type: str) -> list[object]:
    schema = model.stored.schema
    return model.predict(schema.check(payload.read(body, content_type, schema)))


def _refuse(_request: Request, error: RequestError) -> JSONResponse:
    content = {"error_code": "BAD_REQUEST", "message": str(error)}
    return JSONResponse(content | ({"column": error.column} if error.column else {}), error.status)


def _no_such_endpoint(request: Request, error: HTTPException) -> JSONResponse:
    message = f"{request.method} {request.url.path}: {error.detail}. There are GET /ping and POST /invocations."
    return JSONResponse({"error_code": "BAD_REQUEST", "message": message}, error.status_code, headers=error.headers)


def _own_fault(_request: Request, error: Exception) -> JSONResponse:
    log.error("A prediction failed", exc_info=error)
    return JSONResponse(
        {"error_code": "INTERNAL_ERROR", "message": "The model failed; the server's log says why."}, 500
    )
