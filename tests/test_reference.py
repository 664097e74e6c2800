"""docs/reference/: what its pages say is what there is, and nothing is left out."""

import http.client
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml
from hydra._internal.utils import get_args_parser
from mlflow.entities import Run
from sklearn.datasets import load_wine

from champion.serving.answer import CODES
from docs.reference import commented, described, generate
from hydra_plugins.champion_sweeper import _output, _worker
from tests import python
from tests.conftest import REPOSITORY, TRAIN, Home

SCRIPT = REPOSITORY / "docs" / "reference" / "generate.py"
CONF = sorted(commented.CONF.rglob("*.yaml"))
CODE = [REPOSITORY / "serve.py", *(REPOSITORY / "src").rglob("*.py"), *CONF]
NOT_ASKED_FOR = {  # variables that are set, or looked at, for MLflow's sake
    "MLFLOW_BACKEND_STORE_URI",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES",
    "MLFLOW_HTTP_REQUEST_TIMEOUT",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT",
}
NO_RUN_HAS = {  # what no run of these tests has
    ("sweep", "tags", "reason"): "a sweep that fails: test_sweep_where_all_fail is about one",
}
KINDS = ("metrics", "params", "tags", "artifacts")


@pytest.mark.parametrize("name", generate.PAGES)
def test_pages_say_what_the_code_says(name: str) -> None:
    """`python docs/reference/generate.py` would change no word."""
    assert (SCRIPT.parent / f"{name}.md").read_text() == generate.page(name)


def test_check_tells_and_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With --check the status is 1 where a page would change, without it the pages are written."""
    generate.explained()
    monkeypatch.setattr(generate, "HERE", tmp_path)
    for words, status, says in ((["--check"], 1, "would change"), ([], 0, "written"), (["--check"], 0, "")):
        monkeypatch.setattr(sys, "argv", [str(SCRIPT), *words])
        with pytest.raises(SystemExit) as ended:
            generate.main()
        assert ended.value.code == status
        assert says in capsys.readouterr().out
        assert len(list(tmp_path.iterdir())) == (0 if status else len(generate.PAGES))


def keys_of(mapping: dict[str, object], above: str = "") -> Iterator[str]:
    """Yield each key that holds a value, as a command line names it."""
    for key, value in mapping.items():
        if isinstance(value, dict) and value:
            yield from keys_of(value, f"{above}{key}.")
        else:
            yield f"{above}{key}"


@pytest.mark.parametrize("file", CONF, ids=lambda file: str(file.relative_to(commented.CONF)))
def test_every_key_of_conf_is_explained(file: Path) -> None:
    """Each key is found, with its default, and has a comment: its own, or that of the same key in another file."""
    found = commented.entries(file)
    for key in keys_of(yaml.safe_load(file.read_text())):
        assert [entry for entry in found if entry.key == key or entry.key.endswith(f".{key}")], key
    for entry in found:
        assert commented.meaning(entry) or entry.key.endswith("defaults"), entry
        assert entry.says or entry.key != "defaults" or file.name != "config.yaml" or entry.value == "_self_"


def test_help_is_what_train_prints() -> None:
    """The page shows `python src/train.py --help` to the letter, and only options that Hydra has."""
    assert python.run(TRAIN, "--help", check=True).stdout.strip() == described.train_help().strip()
    known = {flag for action in get_args_parser()._actions for flag in action.option_strings}
    typed = {word for words in generate.explained()["hydra"] for word in re.findall(r"--?[\w-]+", words)}
    assert typed <= known


def test_variables_are_those_that_are_read() -> None:
    """Each variable of the environment that the code or conf/ asks for is on the page, and no other."""
    asked = {name for file in CODE for name in re.findall(r'"((?:CHAMPION|HYDRA|MLFLOW)_[A-Z_]+)"', file.read_text())}
    asked |= {name for file in CODE for name in re.findall(r"\$\{oc\.env:([A-Z_]+)", file.read_text())}
    assert asked - NOT_ASKED_FOR == set(generate.explained()["environment"])


def test_statuses_of_commands_are_those_of_the_page(home: Home) -> None:
    """A mistake is 1, an option that there isn't 2; the others are those that the code names."""
    assert home.run("serve.py", "max_row=1").returncode == 1
    assert home.run("-m", "champion", "status", "--colour").returncode == 2
    said = {int(code) for codes in generate.explained()["exits"] for code in str(codes).split(", ")}
    assert said == {0, 1, 2, *_worker.STOPPED, _output.BROKEN_PIPE}


