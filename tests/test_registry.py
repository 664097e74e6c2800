"""registry.py: versions, aliases and stages in a real database."""

import json
import threading

import pytest
from sklearn.ensemble import RandomForestRegressor

from champion import features, pipeline, registry, tracking
from champion.data import Dataset
from champion.errors import ModelError
from champion.registry import Version
from tests.conftest import Home

NAME = "houses_predictor"


def put_forward(small: Dataset, home: Home, *, trees: int = 3, name: str = NAME) -> Version:
    """Fit a small forest in a run of its own and register it."""
    described = pipeline.build(features.plain(small.X, max_categories=20), RandomForestRegressor(trees, random_state=0))
    with tracking.start_run(
        "houses_prediction",
        name=f"random_forest_{trees}",
        artifacts=str(home.folder / "mlruns"),
        folder=home.folder,
        dataset=small,
        params={"n_estimators": trees},
        tags={},
        config="seed: 42",
    ) as run:
        model_id = run.log_model(pipeline.fit(described, small.X, small.y).model, small)
    metrics = {"test_rmse": 1 / 3, "test_r2": 0.5}
    return registry.register(name, model_id=model_id, run_id=run.id, metrics=metrics, description="A forest.")


def test_new_version_stands_in_staging_with_its_metrics(home: Home, small: Dataset) -> None:
    """A registered version has number, stage, run and metrics, to the last digit."""
    version = put_forward(small, home)
    assert (version.version, version.stage, version.aliases) == (1, "Staging", [])
    assert version.metrics == {"test_rmse": 1 / 3, "test_r2": 0.5}
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
    assert [registry.get(NAME, number).stage for number in (1, 2, 3)] == ["Archived", "Staging", "Production"]


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
    """outputs/registry.json lists every version with stage, aliases, metrics and when it was created."""
    registry.promote(put_forward(small, home))
    put_forward(small, home, trees=4)
    (home.folder / "outputs").mkdir(exist_ok=True)
    content = json.loads(registry.export().read_text())
    assert {version["version"]: version["stage"] for version in content[NAME]} == {1: "Production", 2: "Staging"}
    assert content[NAME][0] == vars(registry.get(NAME, content[NAME][0]["version"]))


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
