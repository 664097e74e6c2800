"""follow.py: the served model is the one that the registry names, if it can be served."""

import io
import logging
import pickle
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import skops.io
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from champion.base.errors import ModelError
from champion.serving.follow import Follower
from tests.conftest import Home
from tests.serving.conftest import NAME, champion


@contextmanager
def changed(home: Home, version: int, name: str, content: bytes | None) -> Iterator[None]:
    """Give a file of a version another content, or none, for a while."""
    model_id = home.client.get_model_version(NAME, str(version)).source.removeprefix("models:/")
    [file] = [path for path in (home.folder / "mlruns").rglob(name) if model_id in path.parts]
    before = file.read_bytes()
    file.unlink()
    try:
        if content is not None:
            file.write_bytes(content)
        yield
    finally:
        file.write_bytes(before)


def touch_nothing(X: object) -> object:
    """Stand for code that a saved model would run."""
    return X


def with_code() -> bytes:
    """Return a model that holds a function."""
    file = io.BytesIO()
    skops.io.dump(Pipeline([("features", FunctionTransformer(touch_nothing))]), file)
    return file.getvalue()


def test_moved_alias_is_followed(served: Home, follower: Follower, caplog: pytest.LogCaptureFixture) -> None:
    """The version that the alias names takes over, and that is said."""
    caplog.set_level(logging.INFO, "champion")
    served.client.set_registered_model_alias(NAME, "champion", "2")
    follower.look()
    assert (follower.current.version.version, follower.swaps, follower.trouble) == (2, 1, None)
    assert caplog.messages == [f"{NAME} version 2 takes over from version 1"]


def test_same_version_isnt_loaded_again(served: Home, follower: Follower) -> None:
    """As long as the alias stays nothing changes, but what the registry says about the version does."""
    stored = follower.current.stored
    served.client.update_model_version(NAME, "1", "Another description.")
    follower.look()
    assert follower.current.stored is stored
    assert follower.current.version.description == "Another description."
    assert follower.swaps == 0


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("model.skops", None, "only models saved by champion are loaded"),
        ("model.skops", pickle.dumps(object()), "is no skops file"),
        ("model.skops", with_code(), "it holds types that aren't trusted"),
        ("input_example.json", b'{"columns": ["size"], "data": [[1.0]]}', "can't predict its own input example"),
        ("MLmodel", b"- nonsense", ""),
    ],
    ids=["no file", "a pickle", "code", "a wrong example", "nonsense"],
)
def test_model_that_cant_be_served_leaves_the_old_one(
    served: Home, follower: Follower, caplog: pytest.LogCaptureFixture, name: str, content: bytes | None, says: str
) -> None:
    """The present version serves on, and why is said once."""
    with changed(served, 2, name, content):
        served.client.set_registered_model_alias(NAME, "champion", "2")
        follower.look()
        follower.look()
    assert (follower.current.version.version, follower.swaps) == (1, 0)
    assert says in str(follower.trouble)
    assert caplog.messages == [f"Version 1 stays: {follower.trouble}"]


def test_model_that_couldnt_be_loaded_is_tried_again(served: Home) -> None:
    """Not at once, but after a while: its files may have been on their way."""
    follower = Follower(champion, poll_seconds=0.1)
    with changed(served, 2, "model.skops", None):
        served.client.set_registered_model_alias(NAME, "champion", "2")
        follower.look()
    follower.look()
    assert follower.current.version.version == 1
    time.sleep(0.25)
    follower.look()
    assert (follower.current.version.version, follower.trouble) == (2, None)


def test_alias_that_comes_back_ends_the_trouble(served: Home, follower: Follower) -> None:
    """Once the registry names the version that is served, all is well."""
    with changed(served, 2, "model.skops", None):
        served.client.set_registered_model_alias(NAME, "champion", "2")
        follower.look()
    served.client.set_registered_model_alias(NAME, "champion", "1")
    follower.look()
    assert follower.trouble is None


def test_registry_that_is_gone_changes_nothing(served: Home, follower: Follower) -> None:
    """The server answers on while the database can't be asked."""
    served.client.delete_registered_model_alias(NAME, "champion")
    follower.look()
    assert follower.current.version.version == 1
    assert follower.trouble


def test_broken_model_isnt_served_at_the_start(served: Home) -> None:
    """There is nothing to fall back to: the error says why."""
    with changed(served, 1, "model.skops", None), pytest.raises(ModelError, match="only models saved by champion"):
        Follower(champion, poll_seconds=1)


def test_follower_looks_by_itself(served: Home) -> None:
    """Once it is started it looks every so many seconds, until it is stopped."""
    follower = Follower(champion, poll_seconds=0.05)
    follower.start()
    served.client.set_registered_model_alias(NAME, "champion", "2")
    until = time.monotonic() + 20
    while follower.current.version.version == 1 and time.monotonic() < until:
        time.sleep(0.05)
    follower.stop()
    assert follower.current.version.version == 2
