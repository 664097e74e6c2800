"""`python -m champion`: seeing who is champion, and changing it."""

import json
import subprocess
from pathlib import Path

import pytest

from champion import registry
from champion.base.errors import ModelError
from champion.cli import commands
from champion.data import Dataset
from tests.conftest import Home
from tests.registry.test_versions import NAME, put_forward, stages


def start(home: Home, *words: str, cold: bool = False) -> subprocess.Popen[str]:
    """Start `python -m champion` with these words."""
    return home.start("-m", "champion", *words, cold=cold)


@pytest.fixture
def versions(home: Home, small: Dataset) -> Home:
    """Register three versions: the first one was champion, the second one is, and the third one lost."""
    for trees in (3, 4, 5):
        version = put_forward(small, home, trees=trees)
        if trees < 5:
            registry.promote(version, how="final", reason=f"Forest of {trees} trees wins.")
        else:
            registry.challenge(registry.describe(version, tags={"reason": "It lost."}, description="It lost."))
    return home


@pytest.mark.usefixtures("versions")
def test_status_shows_everything(capsys: pytest.CaptureFixture[str]) -> None:
    """Who is champion since when and why, by which command; the challenger; the table of versions, uncut."""
    commands.status(None)
    shown = capsys.readouterr().out
    assert f"model       {NAME}, times in UTC\nchampion    version 2 since 20" in shown
    assert "            Forest of 4 trees wins.\n" in shown
    assert "            random_forest_4: python src/train.py model.n_estimators=4\n" in shown
    assert "challenger  version 3\n            It lost.\n" in shown
    rows = [line.split() for line in shown.splitlines()[-5:-1]]
    assert rows[0] == ["version", "stage", "aliases", "cv_rmse", "test_rmse", "run", "created"]
    assert rows[1][:5] == ["1", "Archived", "-", "0.3333", "random_forest_3"]
    assert rows[2][:6] == ["2", "Production", "champion", "-", "0.3333", "random_forest_4"]
    assert rows[3][:3] == ["3", "Staging", "challenger"]


def test_history_shows_every_change(versions: Home, capsys: pytest.CaptureFixture[str]) -> None:
    """Newest last: which version, from when until when, how, why, and by which run and command."""
    commands.history(None)
    lines = capsys.readouterr().out.splitlines()
    assert [line[:12].strip() for line in lines] == ["model", "version 1", "", "", "version 2", "", ""]
    began, until = (registry.events(NAME)[n].at[:19].replace("T", " ") for n in (0, 1))
    assert lines[1].startswith(f"version 1   {began} until {until}, final by ")
    assert f"{until} until now, final by " in lines[4]
    assert [line.strip() for line in lines[5:]] == [
        "Forest of 4 trees wins.",
        "random_forest_4: python src/train.py model.n_estimators=4",
    ]
    assert json.loads((versions.folder / "outputs" / "registry.json").read_text())[NAME]["champion"] == 2


def test_programs_read_json(versions: Home, capsys: pytest.CaptureFixture[str]) -> None:
    """With --json, status says what outputs/registry.json does, and history its part of that."""
    commands.status(None, as_json=True)
    shown = json.loads(capsys.readouterr().out)
    assert shown == json.loads((versions.folder / "outputs" / "registry.json").read_text())
    assert (shown[NAME]["champion"], shown[NAME]["challenger"]) == (2, 3)
    commands.history(NAME, as_json=True)
    assert json.loads(capsys.readouterr().out) == shown[NAME]["history"]


def test_promote_and_rollback(versions: Home, capsys: pytest.CaptureFixture[str]) -> None:
    """Any version can be made champion, and each rollback goes one champion further back."""
    commands.promote(None, 3)
    commands.promote(None, 3)
    assert capsys.readouterr().out.splitlines() == [
        f"version   {NAME} 3 in Production, champion",
        "          Promoted by hand, in place of version 2.",
        f"version   {NAME} 3 is champion already",
    ]
    assert stages(versions) == {1: "Archived", 2: "Archived", 3: "Production"}
    commands.rollback(None)
    commands.rollback(None)
    assert stages(versions) == {1: "Production", 2: "Archived", 3: "Archived"}
    with pytest.raises(ModelError, match=f"{NAME} had no champion before this one. `python -m champion promote N`"):
        commands.rollback(None)
    content = json.loads((versions.folder / "outputs" / "registry.json").read_text())[NAME]
    assert (content["champion"], content["challenger"]) == (1, None)
    assert [(event["version"], event["how"], event["reason"]) for event in content["history"]] == [
        (1, "final", "Forest of 3 trees wins."),
        (2, "final", "Forest of 4 trees wins."),
        (3, "promote", "Promoted by hand, in place of version 2."),
        (2, "rollback", "Champion again, in place of version 3."),
        (1, "rollback", "Champion again, in place of version 2."),
    ]