def ask(
    url: str, method: str, path: str, body: str = "", *, token: bool = True, **headers: str
) -> tuple[int, set[str]]:
    """Return the status of an answer, and the names of its headers."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    own = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body, own | ({"Authorization": "Bearer secret"} if token else {}))
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status, {name.title() for name in answer.headers}


def test_statuses_and_headers_are_those_of_the_server(housing: Home) -> None:
    """One conversation meets each status and header of the page, but the one of a model that fails, and no other."""
    limits = ("max_rows=2", "max_body_mb=0.02", "max_pending_mb=0.01", "body_seconds=0.2")
    row = "-122.2,37.8,41,880,129,322,126,8.3,MOON"
    names = "longitude,latitude,housing_median_age,total_rooms,total_bedrooms,population,households,median_income"
    csv, where = f"{names},ocean_proximity\n{row}\n", ("POST", "/invocations")
    with housing.serve(*limits, env={**housing.env, "CHAMPION_TOKEN": "secret"}) as url:
        answers = [
            ask(url, *where, csv, Content_Type="text/csv"),
            ask(url, *where, "[]", Content_Type="application/json"),
            ask(url, *where, csv, token=False),
            ask(url, "GET", "/nowhere"),
            ask(url, "DELETE", "/ping"),
            ask(url, *where, "{", Content_Length="9"),
            ask(url, *where, f"{csv}{row}\n{row}\n", Content_Type="text/csv"),
            ask(url, *where, csv, Content_Type="text/csv", Content_Encoding="gzip"),
            ask(url, *where, csv * 100, Content_Type="text/csv"),
        ]
    said = generate.explained()["http"]
    assert [status for status, _ in answers] == [200, 400, 401, 404, 405, 408, 413, 415, 503]
    assert {status for status, _ in answers} | {500} == set(said["statuses"])
    assert set(CODES) <= set(said["statuses"])
    usual = {"Content-Length", "Content-Type", "Date", "Connection"}
    assert set().union(*(names for _, names in answers)) - usual == {name.title() for name in said["headers"]}


def test_every_address_is_on_the_page() -> None:
    """What the server answers beside the addresses of its document is said by hand."""
    routes = described.application()._paths
    documented = {*described.document()["paths"], *generate.explained()["http"]["pages"]}
    assert routes - {"/docs/oauth2-redirect"} == documented


@dataclass(frozen=True)
class Carrier:
    """A run, trial, sweep, version, registered model or saved model: what it carries, and whether it ended well."""

    kind: str
    name: str
    whole: bool
    carried: frozenset[tuple[str, str]]


def carrier(kind: str, name: str, *, whole: bool = True, **carried: set[str]) -> Carrier:
    """Return what carries these names, below `metrics`, `params` and so on."""
    return Carrier(kind, name, whole, frozenset((of, one) for of, names in carried.items() for one in names))


def runs_in(home: Home) -> Iterator[Carrier]:
    """Yield the runs of a home."""
    experiments = [one.experiment_id for one in home.client.search_experiments()]
    for run in home.client.search_runs(experiments, max_results=1000):
        tags = {name for name in run.data.tags if not name.startswith("mlflow.") or name == "mlflow.parentRunId"}
        kind = "trial" if tags & {"trial", "again"} else "sweep" if "study" in tags else "run"
        metrics = {on_the_page(name, of_sweep=kind == "sweep") for name in run.data.metrics}
        yield carrier(
            kind,
            str(run.info.run_name),
            whole=run.info.status == "FINISHED",
            metrics=metrics,
            params=set(run.data.params) - options_of(run),
            tags=tags,
            artifacts={file.path for file in home.client.list_artifacts(run.info.run_id)},
        )


def on_the_page(metric: str, *, of_sweep: bool) -> str:
    """Return the name that the page has for a metric: one for several where it only says what they are of."""
    if of_sweep and metric.startswith("cv_"):
        return f"OBJECTIVE{'_stated' if metric.endswith('_stated') else ''}"
    if metric.endswith("_so_far"):
        return "OBJECTIVE_so_far"
    named = re.sub(r"/fold_\d+$", "/fold_NUMBER", metric)
    return re.sub(r"^fold_.*", "fold_METRIC", named)


def options_of(run: Run) -> set[str]:
    """Return the keys of the options that a run chose, under which its params stand beside those of the page."""
    said = {name for group in generate.explained()["params"] for name in group["names"]}
    chosen = [commented.CONF / group / f"{run.data.params.get(group)}.yaml" for group in ("model", "features")]
    keys = {entry.key.partition(".")[2] for file in chosen if file.exists() for entry in commented.entries(file)}
    assert not run.data.params or keys - {"_target_", "random_state", "defaults"} <= set(run.data.params)
    return keys - said


FETCHED = "registered_model_meta"  # MLflow's own tools leave it beside a model that they have fetched


def registered_in(home: Home) -> Iterator[Carrier]:
    """Yield the models, versions and saved models of a home."""
    for model in home.client.search_registered_models():
        yield carrier("model", model.name, tags={re.sub(r"^history\..*", "history.TIME", name) for name in model.tags})
        for version in home.client.search_model_versions(f"name='{model.name}'"):
            numbers = {name for name in version.tags if name.startswith(("cv_", "test_", "fit_", "final_"))}
            yield carrier("version", str(version.version), metrics=numbers, tags=set(version.tags) - numbers)
    for folder in home.folder.glob("mlruns/*/models/*/artifacts"):
        yield carrier("saved", str(folder), artifacts={file.name for file in folder.iterdir()} - {FETCHED})


@pytest.fixture(scope="module")
def classes(empty_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Sweep small forests of three classes, put a team of them forward, let a larger one meet it, and fail."""
    home = empty_home.copy(tmp_path_factory.mktemp("classes"))
    wine = load_wine(as_frame=True).frame
    kinds = wine["target"].map({0: "red", 1: "white", 2: "grey"})
    wine.assign(target=kinds).to_csv(home.folder / "wine.csv", index=False)
    own = ["data=csv", f"data.path={home.folder}/wine.csv", "data.target=target", "n_splits=2", "model=random_forest"]
    sweep = [
        "-m",
        "model.random_state=1,2,3",
        "team.size=3",
        "hydra.sweeper.pruner=null",
        "hydra.sweeper.again.share=1",
    ]
    for words in ([*sweep, "model.n_estimators=3"], ["model.n_estimators=9", "repeat=1"]):
        done = home.train(*words, *own)
        assert done.returncode == 0, done.stderr
    assert home.train(*own, "model.max_depth=abc").returncode == 1
    return home


