"""registry/: versions, aliases, stages and history in a real database."""

import json
import threading
from dataclasses import replace

import pytest
from sklearn.ensemble import RandomForestRegressor

from champion import persistence, registry
from champion.base.errors import ModelError
from champion.data import Dataset
from champion.learning import pipeline
from champion.promotion import write_rows
from champion.registry import Version
from tests.conftest import Home, recipe

NAME = "houses_predictor"


def put_forward(
    small: Dataset,
    home: Home,
    *,
    trees: int = 3,
    name: str = NAME,
    table: Dataset | None = None,
    held_out: Dataset | None = None,
) -> Version:
    """Fit a small forest in a run of its own, which keeps its training rows, and register it."""
    described = pipeline.build(recipe(small), RandomForestRegressor(trees, random_state=0))
    with home.start_run(small, name=f"random_forest_{trees}") as run:
        model_id = persistence.log_model(run.id, pipeline.fit(described, small.X, small.y).model, small)
        run.log_files(write_rows(home.folder, small))
    return registry.register(
        name,
        model_id=model_id,
        run_id=run.id,
        metrics={"test_rmse": 1 / 3, "test_r2": 0.5},
        description="A forest.",
        facts={
            "run_name": run.name,
            "command": f"python src/train.py model.n_estimators={trees}",
            "data_fingerprint": (table or small).fingerprint,
            "held_out_fingerprint": held_out.fingerprint if held_out else "",
        },
    )


def stages(home: Home, name: str = NAME) -> dict[int, str]:
    """Return the stage of every version, as MLflow's own pages show it."""
    return {int(found.version): found.current_stage for found in home.client.search_model_versions(f"name = '{name}'")}


def test_new_version_stands_nowhere_yet(home: Home, small: Dataset) -> None:
    """A registered version has number, run, command and metrics, to the last digit, and no stage before its final."""
    version = put_forward(small, home)
    assert (version.version, version.stage, version.aliases) == (1, "None", [])
    assert version.metrics == {"test_rmse": 1 / 3, "test_r2": 0.5}
    assert (version.run_name, version.command) == ("random_forest_3", "python src/train.py model.n_estimators=3")
    assert home.client.get_run(version.run_id).info.run_name == "random_forest_3"
    assert registry.by_alias(NAME) is None
    assert registry.names() == []


def test_promotion_moves_alias_tag_and_stages(home: Home, small: Dataset) -> None:
    """There is one champion, in Production; the one before it goes to Archived."""
    first, second = put_forward(small, home), put_forward(small, home, trees=4)
    registry.promote(first)
    registry.promote(second)
    stands = [registry.get(NAME, number) for number in (1, 2)]
    assert [version.stage for version in stands] == ["Archived", "Production"]
    assert [version.aliases for version in stands] == [[], ["champion"]]
    tags = [home.client.get_model_version(NAME, str(number)).tags.get("champion") for number in (1, 2)]
    assert tags == [None, "true"]
    assert registry.by_alias(NAME) == stands[1]
    assert registry.names() == [NAME]


def test_interrupted_promotion_is_mended_by_the_next(home: Home, small: Dataset) -> None:
    """Aliases are the truth: stages that an interrupted promotion left behind are put right."""
    for trees in (3, 4, 5):
        put_forward(small, home, trees=trees)
    registry.promote(registry.get(NAME, 1))
    home.client.set_registered_model_alias(NAME, "champion", "2")  # and then the process was killed
    registry.promote(registry.get(NAME, 3))
    assert stages(home) == {1: "Archived", 2: "Archived", 3: "Production"}


def test_loser_is_challenger_in_staging(home: Home, small: Dataset) -> None:
    """The last version that lost has the alias; the one before it goes to Archived, and so does one that wins later."""
    for trees in (3, 4, 5):
        put_forward(small, home, trees=trees)
    registry.promote(registry.get(NAME, 1))
    registry.challenge(registry.get(NAME, 2))
    assert registry.challenge(registry.get(NAME, 3)).aliases == ["challenger"]
    assert stages(home) == {1: "Production", 2: "Archived", 3: "Staging"}
    assert registry.promote(registry.get(NAME, 3)).aliases == ["champion"]
    assert stages(home) == {1: "Archived", 2: "Archived", 3: "Production"}


