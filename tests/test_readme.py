"""README.md: what it says is what happens."""

import json
import re
import shlex
import subprocess

import pytest

from champion.__main__ import parser
from tests import documents
from tests.conftest import REPOSITORY, Home
from tests.documents import Page
from tests.test_architecture import PACKAGE, ROOMS

PAGE = Page(REPOSITORY / "README.md")
README, block = PAGE.text, PAGE.block
COMMANDS = [one.text for one in PAGE.blocks if one.kind == "bash"]


def test_readme_is_short() -> None:
    """A newcomer reads it in one go."""
    assert README.count("\n") <= 150


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


@pytest.mark.parametrize("words", list(PAGE.commands), ids=lambda words: " ".join(words)[:60])
def test_commands_are_understood(words: list[str]) -> None:
    """Hydra composes what trains, and finds something to search where it sweeps; the parser knows the others."""
    if words[:2] == ["python", "src/train.py"]:
        documents.get_ready()
        swept = "-m" in words
        assert documents.space(words[3:]).names if swept else documents.composed(words[2:])
    elif words[:3] == ["python", "-m", "champion"]:
        assert parser().parse_args(words[3:]).command == words[3]
    else:
        assert words[0] in ("curl", "mlflow", "pip", "pytest") or words == ["python", "serve.py"]


def test_tree_names_what_is_there() -> None:
    """Every path of the README's tree exists, but those that a run makes; each room has its line, in order."""
    named = [line.strip().split("  ")[0] for line in block("conf/  ").splitlines()]
    for entry in named:
        for path in entry.split():
            places = [REPOSITORY / path, REPOSITORY / "conf" / path, PACKAGE / path]
            assert path in ("mlflow.db", "mlruns/") or any(place.exists() for place in places), path
    rooms = [entry.rstrip("/") for entry in named[named.index("src/champion/") + 1 :]][: len(ROOMS)]
    assert rooms == list(ROOMS)


def test_tree_says_where_things_happen() -> None:
    """A model is added, a fold is scored, the alias moves and a cell is refused in the files that the tree says."""
    said = dict(line.strip().split("/", 1) for line in block("conf/  ").splitlines() if ".py " in line and "/" in line)
    for name, room, does in (
        ("evaluation.py scores a fold", "learning", "def score("),
        ("standing.py moves the alias", "registry", "set_registered_model_alias"),
        ("reading.py refuses a cell", "data", "raise CellError("),
    ):
        assert name in said[room]
        assert does in (PACKAGE / room / name.partition(" ")[0]).read_text()


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