@pytest.fixture(scope="module")
def carriers(housing: Home, finals: Home, swept: Home, classes: Home) -> list[Carrier]:
    """Look at what real commands have left in MLflow."""
    return [one for home in (housing, finals, swept, classes) for one in (*runs_in(home), *registered_in(home))]


def documented(kind: str, *, always: bool = False) -> set[tuple[str, str]]:
    """Return what the page says that such a carrier carries, or only what it says of all of them."""
    return {
        (of, name)
        for of in KINDS
        for group in generate.explained()[of]
        if kind in group["of"] and not (always and group["of"][kind])
        for name in group["names"]
    }


@pytest.mark.parametrize("kind", generate.CARRIERS)
def test_what_stands_in_mlflow_is_on_the_page(carriers: list[Carrier], kind: str) -> None:
    """Nothing is left out, what is said of all is true of all that ended well, and the rest is there somewhere."""
    own = [one for one in carriers if one.kind == kind]
    assert any(one.whole for one in own)
    for one in own:
        assert one.carried <= documented(kind), one.name
        assert not one.whole or documented(kind, always=True) <= one.carried, one.name
    exempt = {(of, name) for carrier, of, name in NO_RUN_HAS if carrier == kind}
    exempt |= set() if find_spec("shap") else {("artifacts", "shap.csv"), ("artifacts", "shap.png")}
    seen: set[tuple[str, str]] = set().union(*(one.carried for one in own))
    assert documented(kind) - seen - exempt == set()
    assert exempt <= documented(kind) or kind != "run"


def test_aliases_and_stages_are_those_of_the_page(finals: Home) -> None:
    """After three finals there is each of them, but the stage of a version that was in none."""
    [model] = finals.client.search_registered_models()
    versions = finals.client.search_model_versions(f"name='{model.name}'")
    assert set(model.aliases) == set(generate.explained()["aliases"])
    assert {version.current_stage for version in versions} | {"None"} == set(generate.explained()["stages"])
