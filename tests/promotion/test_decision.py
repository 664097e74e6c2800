"""decision.py: the final between challenger and champion."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import Pipeline

from champion import persistence, promotion, registry
from champion.data import Dataset, split
from champion.data.task import classification
from champion.learning import learner, pipeline
from champion.learning.finalist import Finalist
from champion.promotion import Decision
from champion.promotion.rule import Rule
from tests.conftest import Home, dataset, recipe
from tests.registry.test_versions import NAME, put_forward, stages

RULE = Rule(min_improvement=0.0, confidence=0.95, resamples=500, max_model_mb=None, max_ms_per_row=None)


def meet(
    home: Home, table: Dataset, *, off: float | None, seed: int = 42, rule: Rule = RULE, test: Dataset | None = None
) -> Decision:
    """Register a forest for the table's training rows and let it meet the champion.

    Its predictions on the held-out rows are `off` by so many dollars, more or less; None: they are the forest's own.
    """
    train, held_out = split.hold_out(table, test_size=0.4, seed=seed)
    version = put_forward(train, home, table=table, held_out=held_out)
    test = test or held_out
    pipeline = registry.load(version).pipeline
    noise = np.random.default_rng(seed).uniform(0.5, 1.5, len(test)) * (off or 0)
    predicted = pipeline.predict(test.X) if off is None else test.y.to_numpy() + noise
    finalist = Finalist(pipeline, 0.0, predicted, {})
    return promotion.final(version, finalist, test=test, rule=rule, seed=seed)


def test_first_of_its_name_is_champion(home: Home, small: Dataset) -> None:
    """Somebody has to be."""
    decision = meet(home, small, off=1e9)
    assert (decision.promoted, decision.reason) == (True, "Champion as the first of its name.")
    assert registry.get(NAME, 1).stage == "Production"


def test_better_challenger_wins_and_says_why(home: Home, small: Dataset) -> None:
    """A lower error beyond chance takes the place; numbers and reason stand in the registry."""
    meet(home, small, off=None)
    decision = meet(home, small, off=2000.0)
    assert decision.promoted
    assert decision.reason.startswith("RMSE 2,")
    assert "below version 1's" in decision.reason
    assert "on the same 80 rows; with 95 % confidence it is at least 9" in decision.reason
    winner = registry.get(NAME, 2)
    assert (winner.aliases, winner.decision, winner.reason) == (["champion"], "promoted", decision.reason)
    assert winner.description == f"A forest. {decision.reason}"
    assert decision.numbers.items() <= winner.metrics.items()
    assert (winner.metrics["final_rows"], winner.metrics["final_opponent"]) == (80, 1)
    assert 0.9 < winner.metrics["final_improvement_low"] < winner.metrics["final_improvement"] < 1
    assert stages(home) == {1: "Archived", 2: "Production"}
    assert [(event.version, event.how, event.reason) for event in registry.events(NAME)] == [
        (1, "final", "Champion as the first of its name."),
        (2, "final", decision.reason),
    ]


def test_worse_challenger_stays_in_staging(home: Home, small: Dataset) -> None:
    """The champion keeps its place, whatever metrics it was registered with: it is scored again."""
    meet(home, small, off=None)
    decision = meet(home, small, off=1e7)
    assert not decision.promoted
    assert "above version 1's" in decision.reason
    loser = registry.get(NAME, 2)
    assert (loser.stage, loser.aliases, loser.decision) == ("Staging", ["challenger"], "kept in Staging")
    assert registry.by_alias(NAME) == registry.get(NAME, 1)


def test_tie_keeps_the_champion(home: Home, small: Dataset) -> None:
    """The same model again is no better one."""
    meet(home, small, off=None)
    decision = meet(home, small, off=None)
    assert not decision.promoted
    assert decision.reason.endswith("on the same 80 rows, and a tie keeps the champion.")


def test_improvement_that_may_be_chance_is_not_enough(home: Home, small: Dataset) -> None:
    """A lower error wins with less confidence asked for, and loses with more, or with more improvement."""
    meet(home, small, off=None)
    champion = registry.load(registry.get(NAME, 1)).pipeline
    _, test = split.hold_out(small, test_size=0.4, seed=42)
    predicted = champion.predict(test.X)
    misses = np.abs(predicted - test.y.to_numpy())
    predicted[np.argsort(misses)[-3]] = test.y.to_numpy()[np.argsort(misses)[-3]]  # one row better, no row worse
    finalist = Finalist(champion, 0.0, predicted, {})
    for rule, promoted in (
        (RULE, False),
        (replace(RULE, min_improvement=0.5), False),
        (replace(RULE, confidence=0.5), True),
    ):
        version = put_forward(small, home)
        decision = promotion.final(version, finalist, test=test, rule=rule, seed=1)
        assert decision.promoted == promoted, decision.reason


def test_rows_that_the_champion_learned_from_do_not_count(home: Home, small: Dataset) -> None:
    """With another seed, only those are counted that neither model has seen."""
    meet(home, small, off=None, seed=1)
    decision = meet(home, small, off=10.0, seed=2)
    n = int(decision.numbers["final_rows"])
    assert 30 <= n < 50
    assert f"on the {n} of 80 held-out rows that version 1 did not learn from" in decision.reason
    assert "other data" not in decision.reason


def test_data_that_has_grown_is_said(home: Home, small: Dataset) -> None:
    """Champion and challenger had different tables: their fingerprints are named."""
    less = small.take(np.arange(150))
    meet(home, less, off=None)
    decision = meet(home, small, off=10.0)
    assert "held-out rows that version 1 did not learn from" in decision.reason
    ours, theirs = (registry.get(NAME, number).data_fingerprint for number in (2, 1))
    assert decision.reason.endswith(f"Version 1 was made with other data (fingerprint {theirs}, not {ours}).")


def test_too_few_new_rows_keep_the_champion(home: Home, small: Dataset) -> None:
    """The reason says what to do."""
    meet(home, small, off=None, seed=1)
    _, test = split.hold_out(small, test_size=0.1, seed=2)
    decision = meet(home, small, off=10.0, seed=2, test=test)
    assert not decision.promoted
    assert decision.reason.startswith("A final needs 30 rows, and could only be held on the ")
    assert decision.reason.endswith("or decide yourself: `python -m champion promote 2`.")


def test_rows_that_cannot_be_told_apart_all_count(home: Home, small: Dataset) -> None:
    """Where the champion's run is gone, or its columns are others, the reason says that nothing tells."""
    meet(home, small, off=None, seed=1)
    wider = dataset(small.X.assign(rooms=range(3, 603, 3)), small.y)
    assert "on all 80 held-out rows (it can't be told which" in meet(home, wider, off=1e7, seed=2).reason
    home.client.delete_run(registry.get(NAME, 1).run_id)
    [kept, *_] = (home.folder / "mlruns").rglob(f"{registry.get(NAME, 1).run_id}/artifacts/train_rows.npy")
    kept.unlink()
    decision = meet(home, small, off=10.0, seed=2)
    assert decision.promoted
    assert "on all 80 held-out rows (it can't be told which of them version 1 learned from)" in decision.reason


