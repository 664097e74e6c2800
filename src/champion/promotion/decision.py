"""Decides whether a challenger becomes champion: it must beat the champion on the same held-out rows beyond chance."""

from dataclasses import dataclass, field
from tempfile import TemporaryDirectory

import numpy as np

from champion import evaluation, registry, tracking
from champion.data import Dataset
from champion.errors import ChampionError, ModelError
from champion.finalist import Finalist
from champion.pipeline import predict
from champion.promotion import rows, wording
from champion.promotion.comparison import Comparison, compare
from champion.promotion.rows import Counted
from champion.promotion.rule import Rule
from champion.registry import Stored, Version


@dataclass(frozen=True)
class Decision:
    """Who won the final, and why; `numbers` are what the comparison showed, where there was one."""

    promoted: bool
    reason: str
    numbers: dict[str, float] = field(default_factory=dict)

    @property
    def tags(self) -> dict[str, str]:
        """What the version and its run say of the final."""
        return {"decision": "promoted" if self.promoted else "kept in Staging", "reason": self.reason}


def final(challenger: Version, finalist: Finalist, *, test: Dataset, rule: Rule, seed: int) -> Decision:
    """Let the challenger meet the champion on the rows of `test`, and promote it if it wins.

    Decision, numbers and reason are written to the challenger's version; one that loses stays in Staging. A champion
    that can't be scored on these rows keeps its place, as nothing says that the challenger is better; one whose files
    are gone does not. Equal seeds draw equal resamples.
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
            registry.challenge(described)
        registry.export()
    return decision


def _decide(
    challenger: Version, finalist: Finalist, champion: Version | None, *, test: Dataset, rule: Rule, seed: int
) -> Decision:
    if excess := _excess(challenger, finalist, test=test, rule=rule):
        return Decision(False, excess)
    if champion is None:
        first = challenger.version == 1
        return Decision(True, "Champion as the first of its name." if first else "Champion, as there was none.")
    opponent = f"version {champion.version}"
    try:
        stored = registry.load(champion)
    except ModelError as error:
        return Decision(True, f"Champion, as {opponent} can't be loaded: {error}")
    try:
        theirs = evaluation.losses(test.y, predict(stored.pipeline, test.X, task=test.task), test.task)
    except (ChampionError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        says = f"Champion {opponent} can't be scored on these columns as {test.task.name}: {reason}"
        command = registry.promote_command(challenger.name, challenger.version)
        return Decision(False, f"{says}. `{command}` lets this one follow it, another registered_model keeps both.")
    counted = _count(test, champion, stored)
    if not counted.enough:
        return Decision(False, _too_few(challenger, counted))
    ours, metric = evaluation.losses(test.y, finalist.predicted, test.task), test.task.metric
    found = compare(
        ours[counted.mask],
        theirs[counted.mask],
        metric=metric,
        confidence=rule.confidence,
        resamples=rule.resamples,
        seed=seed,
    )
    said = wording.outcome(
        found,
        metric=metric,
        opponent=opponent,
        rows=counted.said,
        min_improvement=rule.min_improvement,
        confidence=rule.confidence,
    )
    return Decision(
        promoted=found.low > rule.min_improvement,
        reason=said + _other_data(challenger, champion),
        numbers=_numbers(found, metric) | {"final_opponent": champion.version},
    )


def _excess(challenger: Version, finalist: Finalist, *, test: Dataset, rule: Rule) -> str:
    """Return which limit the challenger's model breaks, or nothing; what has no limit isn't measured."""
    if rule.max_model_mb and (size := registry.model_mb(challenger)) > rule.max_model_mb:
        return f"The saved model takes {size:,.4g} MB, more than final.max_model_mb={rule.max_model_mb:g}."
    if rule.max_ms_per_row and (needed := evaluation.ms_per_row(finalist.model, test.X)) > rule.max_ms_per_row:
        return f"Predicting one row takes {needed:,.3g} ms, more than final.max_ms_per_row={rule.max_ms_per_row:g}."
    return ""


def _count(test: Dataset, champion: Version, stored: Stored) -> Counted:
    """Return the rows that are fair to both: the champion may have learned from some that are held out now."""
    if champion.held_out_fingerprint == test.fingerprint:
        return rows.the_same(test)
    opponent = f"version {champion.version}"
    learned = _learned_by(champion) if _same_columns(test, stored) else None
    return rows.unknown(test, by=opponent) if learned is None else rows.unlearned(test, learned, by=opponent)


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


def _numbers(found: Comparison, metric: str) -> dict[str, float]:
    return {
        "final_improvement": found.improvement,
        "final_improvement_low": found.low,
        f"final_{metric}": found.error,
        f"final_champion_{metric}": found.opponent_error,
        "final_rows": found.n_rows,
    }


def _number(version: Version | None) -> int | None:
    return version.version if version else None
