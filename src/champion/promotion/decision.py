"""Decides whether a challenger becomes champion: it must beat the champion on the same held-out rows beyond chance."""

from dataclasses import dataclass, field
from tempfile import TemporaryDirectory

import numpy as np
from sklearn.pipeline import Pipeline

from champion import registry, tracking
from champion.base.errors import ConfigError, DataError, ModelError, RequestError
from champion.data import Dataset
from champion.learning import evaluation
from champion.learning.finalist import Finalist
from champion.learning.pipeline import predict
from champion.promotion import rows, wording
from champion.promotion.comparison import Comparison, compare
from champion.promotion.rows import Counted
from champion.promotion.rule import Rule
from champion.registry import Stored, Version

# What a model may raise that was made for other columns, another task or in another time.
UNFIT = (ConfigError, DataError, ModelError, RequestError, ValueError, KeyError, TypeError, AttributeError)


@dataclass(frozen=True)
class Decision:
    """Who won the final, and why; `numbers` are what the comparison showed, where there was one.

    `successor` is the challenger of before where that one becomes champion, in the place of one that is gone.
    """

    promoted: bool
    reason: str
    numbers: dict[str, float] = field(default_factory=dict)
    successor: Version | None = None

    @property
    def tags(self) -> dict[str, str]:
        """What the version and its run say of the final."""
        return {"decision": "promoted" if self.promoted else "kept in Staging", "reason": self.reason}


@dataclass(frozen=True, eq=False)
class _Opponent:
    """A version that can be met: its losses on the held-out rows have the shape (n_rows,)."""

    version: Version
    stored: Stored
    losses: np.ndarray

    @property
    def said(self) -> str:
        return f"version {self.version.version}"


def final(challenger: Version, finalist: Finalist, *, test: Dataset, rule: Rule, seed: int) -> Decision:
    """Let the challenger meet the champion on the rows of `test`, and promote it if it wins.

    Decision, numbers and reason are written to the challenger's version; one that loses stays in Staging. A champion
    that can't be scored on these rows keeps its place, as nothing says that the challenger is better; one that was
    deleted, or whose files are gone, is followed by the better of this challenger and the one before it. Equal seeds
    draw equal resamples.
    """
    with registry.locked():
        while True:
            champion = registry.by_alias(challenger.name)
            decision = _decide(challenger, finalist, champion, test=test, rule=rule, seed=seed)
            if _number(registry.by_alias(challenger.name)) == _number(champion):
                break  # or else another machine was quicker, and the opponent is another one
        numbers = {key: repr(value) for key, value in decision.numbers.items()}
        description = f"{challenger.description} {decision.reason}"
        described = registry.describe(challenger, tags=decision.tags | numbers, description=description)
        if decision.promoted:
            registry.promote(described, how="final", reason=decision.reason)
        else:
            if heir := decision.successor:
                registry.promote(heir, how="final", reason=f"Version {described.version}: {decision.reason}")
            registry.challenge(described)
        registry.export()
    return decision


def _decide(
    challenger: Version, finalist: Finalist, champion: Version | None, *, test: Dataset, rule: Rule, seed: int
) -> Decision:
    excess = _excess(challenger, finalist.model, test=test, rule=rule)
    if champion is None:
        if challenger.version == 1 and not excess:
            return Decision(True, "Champion as the first of its name.")
        return _succeed(challenger, finalist, excess, why="as there was none.", test=test, rule=rule, seed=seed)
    if excess:
        return Decision(False, excess)
    try:
        stored = registry.load(champion)
    except ModelError as error:
        why = f"as version {champion.version} can't be loaded: {str(error).rstrip('.')}."
        return _succeed(challenger, finalist, excess, why=why, test=test, rule=rule, seed=seed)
    try:
        opponent = _score(champion, stored, test)
    except UNFIT as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        says = f"Champion version {champion.version} can't be scored on these columns as {test.task.name}: {reason}"
        command = registry.promote_command(challenger.name, challenger.version)
        return Decision(False, f"{says}. `{command}` lets this one follow it, another registered_model keeps both.")
    counted = _count(test, opponent)
    if not counted.enough:
        return Decision(False, _too_few(challenger, counted))
    found = _compare(finalist, opponent, counted, test=test, rule=rule, seed=seed)
    said = wording.outcome(
        found,
        metric=test.task.metric,
        opponent=opponent.said,
        rows=counted.said,
        min_improvement=rule.min_improvement,
        confidence=rule.confidence,
    )
    return Decision(
        promoted=found.low > rule.min_improvement,
        reason=said + _other_data(challenger, champion),
        numbers=_numbers(found, opponent, test),
    )