def test_champion_that_lacks_a_column_keeps_its_place(home: Home, small: Dataset) -> None:
    """Without a fair comparison nothing is promoted."""
    meet(home, small, off=None)
    decision = meet(home, dataset(small.X.drop(columns="age"), small.y), off=0.0)
    assert not decision.promoted
    assert "version 1 can't be scored on these columns as regression" in decision.reason
    assert (
        "`python -m champion promote 2` lets this one follow it, another registered_model keeps both."
        in decision.reason
    )


def test_champion_without_files_loses(home: Home, small: Dataset) -> None:
    """A champion that can't be loaded can't be served either."""
    meet(home, small, off=None)
    model_id = home.client.get_model_version(NAME, "1").source.removeprefix("models:/")
    [folder] = [path for path in (home.folder / "mlruns").rglob(model_id) if path.is_dir()]
    folder.rename(home.folder / "lost")
    decision = meet(home, small, off=1e9)
    assert decision.promoted
    assert "version 1 can't be loaded" in decision.reason


def lose_champion(home: Home, small: Dataset, *, files: bool = False) -> None:
    """Leave a challenger, the forest's own predictions, whose champion was deleted or has lost its files."""
    meet(home, small, off=10.0)
    assert not meet(home, small, off=None).promoted
    if files:
        model_id = home.client.get_model_version(NAME, "1").source.removeprefix("models:/")
        [folder] = [path for path in (home.folder / "mlruns").rglob(model_id) if path.is_dir()]
        folder.rename(home.folder / "lost")
    else:
        home.client.delete_model_version(NAME, "1")  # as in MLflow's pages, which take its alias away, too


