"""redaction.py: passwords stay out of what is kept."""

import pytest

from champion.base.redaction import redact


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (
            "tracking.uri=postgresql://me:hunter2@db:5432/mlflow seed=1",
            "tracking.uri=postgresql://me:***@db:5432/mlflow seed=1",
        ),
        ("https://:token@host/x.csv and s3://key:secret@bucket", "https://:***@host/x.csv and s3://key:***@bucket"),
        ("http://127.0.0.1:5000/a@b", "http://127.0.0.1:5000/a@b"),
        ("sqlite:////home/me/mlflow.db", "sqlite:////home/me/mlflow.db"),
    ],
)
def test_only_the_password_is_replaced(text: str, kept: str) -> None:
    """User, host and path stay readable."""
    assert redact(text) == kept
