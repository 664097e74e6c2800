"""An estimator that says how many threads it was given, in the only way that reaches the study."""

from typing import Any

from sklearn.base import BaseEstimator, RegressorMixin


class Watched(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Refuses to be fitted, with its number of threads as the reason."""

    def __init__(self, n_jobs: int | None = None, size: int = 1, random_state: int | None = None) -> None:
        self.n_jobs, self.size, self.random_state = n_jobs, size, random_state

    def fit(self, X: Any, y: Any) -> "Watched":  # noqa: ARG002
        """Raise."""
        raise RuntimeError(f"{self.n_jobs} threads")

    def predict(self, X: Any) -> Any:
        """Do nothing: nobody comes so far."""
