"""README.md: what it says is what happens."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from champion.__main__ import parse
from tests import documents, python
from tests.conftest import REPOSITORY, Home
from tests.documents import Page

PAGE = Page(REPOSITORY / "README.md")
README, block = PAGE.text, PAGE.block
COMMANDS = [one.text for one in PAGE.blocks if one.kind == "bash"]


def test_readme_is_short() -> None:
    """A newcomer reads it in one go."""
    assert README.count("\n") < 240


@pytest.mark.everything
def test_first_command_prints_what_the_readme_shows(housing: Home) -> None:
    """The first training of a fresh clone prints the lines of the README, its figures included."""
    shown = block("data ")
    printed = (housing.folder / "first" / "console.txt").read_text()
    printed = printed.replace(f"{housing.folder}/", "")
    printed = re.sub(r"mlflow ui .*", "mlflow ui", printed)
    documents.assert_shown(printed, shown)


@pytest.mark.everything
def test_curl_example_answers_what_the_readme_shows(housing: Home) -> None:
    """The README's request gets {"predictions": [a price]}, as a prediction of the model it trains."""
    answer = json.loads(block('{"predictions"'))
    with housing.serve() as url:
        request = block("curl").replace("http://localhost:5001", url)
        got = json.loads(subprocess.run(shlex.split(request), capture_output=True, check=True).stdout)
    assert got["predictions"] == pytest.approx(answer["predictions"], rel=0.01)


def test_train_commands_compose() -> None:
    """Every line of the block on training is a command that Hydra accepts."""
    lines = [shlex.split(line, comments=True) for line in block("python src/train.py --help").splitlines()]
    own = [shlex.split(line, comments=True) for line in block("python src/train.py data=csv").splitlines()]
    lines += [line for line in own[:2] if line[1] == "src/train.py"]
    for line in lines:
        shown = [part for part in line if part != "-m"]
        if "-m" in line:
            shown = [part.partition(",")[0] for part in shown]
        done = python.run(*shown[1:], *(["--cfg", "job"] if "--help" not in shown else []))
        assert done.returncode == 0, line


@pytest.mark.parametrize("line", block("python src/train.py -m").splitlines())
def test_sweep_commands_have_a_space(line: str) -> None:
    """Every line of the block on sweeps is a command that finds something to search."""
    words = shlex.split(line, comments=True)
    assert words[:3] == ["python", "src/train.py", "-m"]
    documents.get_ready()
    found = documents.space(words[3:])
    assert found.names
    assert (len(found.grid(30) or ()) == 3) == ("4,6,8" in line)


def test_champion_commands_are_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every line of the block on the champion is a command; tests/cli/test_commands.py shows what each one does."""
    for line in block("python -m champion status").splitlines():
        words = shlex.split(line, comments=True)
        assert words[:3] == ["python", "-m", "champion"]
        monkeypatch.setattr(sys, "argv", words[2:])
        assert parse().command == words[3]


def test_a_model_is_one_file(home: Home, tmp_path: Path) -> None:
    """The file of the README, put into conf/model, trains and registers."""
    conf = tmp_path / "more" / "model"
    conf.mkdir(parents=True)
    (conf / "extra_trees.yaml").write_text(block("# Forests with random cuts"))
    assert yaml.safe_load(block("# Forests"))["_target_"] == "sklearn.ensemble.ExtraTreesRegressor"
    small = ["model.n_estimators=10", "data.sample=1000", "n_splits=2"]
    done = home.train("--config-dir", str(conf.parent), "model=extra_trees", *small)
    assert done.returncode == 0, done.stderr
    assert "housing_price_predictor 1 in Production, champion" in done.stdout
    assert home.statuses() == {"extra_trees_10": ["FINISHED"]}


def test_a_dataset_gets_its_own_file_in_one_step(home: Home, tmp_path: Path) -> None:
    """The README's command, typed as it is, writes the file by which the table has a name from then on."""
    rows = [f"{size},{size * 1000}" for size in range(0, 300, 3)]
    (tmp_path / "houses.csv").write_text("\n".join(["size,price", *rows]))
    line = next(line for line in block("python src/train.py data=csv").splitlines() if "--cfg job" in line)
    written = home.train(*shlex.split(line.partition(" > ")[0])[2:], cwd=tmp_path)
    assert written.returncode == 0, written.stderr
    (conf := tmp_path / "more" / "data").mkdir(parents=True)
    (conf / "houses.yaml").write_text(written.stdout)
    done = home.train("--config-dir", str(conf.parent), "data=houses", "experiment=quick", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "houses: 100 rows, 1 column to predict price" in done.stdout


def test_tree_names_what_is_there() -> None:
    """Every path of the README's tree exists, but those that a run makes."""
    named = [line.split("  ")[0].strip() for line in block("conf/  ").splitlines()]
    for entry in named:
        for path in entry.split():
            places = [REPOSITORY / path, REPOSITORY / "conf" / path]
            assert path in ("mlflow.db", "mlruns/") or any(place.exists() for place in places), path


def test_number_of_tests_is_what_the_readme_says(request: pytest.FixtureRequest, everything: bool) -> None:
    """Each of the two commands passes as many tests as its sentence says."""
    options = request.config.option
    partial = ("keyword", "markexpr", "deselect", "ignore", "ignore_glob", "lf", "stepwise")
    if request.config.args != ["tests"] or any(getattr(options, name, None) for name in partial):
        pytest.skip("only a part of the tests is passed")
    short, all_of_them = (int(number.replace(",", "")) for number in re.findall(r"([\d,]+) tests", README))
    assert len(request.session.items) == (all_of_them if everything else short)


def test_commands_use_the_pinned_versions() -> None:
    """All install commands are one line, and constrained; the constraints name no address."""
    installs = [line for block in COMMANDS for line in block.splitlines() if line.startswith("pip install")]
    assert len(installs) == 3
    assert all("-c constraints.txt" in line for line in installs)
    pinned = [line for line in (REPOSITORY / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+]+", line) for line in pinned)
