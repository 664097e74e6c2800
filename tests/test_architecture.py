"""The structure: arrows point one way, and the code stays readable in one sitting."""

import ast
from functools import cache
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

SOURCE = REPOSITORY / "src"
PACKAGE = SOURCE / "champion"
PLUGIN = sorted((SOURCE / "hydra_plugins").rglob("*.py"))
FILES = sorted(file for file in PACKAGE.rglob("*.py") if "datasets" not in file.parts)

# The rooms, in the order in which data flows through them: each imports from those above it only.
ROOMS = (
    "base",
    "data",
    "features",
    "learning",
    "tracking",
    "persistence",
    "registry",
    "promotion",
    "reporting",
    "serving",
    "cli",
    "job",
)
# The rooms, or the modules outside of them, that know a library.
DOORS = {
    "mlflow": {"tracking", "persistence", "registry"},
    "scipy": {"data", "promotion", "features"},
    "pyarrow": {"data", "serving"},
    "skrub": {"features"},
    "hydra": {"cli", "job"},
    "optuna": {"job", "reporting"},
    "plotly": {"reporting"},
    "jinja2": {"reporting"},
    "hydra_plugins": {"learning", "tracking", "job", "__main__"},
    "shap": {"reporting"},
    "skops": {"persistence"},
    "fastapi": {"serving"},
    "prometheus_client": {"serving"},
    "orjson": {"reporting", "serving"},
    "uvicorn": {"serving"},
    "rich": {"cli"},
    "matplotlib": {"reporting"},
    "omegaconf": {"base", "cli", "job"},
}


def room(file: Path) -> str:
    """Return the room that a module is in, or its own name where it is in none."""
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


@cache
def imports(file: Path) -> frozenset[str]:
    """Return the modules that a file imports, wherever in the file."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(found)


def test_every_module_has_a_room() -> None:
    """A new module is given its place."""
    assert {room(file) for file in FILES} == {*ROOMS, "__init__", "__main__"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_arrows_point_one_way(file: Path) -> None:
    """A module imports from its own room and those above it only; whoever starts the program, from any."""
    above = ROOMS[: ROOMS.index(room(file)) + 1] if room(file) in ROOMS else ROOMS
    used = {name.split(".")[1] for name in imports(file) if name.startswith("champion.")}
    assert used <= set(above)


def test_configuration_is_read_in_one_file() -> None:
    """Only job/settings.py looks into what Hydra composes; train.py hands it over."""
    readers = {
        file.relative_to(SOURCE)
        for file in [*FILES, SOURCE / "train.py"]
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Attribute | ast.Subscript)
        and isinstance(node.value, ast.Name)
        and node.value.id == "cfg"
    }
    assert readers == {Path("champion/job/settings.py")}
    knowing = {file.relative_to(PACKAGE) for file in FILES for name in imports(file) if name == "omegaconf.DictConfig"}
    assert knowing == {Path("job/settings.py")}


@pytest.mark.parametrize("library", DOORS)
def test_each_library_is_met_at_its_door(library: str) -> None:
    """MLflow, Hydra and the others are imported where they belong and nowhere else."""
    met = {room(file) for file in FILES for name in imports(file) if name.split(".")[0] == library}
    assert met == DOORS[library]


def test_plugin_would_serve_any_hydra_app() -> None:
    """The sweeper knows nothing of champion, and shares the folder hydra_plugins with other packages."""
    assert not {name for file in PLUGIN for name in imports(file) if name.partition(".")[0] in ("champion", "mlflow")}
    assert not (SOURCE / "hydra_plugins" / "__init__.py").exists()


def test_no_pickle() -> None:
    """Nothing that runs code when loaded is imported."""
    everything = [*FILES, *PLUGIN, SOURCE / "train.py", SOURCE / "prepare.py", REPOSITORY / "serve.py"]
    unsafe = {"pickle", "cloudpickle", "dill", "joblib.load", "joblib.dump", "shelve"}
    assert not {name for file in everything for name in imports(file)} & unsafe


@pytest.mark.parametrize("file", [*FILES, *PLUGIN], ids=lambda file: file.name)
def test_whatever_catches_all_says_why(file: Path) -> None:
    """A handler of every exception raises it again, or has its reason beside it."""
    lines = file.read_text().splitlines()
    for node in ast.walk(ast.parse("\n".join(lines))):
        if isinstance(node, ast.ExceptHandler) and getattr(node.type, "id", "") in ("Exception", "BaseException"):
            raised = any(isinstance(one, ast.Raise) and one.exc is None for one in ast.walk(node))
            assert raised or "  # " in lines[node.lineno - 1], lines[node.lineno - 1]


@pytest.mark.parametrize(
    "file",
    [*FILES, *PLUGIN, SOURCE / "train.py", SOURCE / "prepare.py", REPOSITORY / "serve.py"],
    ids=lambda file: file.name,
)
def test_files_and_functions_are_short(file: Path) -> None:
    """No file is longer than 250 lines, and no function than 40."""
    text = file.read_text()
    assert text.count("\n") <= 250
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    assert not [node.name for node in functions if (node.end_lineno or 0) - node.lineno > 40]
