"""docs/: what the pages name is there, what they have typed is understood, and the tutorial is what happens."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest
from omegaconf import OmegaConf

import serve
from champion import __main__ as looks_after
from champion import registry
from tests import documents, python
from tests.conftest import REPOSITORY, Home, free_port, wait_for
from tests.documents import Block, Page

DOCS = REPOSITORY / "docs"
PAGES = [Page(path) for path in sorted(DOCS.rglob("*.md"))]
OTHERS = [
    Page(REPOSITORY / name) for name in ("README.md", "CONTRIBUTING.md", "benchmarks/README.md", "deploy/README.md")
]
HOW_TO = {page.path.stem: page for page in PAGES if page.path.parent.name == "how-to"}
TUTORIAL = Page(DOCS / "tutorial.md")
OF_A_RUN = ("outputs", "multirun", "mlruns", "mlflow.db")  # what commands make
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.path.relative_to(DOCS)))


def prose(page: Page) -> str:
    """Return a page without its blocks."""
    return re.sub(r"```.*?```", "", page.text, flags=re.DOTALL)


def anchors(page: Page) -> set[str]:
    """Return what links may name of a page: its headings, in GitHub's spelling."""
    headings = re.findall(r"^#+ (.*)$", prose(page), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", [*PAGES, *OTHERS], ids=lambda page: str(page.path.relative_to(REPOSITORY)))
def test_links_lead_somewhere(page: Page) -> None:
    """Each file and heading that a link names is there."""
    for link in LINK.findall(prose(page)):
        if re.match(r"(https?|mailto):", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.path.parent / name).resolve() if name else page.path
        assert target.exists(), link
        assert not anchor or anchor in anchors(Page(target)), link


@each_page
def test_files_that_are_named_are_there(page: Page) -> None:
    """Every path of this repository in the text exists, but for those that commands make, or the page has one write."""
    folders = {path.name for path in REPOSITORY.iterdir() if path.is_dir()} - set(OF_A_RUN)
    made = {*page.files, *re.findall(r"> (\S+)", page.text)}
    words = [word.partition("::")[0] for code in CODE.findall(prose(page)) for word in code.split() if "/" in word]
    paths = [word for word in words if word.partition("/")[0] in folders and not re.search(r"[*…]|NAME", word)]
    assert [path for path in paths if path not in made and not (REPOSITORY / path).exists()] == []


@each_page
def test_lines_are_short(page: Page) -> None:
    """A page is read without scrolling sideways: but for outputs and tables, lines have at most 120 characters."""
    written = re.sub(r"```text.*?```", "", page.text, flags=re.DOTALL).splitlines()
    assert [line for line in written if len(line) > 120 and not line.startswith("|")] == []


@each_page
def test_training_commands_compose(page: Page, tmp_path: Path) -> None:
    """Every `python src/train.py` is one that Hydra accepts, and that finds something to search where it sweeps."""
    documents.get_ready()
    also = written(page, tmp_path)
    for words in page.commands:
        if words[:2] != ["python", "src/train.py"] or {"--help", "--hydra-help"} & set(words):
            continue
        overrides = [word for word in without_options(words[2:]) if word != "…"]
        if "-m" in words:
            assert documents.space(overrides, also=also).names, words
        else:
            assert documents.composed(overrides, also=also), words


def written(page: Page, folder: Path) -> list[Path]:
    """Lay out the options that a page has its reader write, in folders that are searched like conf/."""
    files = dict(page.files)
    typed = page.text.replace("\\\n", " ")
    for command, name in re.findall(
        r"^(python src/train\.py .*) --cfg job -p data > (\S+)$", typed, flags=re.MULTILINE
    ):
        overrides = next(Block("bash", command).commands)[2:]
        files[name] = OmegaConf.to_yaml(documents.composed(overrides).data)
    found = []
    for name, text in files.items():
        if name.endswith(".yaml"):
            (file := folder / name).parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
            found.append(file.parents[1])
    return list(dict.fromkeys(found))


def without_options(words: Sequence[str]) -> list[str]:
    """Leave out what isn't an override: Hydra's options, and the value of each one that has one."""
    valued = ("--config-dir", "-cd", "--cfg", "-c", "-p", "--package")
    told = zip(["", *words], words, strict=False)
    return [word for before, word in told if not word.startswith("-") and before not in valued]


@each_page
def test_options_are_understood(page: Page) -> None:
    """Every `python serve.py` and `python -m champion` of a block is read by its parser, word by word."""
    for words in page.commands:
        if found := parser(words):
            read, given = found
            serve.limits(getattr(read.parse_args(given), "limits", []))


def parser(words: Sequence[str]) -> tuple[ArgumentParser, list[str]] | None:
    """Return what reads these words, and those that it reads, unless they are another program's."""
    if words[:2] == ["python", "serve.py"]:
        return serve.parser(), list(words[2:])
    return (looks_after.parser(), list(words[3:])) if words[:3] == ["python", "-m", "champion"] else None


@each_page
def test_options_in_the_text_exist(page: Page, capsys: pytest.CaptureFixture[str]) -> None:
    """Every --option that the text names beside one of the two commands is in the help of that command."""
    for code in CODE.findall(page.text):
        words = code.split()
        if (found := parser(words)) and (options := [word for word in words if word.startswith("--")]):
            read, given = found
            with pytest.raises(SystemExit):
                read.parse_args([*(given[:1] if words[1] == "-m" else []), "--help"])
            shown = capsys.readouterr().out
            assert all(option.partition("=")[0] in shown for option in options), code


def test_every_how_to_has_its_line() -> None:
    """The list of the folder names each page once, and nothing else."""
    listed = re.findall(r"^- \[[^\]]+\]\((\S+)\.md\)", HOW_TO["README"].text, flags=re.MULTILINE)
    assert sorted(listed) == sorted(set(HOW_TO) - {"README"})


@pytest.mark.parametrize("name", sorted(set(HOW_TO) - {"README"}))
def test_how_to_is_short(name: str) -> None:
    """One idea a page."""
    assert 15 <= HOW_TO[name].text.count("\n") <= 65


def test_model_of_ones_own_is_trained_and_searched(home: Home, tmp_path: Path) -> None:
    """The files of the page on models are one to train, and a space that holds its defaults."""
    [conf] = written(HOW_TO["add-a-model"], tmp_path)
    chosen = ["model=extra_trees", "data.sample=1000", "n_splits=2"]
    documents.get_ready()
    assert "model.min_samples_leaf" in documents.space(chosen, also=[conf]).names
    done = home.train("--config-dir", str(conf), *chosen, "model.n_estimators=10")
    assert done.returncode == 0, done.stderr
    assert "housing_price_predictor 1 in Production, champion" in done.stdout


def test_recipe_of_ones_own_is_needed_for_training_alone(home: Home, tmp_path: Path) -> None:
    """The page's function and files make a champion, which is loaded where that function isn't."""
    for name, text in HOW_TO["add-a-feature-recipe"].files.items():
        (file := tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    chosen = ["features=scaled", "model=ridge", "data.sample=1000", "n_splits=2"]
    env = home.env | {"PYTHONPATH": str(tmp_path / "own")}
    done = home.train("--config-dir", str(tmp_path / "own"), *chosen, env=env)
    assert done.returncode == 0, done.stderr
    assert "filled and scaled" in done.stdout
    champion = registry.by_alias("housing_price_predictor")
    assert champion is not None
    assert "flats" not in sys.modules
    registry.try_out(champion)


def test_app_of_the_official_sweeper_runs(tmp_path: Path) -> None:
    """The app and the configuration of the page, as they are there, are a search of 20 trials on two workers."""
    page = HOW_TO["from-hydra-optuna-sweeper"]
    for name, text in page.files.items():
        (file := tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    assert [page.block("cd sphere")] == ["cd sphere && python sphere.py -m"]
    done = python.run("sphere.py", "-m", cwd=tmp_path / "sphere", check=True)
    assert "study     sphere: 20 trials, 2 at a time" in done.stdout
    assert re.search(r"^best +python sphere\.py x=\S+ y=\S+$", done.stdout, flags=re.MULTILINE)


SERVERS = {"python serve.py": (5001, "ping"), "mlflow ui": (5000, "health")}


@dataclass(frozen=True)
class Typed:
    """A block of the tutorial that was typed: what is shown to come of it, and what came."""

    command: str
    shown: str | None
    printed: str


@pytest.fixture(scope="module")
def tutorial(tmp_path_factory: pytest.TempPathFactory) -> list[Typed]:
    """Type the tutorial's commands, one block after the other, in a fresh clone; its servers run to the end."""
    clone = tmp_path_factory.mktemp("tutorial")
    for name in ("conf", "src"):
        shutil.copytree(REPOSITORY / name, clone / name)
    shutil.copy(REPOSITORY / "serve.py", clone)
    env = {key: value for key, value in os.environ.items() if key not in ("CHAMPION_HOME", "MLFLOW_TRACKING_URI")}
    env |= {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}", "PYTHONPATH": str(clone / "src")}
    blocks = [*TUTORIAL.blocks, Block("", "")]
    ports = {f"localhost:{port}": f"localhost:{free_port()}" for port, _ in SERVERS.values()}
    typed: list[Typed] = []
    with ExitStack() as servers:
        for block, after in pairwise(blocks):
            if block.kind != "bash" or block.text.startswith("pip install"):
                continue
            shown = after.text if after.kind == "text" else None
            if block.text in SERVERS:
                port, path = SERVERS[block.text]
                url = f"http://{ports[f'localhost:{port}']}"
                printed = servers.enter_context(started(block.text, clone, env, url=url, path=path))
            else:
                printed = run(block.text, clone, env, ports)
            printed = printed.replace(f"={clone}/", "=/home/you/champion/").replace(f"{clone}/", "")
            typed.append(Typed(block.text, shown, without_port(printed)))
    return typed


@contextmanager
def started(command: str, folder: Path, env: dict[str, str], *, url: str, path: str) -> Iterator[str]:
    """Run a server until it is told to stop, as by Ctrl-C; yield what it has printed when it answers."""
    log = folder / f"{command.partition(' ')[0]}.log"
    words = ["bash", "-c", f"exec {command} --port {url.rpartition(':')[2]}"]
    with (
        log.open("w") as out,
        subprocess.Popen(
            words, cwd=folder, env=env, stdout=out, stderr=out, start_new_session=True, text=True
        ) as server,
    ):
        try:
            wait_for(url, server, path=path, seconds=120)
            yield log.read_text()
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            try:
                server.wait(timeout=30)
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(server.pid, signal.SIGKILL)


def without_port(printed: str) -> str:
    """Return an output as it is where the servers have their own ports."""
    return re.sub(r" --port \d+", "", re.sub(r"localhost:\d+", "localhost:5001", printed))


def run(command: str, folder: Path, env: dict[str, str], ports: dict[str, str]) -> str:
    """Type a block into a shell, whose servers have other ports; return what it prints."""
    if "/health" in command:
        time.sleep(4)  # the server looks for a new champion every two seconds, and loads it
    for shown, own in ports.items():
        command = command.replace(shown, own)
    told = ["bash", "-euo", "pipefail", "-c", command]
    done = subprocess.run(told, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stderr}"
    return done.stdout


@pytest.mark.everything
def test_tutorial_prints_what_it_shows(tutorial: list[Typed]) -> None:
    """Each command of the tutorial ends well and prints the lines that the page shows, its figures included."""
    assert sum(one.shown is not None for one in tutorial) >= 10
    for one in tutorial:
        if one.shown is not None:
            documents.assert_shown(one.printed, one.shown)


@pytest.mark.everything
def test_tutorials_predictions_agree(tutorial: list[Typed]) -> None:
    """What the servers answer is what the page shows, but for the last digits."""
    answers = [(one.shown, one.printed) for one in tutorial if one.shown and one.shown.startswith('{"predictions"')]
    assert answers
    for both in answers:
        shown, printed = (json.loads(answer)["predictions"] for answer in both)
        assert printed == pytest.approx(shown, rel=0.02)