def test_promotions_at_once_leave_one_champion(home: Home, small: Dataset) -> None:
    """Without the lock too, as on two machines: stages and tags are those of whoever has the alias in the end."""
    for trees in (3, 4, 5):
        put_forward(small, home, trees=trees)
    threads = [threading.Thread(target=registry.promote, args=(registry.get(NAME, n),)) for n in (1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    champion = registry.by_alias(NAME)
    assert champion is not None
    assert stages(home)[champion.version] == "Production"
    assert sorted(stages(home).values()) == ["Archived", "Archived", "Production"]
    tagged = [n for n in (1, 2, 3) if home.client.get_model_version(NAME, str(n)).tags.get("champion") == "true"]
    assert tagged == [champion.version]
    assert {event.version for event in registry.events(NAME)} == {1, 2, 3}


def test_every_change_of_champion_is_an_event(home: Home, small: Dataset) -> None:
    """Version, how, why, run and command stand among the model's tags, in the order in which they happened."""
    first, second = put_forward(small, home), put_forward(small, home, trees=4)
    registry.promote(first, how="final", reason="Champion as the first of its name.")
    registry.promote(second, reason="Promoted by hand.")
    registry.promote(second, reason="Nothing changes.")
    past = registry.events(NAME)
    assert [(event.version, event.how, event.reason) for event in past] == [
        (1, "final", "Champion as the first of its name."),
        (2, "promote", "Promoted by hand."),
    ]
    assert (past[1].run_name, past[1].run_id, past[1].command) == (
        second.run_name,
        second.run_id,
        "python src/train.py model.n_estimators=4",
    )
    assert "@" in past[1].by
    assert past[0].at < past[1].at


def test_alias_moved_by_other_means_is_noticed(home: Home, small: Dataset) -> None:
    """The alias is the truth whoever moved it, and the next command remembers that it was."""
    for trees in (3, 4, 5):
        put_forward(small, home, trees=trees)
    home.client.set_registered_model_alias(NAME, "champion", "1")  # before there was a history
    registry.promote(registry.get(NAME, 2))
    home.client.delete_registered_model_alias(NAME, "champion")
    registry.challenge(registry.get(NAME, 3))
    registry.notice(NAME)
    assert [(event.version, event.how) for event in registry.events(NAME)] == [
        (1, "elsewhere"),
        (2, "promote"),
        (None, "elsewhere"),
    ]
    assert stages(home) == {1: "Archived", 2: "Archived", 3: "Staging"}


def test_event_fits_a_tag_and_somebody_elses_tag_is_none(home: Home, small: Dataset) -> None:
    """However long reason and command are, the tag stays below 5,000 characters; a note under a like key is skipped."""
    version = put_forward(small, home)
    home.client.set_registered_model_tag(NAME, "history.note", "moved by Kim")
    registry.promote(replace(version, command="c" * 9000, run_name="n" * 9000), reason="r" * 9000)
    tags = home.client.get_registered_model(NAME).tags
    assert all(len(value) < 5000 for value in tags.values())
    [event] = registry.events(NAME)
    assert event.version == 1


EVENTS: dict[str, tuple[list[tuple[int | None, str]], set[int], int | None]] = {
    "nothing": ([], {1}, None),
    "the first": ([(1, "final")], {1}, None),
    "the one before": ([(1, "final"), (2, "final")], {1, 2}, 1),
    "two back": ([(1, "final"), (2, "final"), (3, "final"), (2, "rollback")], {1, 2, 3}, 1),
    "no further": ([(1, "final"), (2, "final"), (1, "rollback")], {1, 2}, None),
    "on after a rollback": ([(1, "final"), (2, "final"), (1, "rollback"), (3, "promote")], {1, 2, 3}, 1),
    "deleted": ([(1, "final"), (2, "final"), (3, "final")], {1, 3}, 1),
    "rolled back over a deleted one": ([(1, "final"), (2, "final"), (3, "final"), (1, "rollback")], {1, 3}, None),
    "itself": ([(1, "final"), (3, "final"), (2, "promote"), (3, "promote")], {1, 3}, 1),
    "dismissed": ([(1, "final"), (2, "final"), (None, "elsewhere")], {1, 2}, 2),
    "back by other means": ([(1, "final"), (2, "final"), (1, "elsewhere")], {1, 2}, 2),
}


@pytest.mark.parametrize("case", EVENTS)
def test_the_one_before_is_found_in_the_history(case: str) -> None:
    """A rollback takes back what came after the version it went back to; versions that are gone are skipped."""
    past, existing, expected = EVENTS[case]
    events = [registry.Event(version, "2026-01-01T00:00:00+00:00", how, "", "", "", "", "") for version, how in past]
    assert registry.before(events, existing) == expected


def test_version_that_cannot_predict_is_refused(home: Home, small: Dataset) -> None:
    """A version is tried on its own example rows before it may be champion."""
    version = put_forward(small, home)
    registry.try_out(version)
    [example] = (home.folder / "mlruns").rglob("input_example.json")
    example.write_text('{"columns": ["size", "age", "place"], "data": [["large", "old", 3]]}')
    with pytest.raises(
        ModelError, match="can't predict its own input example: Column 'size' must hold a finite number"
    ):
        registry.try_out(version)


def test_size_of_the_saved_model_is_known(home: Home, small: Dataset) -> None:
    """In megabytes, and more trees take more of them."""
    few, many = (registry.model_mb(put_forward(small, home, trees=trees)) for trees in (3, 30))
    assert 0.001 < few < many < 2


def test_only_models_with_a_past_are_ours(home: Home, small: Dataset) -> None:
    """A shared registry holds models of others too."""
    home.client.create_registered_model("somebody_elses")
    registry.challenge(put_forward(small, home))
    assert registry.names_with_a_past() == [NAME]
    assert registry.names() == []


def test_loaded_version_predicts(home: Home, small: Dataset) -> None:
    """What comes back from the registry is the pipeline that went in, with its columns and example rows."""
    version = put_forward(small, home)
    stored = registry.load(version)
    assert [(column.name, column.type, column.required) for column in stored.schema.columns] == [
        ("size", "double", True),
        ("age", "double", True),
        ("place", "string", True),
    ]
    assert stored.pipeline.predict(stored.example) == pytest.approx(small.y.head(3), rel=0.5)


def test_version_whose_files_are_gone_is_said(home: Home, small: Dataset) -> None:
    """A registry entry without files is answered, not a traceback."""
    version = put_forward(small, home)
    (home.folder / "mlruns").rename(home.folder / "elsewhere")
    with pytest.raises(ModelError, match="The files of models:/houses_predictor/1 are gone"):
        registry.load(version)


@pytest.mark.parametrize(("name", "number"), [(NAME, 7), ("nobody", 1)])
def test_version_that_isnt_there_is_said(home: Home, small: Dataset, name: str, number: int) -> None:
    """A wrong name and a wrong number get the same kind of answer."""
    put_forward(small, home)
    with pytest.raises(ModelError, match=f"Model '{name}' has no version {number}"):
        registry.get(name, number)


def test_export_is_readable(home: Home, small: Dataset) -> None:
    """outputs/registry.json says who is champion and challenger, and lists all versions and changes of champion."""
    registry.promote(put_forward(small, home), reason="Somebody has to be.")
    registry.challenge(put_forward(small, home, trees=4))
    content = json.loads(registry.export().read_text())[NAME]
    assert (content["champion"], content["challenger"]) == (1, 2)
    assert content["versions"] == [vars(registry.get(NAME, 1)), vars(registry.get(NAME, 2))]
    assert content["history"] == [vars(event) for event in registry.events(NAME)]
    assert content["history"][0]["reason"] == "Somebody has to be."


@pytest.mark.usefixtures("home")
def test_one_decision_at_a_time() -> None:
    """Whoever decides about the champion does so alone."""
    order: list[str] = []

    def other() -> None:
        with registry.locked():
            order.append("other")

    with registry.locked():
        thread = threading.Thread(target=other)
        thread.start()
        thread.join(timeout=0.3)
        order.append("first")
    thread.join(timeout=10)
    assert order == ["first", "other"]


def test_serve_command_is_bare_for_the_only_champion_at_home(home: Home, small: Dataset) -> None:
    """The command that is shown works as it stands, however many models have champions."""
    registry.promote(put_forward(small, home))
    assert registry.serve_command(NAME) == "python serve.py"
    registry.promote(put_forward(small, home, name="other"))
    assert registry.serve_command(NAME) == f"python serve.py --model {NAME}"