@pytest.mark.parametrize("files", [False, True])
def test_champion_that_is_gone_is_followed_by_the_challenger_where_that_is_better(
    home: Home, small: Dataset, files: bool
) -> None:
    """A worse newcomer is no champion just because it came when there was none: it is challenger now."""
    lose_champion(home, small, files=files)
    decision = meet(home, small, off=1e7)
    assert not decision.promoted
    assert "above version 2's" in decision.reason
    assert f"on the same 80 rows. Version 2 is champion, as {'version 1 can' if files else 'there was'}" in (
        decision.reason
    )
    heir, newcomer = registry.get(NAME, 2), registry.get(NAME, 3)
    assert (heir.aliases, heir.stage) == (["champion"], "Production")
    assert (newcomer.aliases, newcomer.decision) == (["challenger"], "kept in Staging")
    assert newcomer.metrics["final_opponent"] == 2
    last = registry.events(NAME)[-1]
    assert (last.version, last.how, last.reason[:30]) == (2, "final", f"Version 3: {decision.reason}"[:30])


def test_champion_that_is_gone_is_followed_by_a_newcomer_that_is_better(home: Home, small: Dataset) -> None:
    """Nobody has a place to defend, so no confidence is asked for; the challenger stays what it is."""
    lose_champion(home, small)
    decision = meet(home, small, off=2000.0, rule=replace(RULE, min_improvement=0.9999))
    assert decision.promoted
    assert decision.reason.startswith("Champion, as there was none. RMSE 2,")
    assert decision.reason.endswith("on the same 80 rows.")
    assert registry.get(NAME, 3).aliases == ["champion"]
    assert registry.get(NAME, 2).aliases == ["challenger"]


def test_tie_for_the_place_of_a_champion_that_is_gone_goes_to_the_challenger(home: Home, small: Dataset) -> None:
    """The one that came first has it."""
    lose_champion(home, small)
    decision = meet(home, small, off=None)
    assert "is version 2's too on the same 80 rows. Version 2 is champion, as there was none." in decision.reason
    assert registry.get(NAME, 2).aliases == ["champion"]


def test_limits_hold_for_the_place_of_a_champion_that_is_gone(home: Home, small: Dataset) -> None:
    """A challenger over a limit isn't made champion, nor is a newcomer over it: then the challenger is."""
    lose_champion(home, small)
    decision = meet(home, small, off=0.0, rule=replace(RULE, max_ms_per_row=10_000, max_model_mb=0.01))
    assert (decision.promoted, decision.successor) == (False, None)
    home.client.set_registered_model_alias(NAME, "challenger", "2")
    measured = registry.model_mb(registry.get(NAME, 2))
    many = replace(small, X=pd.concat([small.X] * 3, ignore_index=True), y=pd.concat([small.y] * 3, ignore_index=True))
    decision = meet(home, many, off=0.0, rule=replace(RULE, max_model_mb=measured * 1.01))
    assert decision.reason.endswith(". Version 2 is champion, as there was none.")
    assert registry.get(NAME, 2).aliases == ["champion"]


def test_challenger_that_cannot_be_scored_makes_room(home: Home, small: Dataset) -> None:
    """With other columns nothing can be compared, and the newcomer is champion as it would be without a challenger."""
    lose_champion(home, small)
    decision = meet(home, dataset(small.X.drop(columns="age"), small.y), off=0.0)
    assert (decision.promoted, decision.reason) == (True, "Champion, as there was none.")


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        (replace(RULE, max_model_mb=0.01), "MB, more than final.max_model_mb=0.01."),
        (replace(RULE, max_ms_per_row=0.01), "ms, more than final.max_ms_per_row=0.01."),
    ],
)
def test_model_over_a_limit_is_no_champion(home: Home, small: Dataset, rule: Rule, says: str) -> None:
    """Not even as the first of its name: it stays in Staging, and the next one that keeps the limits is champion."""
    decision = meet(home, small, off=0.0, rule=rule)
    assert not decision.promoted
    assert decision.reason.endswith(says)
    assert registry.by_alias(NAME) is None
    assert registry.get(NAME, 1).aliases == ["challenger"]
    decision = meet(home, small, off=0.0, rule=replace(RULE, max_model_mb=100, max_ms_per_row=10_000))
    assert (decision.promoted, decision.reason) == (True, "Champion, as there was none.")