def test_alias_moved_elsewhere_is_mended_and_remembered(versions: Home, capsys: pytest.CaptureFixture[str]) -> None:
    """What was done in MLflow's own pages is taken over by the next look; a model of somebody else's is left alone."""
    versions.client.set_registered_model_alias(NAME, "champion", "1")
    versions.client.create_registered_model("somebody_elses")
    commands.status(None)
    shown = capsys.readouterr().out
    assert ", elsewhere\n            The alias was moved by other means.\n" in shown
    assert "somebody_elses" not in shown
    assert stages(versions) == {1: "Production", 2: "Archived", 3: "Staging"}
    commands.status("somebody_elses")
    assert "champion    none\nchallenger  none\n" in capsys.readouterr().out
    commands.rollback(None)
    assert stages(versions) == {1: "Archived", 2: "Production", 3: "Staging"}


def test_what_cannot_be_done_changes_nothing(versions: Home, small: Dataset) -> None:
    """A version that isn't there, that can't predict, or a model that must be named, is refused with its reason."""
    with pytest.raises(ModelError, match=f"Model '{NAME}' has no version 9."):
        commands.promote(None, 9)
    with pytest.raises(ModelError, match=r"There is no registered model 'houses_predictr'. Did you mean"):
        commands.status("houses_predictr")
    registry.promote(put_forward(small, versions, name="other"))
    with pytest.raises(ModelError, match=f"Several models have a champion: {NAME}, other. Choose one with --model"):
        commands.rollback(None)
    (versions.folder / "mlruns").rename(versions.folder / "lost")
    with pytest.raises(ModelError, match=f"Version 1 of {NAME} can't be champion: The files of models:/{NAME}/1 are"):
        commands.rollback(NAME)
    assert [event.version for event in registry.events(NAME)] == [1, 2]
    assert stages(versions) == {1: "Archived", 2: "Production", 3: "Staging"}


@pytest.mark.usefixtures("home")
def test_nobody_is_champion_yet() -> None:
    """An empty registry is answered with the command that fills it."""
    for look in (commands.status, commands.history, commands.rollback):
        with pytest.raises(ModelError, match=r"There is no champion yet, nor a challenger. Train one: `python src/tr"):
            look(None)


def test_two_promotions_at_once(versions: Home) -> None:
    """Two processes agree on one champion: stages are consistent, and both events are kept."""
    both = [start(versions, "promote", number, cold=number == "3") for number in ("1", "3")]
    for process in both:
        out, err = process.communicate(timeout=60)
        assert (process.returncode, err) == (0, "")
        assert "in Production, champion\n          Promoted by hand, in place of version " in out
    champion = registry.by_alias(NAME)
    assert champion is not None
    assert stages(versions) == {1: "Archived", 2: "Archived", 3: "Archived", champion.version: "Production"}
    past = registry.events(NAME)
    assert sorted(event.version or 0 for event in past) == [1, 1, 2, 3]
    assert past[-1].version == champion.version


def test_mistakes_are_answered_in_one_line(versions: Home) -> None:
    """Real commands end with status 1 and one line on stderr, whatever MLflow would like to add."""
    (versions.folder / "mlruns").rename(versions.folder / "lost")
    nowhere = f"sqlite:///{versions.folder}/nowhere.db"
    both = [start(versions, "rollback"), start(versions, "history", "--tracking-uri", nowhere)]
    says = [
        f"Error: Version 1 of {NAME} can't be champion: The files",
        "Error: There is no champion yet, nor a database",
    ]
    for process, expected in zip(both, says, strict=True):
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out, err.count("\n")) == (1, "", 1), err
        assert err.startswith(expected)


def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    """--help answers at once, names every command, and leaves nothing behind."""
    done = Home(tmp_path).run("-X", "importtime", "-m", "champion", "--help", cold=True, check=True)
    imported = {text.rpartition("|")[2].strip().partition(".")[0] for text in done.stderr.splitlines()}
    assert not imported & {"mlflow", "sklearn", "pandas", "rich"}
    assert all(f"    {word} " in done.stdout for word in ("status", "history", "promote", "rollback"))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", ["status", "history"])
def test_output_that_cannot_be_written_is_said(versions: Home, command: str) -> None:
    """On a full disk, and where its reader has seen enough, a command ends with one line and status 1."""
    with open("/dev/full", "w") as full:
        done = versions.run("-m", "champion", command, stdout=full)
    says = "Error: The standard output can't be written: No space left on device. All else is done.\n"
    assert (done.returncode, done.stderr) == (1, says)
