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

# From what others build on to what builds on others: a module imports from the lines above its own only.
LAYERS = [
    {"errors", "home", "memory", "redaction", "remedy", "rounds", "startup", "trial", "task"},
    {"cores", "recipe", "resolvers"},
    {"complaint", "data", "invocation", "patience"},
    {"advice", "features", "split"},
    {"pipeline"},
    {"evaluation", "persistence", "pictures", "preparation"},
    {"baseline", "explanation", "report", "tracking", "registry", "team"},
    {"finalist", "naming", "serving", "sweep_report"},
    {"promotion", "scoring"},
    {"sweep", "console"},
    {"command"},
    {"__main__"},
]
# The one door, or the few, to each library.
DOORS = {
    "mlflow": {"patience", "tracking", "registry"},
    "scipy": {"advice", "promotion", "features"},
    "pyarrow": {"data", "memory", "scoring"},
    "skrub": {"features"},
    "hydra": {"complaint"},
    "optuna": {"trial", "sweep", "sweep_report"},
    "plotly": {"sweep_report"},
    "jinja2": {"sweep_report"},
    "hydra_plugins": {"cores", "trial", "tracking", "naming", "__main__"},
    "shap": {"explanation"},
    "skops": {"persistence"},
    "fastapi": {"serving"},
    "prometheus_client": {"serving"},
    "orjson": {"serving"},
    "uvicorn": {"serving"},
    "rich": {"console"},
    "matplotlib": {"pictures"},
    "omegaconf": {"complaint", "home", "resolvers"},
}


def noun(file: Path) -> str:
    """Return the module's name below champion; the parts of a package count as one."""
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


def test_every_module_has_a_layer() -> None:
    """A new module is given its place."""
    assert {noun(file) for file in FILES} == set().union(*LAYERS) | {"__init__"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_arrows_point_one_way(file: Path) -> None:
    """A module imports from the layers above its own only."""
    own = noun(file)
    above: set[str] = set()
    for layer in LAYERS:
        if own in layer:
            break
        above |= layer
    used = {name.split(".")[1] for name in imports(file) if name.startswith("champion.")}
    assert used - {own} <= above


@pytest.mark.parametrize("library", DOORS)
def test_each_library_is_met_at_its_door(library: str) -> None:
    """MLflow, Hydra and the others are imported where they belong and nowhere else."""
    met = {noun(file) for file in FILES for name in imports(file) if name.split(".")[0] == library}
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


@pytest.mark.parametrize(
    "file",
    [*FILES, *PLUGIN, SOURCE / "train.py", SOURCE / "prepare.py", REPOSITORY / "serve.py"],
    ids=lambda file: file.name,
)
def test_files_and_functions_are_short(file: Path) -> None:
    """No file is longer than 300 lines, and no function than 50."""
    text = file.read_text()
    assert text.count("\n") <= 300
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    assert not [node.name for node in functions if (node.end_lineno or 0) - node.lineno > 50]
