"""A server in this process, asked over real HTTP: its model wants a column of every kind."""

import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
import uvicorn
from omegaconf import OmegaConf
from schemathesis import Case, Response
from schemathesis.checks import negative_data_rejection, positive_data_acceptance
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import OneHotEncoder

from champion import persistence, registry, tracking
from champion.data import Dataset
from champion.data.number import PLAIN
from champion.data.reading import MISSING
from champion.learning import pipeline
from champion.registry import Version
from champion.serving.app import create_app
from champion.serving.command import listen
from champion.serving.follow import Follower
from tests.conftest import REPOSITORY, Home, dataset

NAME = "houses_predictor"
ROW = {"size": 70.5, "rooms": 3, "age": None, "garden": True, "place": "sea"}
LIMITS = {str(key): value for key, value in OmegaConf.load(REPOSITORY / "conf" / "serving.yaml").items()}


@pytest.fixture(scope="session")
def houses() -> Dataset:
    """Make a table with a column of every kind; `age` has gaps, and those of `rooms` will be filled."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"size": rng.uniform(20, 200, 300), "rooms": rng.integers(1, 9, 300)})
    X["age"] = np.where(rng.random(300) < 0.2, np.nan, rng.uniform(0, 90, 300))
    X["garden"] = rng.random(300) < 0.5
    X["place"] = rng.choice(["sea", "hill", "town"], 300)
    y = X["size"] * 3000 + X["rooms"] * 500 + X["garden"] * 9e3 + X["place"].map({"sea": 90e3, "hill": 20e3, "town": 0})
    return dataset(X, y)


def put_forward(houses: Dataset, home: Home, *, iterations: int = 20) -> Version:
    """Fit a model whose features fill in missing rooms, and register it."""
    features = ColumnTransformer(
        [
            ("number", "passthrough", ["size", "age", "garden"]),
            ("filled", SimpleImputer(), ["rooms"]),
            ("category", OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["place"]),
        ]
    )
    model = pipeline.build(features, HistGradientBoostingRegressor(max_iter=iterations, random_state=0))
    with home.start_run(houses, name=f"gradient_boosting_{iterations}") as run:
        model_id = persistence.log_model(run.id, pipeline.fit(model, houses.X, houses.y).model, houses)
    metrics = {"test_rmse": 1 / 3, "test_r2": 0.5}
    return registry.register(NAME, model_id=model_id, run_id=run.id, metrics=metrics, description="Trees.")


@dataclass(frozen=True)
class Serving:
    """A server, its address, and what it follows."""

    url: str
    follower: Follower
    home: Home


@contextmanager
def serving(follower: Follower, home: Home, *, token: str | None = None, **limits: Any) -> Iterator[Serving]:
    """Serve what the follower holds on a free port, in a thread."""
    held = listen("127.0.0.1", 0)
    app = create_app(follower, token=token, limits=LIMITS | limits)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [held]})
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield Serving(f"http://127.0.0.1:{held.getsockname()[1]}", follower, home)
    finally:
        server.should_exit = True
        thread.join(timeout=30)


def champion() -> Version:
    """Return the present champion."""
    found = registry.by_alias(NAME)
    assert found is not None
    return found


@pytest.fixture(scope="session")
def two_versions(houses: Dataset, empty_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Make a home with two versions of a model, the first of them champion."""
    home = empty_home.copy(tmp_path_factory.mktemp("served"))
    tracking.connect(home.uri)
    for iterations in (20, 40):
        put_forward(houses, home, iterations=iterations)
    home.client.set_registered_model_alias(NAME, "champion", "1")
    return home


@pytest.fixture
def served(two_versions: Home) -> Iterator[Home]:
    """Connect to the home with two versions; whatever a test does to the alias is undone."""
    tracking.connect(two_versions.uri)
    yield two_versions
    two_versions.client.set_registered_model_alias(NAME, "champion", "1")


@pytest.fixture
def follower(served: Home) -> Follower:  # noqa: ARG001
    """Follow the champion, looking only when it is told to."""
    return Follower(champion, poll_seconds=3600)


def cells(row: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return a row as columns."""
    return {name: [value] for name, value in row.items()}


def unsaid(case: Case[Any], answer: Response) -> list[Any] | None:
    """Return the checks that rules break which no document can express."""
    if case.media_type == "text/csv" or "all of the same length" in answer.text:
        return [positive_data_acceptance]
    return [negative_data_rejection] if answer.status_code == 200 and says_something(case.body) else None


def says_something(body: Any) -> bool:
    """Tell whether some text in a body stands for a number, true or false, or nothing, as it would in CSV."""
    if isinstance(body, str):
        text = body.strip()
        return text in MISSING or text.lower() in ("true", "false") or bool(re.fullmatch(PLAIN["."], text))
    inner = body.values() if isinstance(body, dict) else body if isinstance(body, list) else []
    return any(map(says_something, inner))
