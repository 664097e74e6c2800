"""Decides whether a challenger becomes champion: both are scored on the same held-out rows, and the better one wins."""

from dataclasses import dataclass

from champion import registry
from champion.data import Dataset
from champion.errors import ModelError
from champion.evaluation import score
from champion.pipeline import predict
from champion.registry import Version


@dataclass(frozen=True)
class Decision:
    """Who won the final, and why; both errors are RMSEs in the target's unit on the same held-out rows."""

    promoted: bool
    reason: str


def final(challenger: Version, *, rmse: float, test: Dataset) -> Decision:
    """Score the present champion on the rows of `test` and promote `challenger` if its RMSE is lower.

    Decision and reason are written to the challenger's version. A champion that can't be scored on these rows keeps
    its place, as nothing says that the challenger is better; one whose files are gone does not.
    """
    with registry.locked():
        decision = _decide(challenger, rmse, test)
        registry.describe(
            challenger,
            tags={"decision": "promoted" if decision.promoted else "kept in Staging", "reason": decision.reason},
            description=f"{challenger.description} {decision.reason}",
        )
        if decision.promoted:
            registry.promote(challenger)
        registry.export()
    return decision


def _decide(challenger: Version, challenger_rmse: float, test: Dataset) -> Decision:
    champion = registry.by_alias(challenger.name)
    if champion is None:
        return Decision(True, "Champion as the first of its name.")
    try:
        model = registry.load(champion).pipeline
    except ModelError as error:
        return Decision(True, f"Champion, as version {champion.version} can't be loaded: {error}")
    try:
        champion_rmse = score(test.y, predict(model, test.X))["rmse"]
    except (ValueError, KeyError) as error:
        return Decision(False, f"Champion version {champion.version} can't be scored on these columns: {error}")
    return compare(challenger_rmse, champion_rmse, opponent=f"version {champion.version}")


def compare(challenger_rmse: float, champion_rmse: float, *, opponent: str) -> Decision:
    """Let the lower RMSE win; a tie keeps the champion."""
    promoted = challenger_rmse < champion_rmse
    verb = "beats" if promoted else "does not beat"
    return Decision(promoted, f"RMSE {challenger_rmse:,.6g} {verb} {opponent}'s {champion_rmse:,.6g} on the same rows.")