def _succeed(
    challenger: Version, finalist: Finalist, excess: str, *, why: str, test: Dataset, rule: Rule, seed: int
) -> Decision:
    """Let the better one follow a champion that is gone: nobody has a place to defend against chance."""
    heir = _heir(challenger.name, test=test, rule=rule)
    if heir is None:
        return Decision(False, excess) if excess else Decision(True, f"Champion, {why}")
    instead = f"{heir.said.capitalize()} is champion, {why}"
    if excess:
        return Decision(False, f"{excess} {instead}", successor=heir.version)
    counted = _count(test, heir)
    if not counted.enough:
        return Decision(True, f"Champion, {why}")
    found = _compare(finalist, heir, counted, test=test, rule=rule, seed=seed)
    said = wording.standing(found, metric=test.task.metric, opponent=heir.said, rows=counted.said)
    numbers = _numbers(found, heir, test)
    if found.improvement > 0:
        return Decision(True, f"Champion, {why} {said}.", numbers)
    return Decision(False, f"{said}. {instead}", numbers, successor=heir.version)


def _heir(name: str, *, test: Dataset, rule: Rule) -> _Opponent | None:
    """Return the challenger of before, where it lost to a champion, keeps the limits, and can be scored on `test`."""
    version = registry.by_alias(name, registry.CHALLENGER)
    if version is None or not registry.events(name):
        return None
    try:
        heir = _score(version, registry.load(version), test)
        return None if _excess(version, heir.stored.pipeline, test=test, rule=rule) else heir
    except UNFIT:
        return None


def _score(version: Version, stored: Stored, test: Dataset) -> _Opponent:
    predicted = predict(stored.pipeline, test.X, task=test.task)
    return _Opponent(version, stored, evaluation.losses(test.y, predicted, test.task))


def _compare(
    finalist: Finalist, opponent: _Opponent, counted: Counted, *, test: Dataset, rule: Rule, seed: int
) -> Comparison:
    losses = evaluation.losses(test.y, finalist.predicted, test.task)
    return compare(
        losses[counted.mask],
        opponent.losses[counted.mask],
        metric=test.task.metric,
        confidence=rule.confidence,
        resamples=rule.resamples,
        seed=seed,
    )


def _excess(version: Version, model: Pipeline, *, test: Dataset, rule: Rule) -> str:
    """Return which limit the version's model breaks, or nothing; what has no limit isn't measured."""
    if rule.max_model_mb and (size := registry.model_mb(version)) > rule.max_model_mb:
        return f"The saved model takes {size:,.4g} MB, more than final.max_model_mb={rule.max_model_mb:g}."
    if rule.max_ms_per_row and (needed := evaluation.ms_per_row(model, test.X)) > rule.max_ms_per_row:
        return f"Predicting one row takes {needed:,.3g} ms, more than final.max_ms_per_row={rule.max_ms_per_row:g}."
    return ""


def _count(test: Dataset, opponent: _Opponent) -> Counted:
    """Return the rows that are fair to both: the opponent may have learned from some that are held out now."""
    if opponent.version.held_out_fingerprint == test.fingerprint:
        return rows.the_same(test)
    learned = _learned_by(opponent.version) if _same_columns(test, opponent.stored) else None
    return rows.unknown(test, by=opponent.said) if learned is None else rows.unlearned(test, learned, by=opponent.said)


def _learned_by(version: Version) -> np.ndarray | None:
    with TemporaryDirectory() as folder:
        file = tracking.fetch(version.run_id, rows.FILE, folder=folder)
        return rows.read(file) if file else None


def _same_columns(test: Dataset, stored: Stored) -> bool:
    """Tell whether equal rows have equal hashes: with another column, or 3.0 for 3, they haven't."""
    theirs = [(column.name, column.dtype) for column in stored.schema.columns]
    return theirs == [(str(name), str(dtype)) for name, dtype in test.X.dtypes.items()]


def _too_few(challenger: Version, counted: Counted) -> str:
    command = registry.promote_command(challenger.name, challenger.version)
    return (
        f"A final needs {counted.fewest} rows, and could only be held {counted.said}."
        f" Hold out the same rows (seed and test_size), or more of them, or decide yourself: `{command}`."
    )


def _other_data(challenger: Version, champion: Version) -> str:
    theirs, ours = champion.data_fingerprint, challenger.data_fingerprint
    if theirs in ("", ours):
        return ""
    return f" Version {champion.version} was made with other data (fingerprint {theirs}, not {ours})."


def _numbers(found: Comparison, opponent: _Opponent, test: Dataset) -> dict[str, float]:
    metric = test.task.metric
    return {
        "final_improvement": found.improvement,
        "final_improvement_low": found.low,
        f"final_{metric}": found.error,
        f"final_champion_{metric}": found.opponent_error,
        "final_rows": found.n_rows,
        "final_opponent": opponent.version.version,
    }


def _number(version: Version | None) -> int | None:
    return version.version if version else None