class Slow(Pipeline):  # type: ignore[misc]
    """A pipeline so slow that somebody on another machine moves the alias while it predicts its first row."""

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        """Let the other one act, once."""
        if registry.get(NAME, 1).aliases:
            MlflowClient().set_registered_model_alias(NAME, "champion", "2")
        return np.zeros(len(X))


def test_champion_of_another_machine_is_met_too(home: Home, small: Dataset) -> None:
    """Where the alias moves between comparison and promotion, the final is held again against the new champion."""
    meet(home, small, off=None)
    train, test = split.hold_out(small, test_size=0.4, seed=42)
    put_forward(train, home, trees=30, held_out=test)
    finalist = Finalist(Slow([]), 0.0, test.y.to_numpy() + 10.0, {})
    rule = replace(RULE, max_ms_per_row=10_000)
    decision = promotion.final(put_forward(train, home, held_out=test), finalist, test=test, rule=rule, seed=1)
    assert decision.promoted
    assert decision.numbers["final_opponent"] == 2
    assert [event.how for event in registry.events(NAME)] == ["final", "elsewhere", "final"]
    assert stages(home) == {1: "Archived", 2: "Archived", 3: "Production"}


def classes(small: Dataset, *, names: dict[str, str] | None = None) -> Dataset:
    """Ask for the place instead of the price, perhaps under other names."""
    y = small.X["place"].replace(names or {})
    return dataset(small.X[["size", "age"]].assign(price=small.y), y, task=classification(tuple(sorted(y.unique()))))


def meet_for_classes(home: Home, table: Dataset, *, trees: int) -> Decision:
    """Register a forest of so many trees that tells the classes apart, and let it meet the champion."""
    train, test = split.hold_out(table, test_size=0.4, seed=42)
    forest = learner.for_task(table.task, RandomForestClassifier(trees, min_samples_leaf=5, random_state=0))
    fitted = pipeline.fit(pipeline.build(recipe(train), forest), train.X, train.y).model
    with home.start_run(train, name=f"random_forest_{trees}") as run:
        model_id = persistence.log_model(run.id, fitted, train)
        run.log_files(promotion.write_rows(home.folder, train))
    facts = {"held_out_fingerprint": test.fingerprint}
    version = registry.register(NAME, model_id=model_id, run_id=run.id, metrics={}, description="", facts=facts)
    finalist = Finalist(fitted, 0.0, pipeline.predict(fitted, test.X, task=table.task), {})
    return promotion.final(version, finalist, test=test, rule=RULE, seed=42)


def test_classes_are_decided_by_their_log_loss(home: Home, small: Dataset) -> None:
    """Of two forests the one whose probabilities are better wins, and the reason says by how much."""
    meet_for_classes(home, classes(small), trees=1)
    decision = meet_for_classes(home, classes(small), trees=60)
    assert decision.promoted, decision.reason
    assert decision.reason.startswith("Log loss ")
    assert "below version 1's" in decision.reason
    assert {"final_log_loss", "final_champion_log_loss"} <= set(decision.numbers)
    assert registry.get(NAME, 2).metrics["final_log_loss"] == decision.numbers["final_log_loss"]


def test_champion_that_knows_other_classes_is_scored_on_those_it_knows(home: Home, small: Dataset) -> None:
    """A class that the champion never saw is one that it can't predict: that counts, and nothing fails."""
    meet_for_classes(home, classes(small, names={"town": "sea"}), trees=60)
    decision = meet_for_classes(home, classes(small), trees=60)
    assert decision.promoted, decision.reason


def test_champion_of_another_task_keeps_its_place(home: Home, small: Dataset) -> None:
    """A model of prices can't be compared with one of classes: the reason says so."""
    meet(home, small, off=None)
    decision = meet_for_classes(home, classes(small), trees=5)
    assert not decision.promoted
    assert "version 1 can't be scored on these columns" in decision.reason
