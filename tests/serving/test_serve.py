"""serve.py: the real server, asked over real HTTP."""

import json
import re
import shlex
import socket
import subprocess
from collections.abc import Iterator
from typing import Any

import mlflow
import pytest
import requests

from champion import registry, tracking
from champion.data import load
from tests.conftest import Home, free_port, mlflow_command, wait_for

ROW = {
    "longitude": -122.23,
    "latitude": 37.88,
    "housing_median_age": 41,
    "total_rooms": 880,
    "total_bedrooms": 129,
    "population": 322,
    "households": 126,
    "median_income": 8.3252,
    "ocean_proximity": "NEAR BAY",
}


@pytest.fixture(scope="module")
def url(housing: Home) -> Iterator[str]:
    """Serve the champion of real runs."""
    with housing.serve() as address:
        yield address


def ask(url: str, body: Any, content_type: str = "application/json") -> requests.Response:
    """Send a body to /invocations."""
    data = body if isinstance(body, str | bytes) else json.dumps(body)
    return requests.post(f"{url}/invocations", data=data, headers={"Content-Type": content_type}, timeout=30)


def command(home: Home, *options: str) -> subprocess.CompletedProcess[str]:
    """Run `python serve.py` to its end."""
    return home.run("serve.py", *options, timeout=60)


def test_champion_is_the_best_of_the_runs(finals: Home) -> None:
    """Three runs registered three versions; the one with the lowest error is in Production, with alias and tag."""
    known = json.loads((finals.folder / "outputs" / "registry.json").read_text())["housing_price_predictor"]
    versions = known["versions"]
    assert (len(versions), known["champion"], known["challenger"]) == (3, 2, 3)
    assert [(event["version"], event["how"]) for event in known["history"]] == [(1, "final"), (2, "final")]
    best = min(versions, key=lambda version: version["metrics"]["test_rmse"])
    assert (best["stage"], best["aliases"]) == ("Production", ["champion"])
    assert "gradient_boosting_90" in best["description"]
    stages = {version["version"]: version["stage"] for version in versions}
    assert stages == {1: "Archived", 2: "Production", 3: "Staging"}
    shown = finals.client.get_model_version("housing_price_predictor", str(best["version"]))
    assert shown.tags["champion"] == "true"
    assert float(shown.tags["test_rmse"]) == best["metrics"]["test_rmse"]


def test_answer_is_the_models_prediction(url: str, housing: Home) -> None:
    """The server answers what mlflow.pyfunc predicts to the last digit, for each row of the request, in its order."""
    tracking.connect(housing.uri)
    champion = registry.by_alias("housing_price_predictor")
    assert champion is not None
    rows = load("pkg://champion.data.datasets/california_housing.csv.gz", target="median_house_value").X
    answer = ask(url, {"dataframe_split": rows.to_dict(orient="split", index=False)}).json()
    model = mlflow.pyfunc.load_model(champion.uri)
    assert answer == {"predictions": model.predict(rows).tolist()}


def test_every_form_gets_the_same_answer(url: str) -> None:
    """MLflow's four JSON forms and CSV say the same thing."""
    bodies: list[tuple[Any, str]] = [
        ({"dataframe_split": {"columns": list(ROW), "data": [list(ROW.values())]}}, "application/json"),
        ({"dataframe_records": [ROW]}, "application/json; charset=utf-8"),
        ({"inputs": {name: [value] for name, value in ROW.items()}}, "application/json"),
        ({"instances": [ROW]}, "application/json"),
        ({"instances": [list(ROW.values())]}, "application/json"),
        (f"{','.join(ROW)}\n{','.join(map(str, ROW.values()))}\n", "text/csv"),
    ]
    answers = [ask(url, body, content_type).json()["predictions"] for body, content_type in bodies]
    assert all(answer == answers[0] for answer in answers)
    assert 300_000 < answers[0][0] < 520_000  # dollars: a rich block above Berkeley


@pytest.mark.parametrize(
    ("body", "column", "says"),
    [
        ("{not json", None, "The body is not valid JSON"),
        ({"dataframe_records": [{**ROW, "median_income": "a lot"}]}, "median_income", "must hold a finite number"),
        ({"dataframe_records": [{**ROW, "median_income": None}]}, "median_income", "holds nothing"),
        ({"dataframe_records": [{k: v for k, v in ROW.items() if k != "latitude"}]}, "latitude", "is missing"),
        ({"dataframe_records": [{**ROW, "lattitude": 1}]}, "lattitude", "Did you mean 'latitude'?"),
        ({"dataframe_records": []}, None, "There are no rows"),
        ({"rows": [ROW]}, None, "exactly one of the keys"),
    ],
)
def test_bad_requests_are_answered(url: str, body: Any, column: str | None, says: str) -> None:
    """A mistake gets 400 and one JSON object that names the column and the rule."""
    answer = ask(url, body)
    assert answer.status_code == 400
    content = answer.json()
    assert content["error_code"] == "BAD_REQUEST"
    assert says in content["message"]
    assert content.get("column") == column
    assert "a lot" not in answer.text


def test_other_content_type_and_address_are_answered(url: str) -> None:
    """Errors of HTTP have the same shape."""
    assert ask(url, "size=1", "application/x-www-form-urlencoded").status_code == 415
    missing = requests.get(f"{url}/nope", timeout=5)
    assert (missing.status_code, missing.json()["error_code"]) == (404, "ENDPOINT_NOT_FOUND")
    assert requests.get(f"{url}/invocations", timeout=5).status_code == 405


def test_new_category_is_predicted(url: str) -> None:
    """A category that training never saw is no error: it counts as none of the known ones."""
    assert ask(url, {"instances": [{**ROW, "ocean_proximity": "MOON"}]}).status_code == 200


def test_ping_says_that_the_server_is_up(url: str) -> None:
    """What load balancers ask."""
    answer = requests.get(f"{url}/ping", timeout=5)
    assert (answer.status_code, answer.text) == (200, "pong")


def test_server_says_what_it_serves(finals: Home) -> None:
    """Name, version, stage and endpoints are printed; an interrupt ends it with nothing to read."""
    port = free_port()
    with finals.start("serve.py", "--port", str(port), "--version", "1", cold=True) as process:
        wait_for(f"http://127.0.0.1:{port}", process)
        process.terminate()
        out, err = process.communicate(timeout=30)
    assert "housing_price_predictor version 1, Archived" in out
    assert f"POST http://localhost:{port}/invocations" in out
    assert f"GET  http://localhost:{port}/ping" in out
    assert err == ""


def test_only_this_machine_is_listened_to(url: str) -> None:
    """Nobody outside is answered unless --host says so."""
    port = int(url.rpartition(":")[2])
    with socket.socket() as other:
        other.settimeout(2)
        with pytest.raises(OSError, match=r"refused|unreachable"):
            other.connect(("127.0.0.2", port))


def test_examples_are_ready_to_paste(housing: Home, url: str) -> None:
    """Each curl command that --examples prints gets the same predictions from the server."""
    printed = command(housing, "--examples", "--port", url.rpartition(":")[2]).stdout
    commands = re.split(r"\n\n(?=curl )", printed.strip())
    assert len(commands) == 5
    answers = [subprocess.run(shlex.split(line), capture_output=True, check=True).stdout for line in commands]
    assert len(json.loads(answers[0])["predictions"]) == 3
    assert len(set(answers)) == 1


def test_port_in_use_is_answered(housing: Home, url: str) -> None:
    """One line says which port and what to do."""
    port = url.rpartition(":")[2]
    done = command(housing, "--port", port)
    assert done.returncode == 1
    assert (
        done.stderr
        == f"Error: --port {port} on --host 127.0.0.1 can't be had: Address already in use. Choose another --port.\n"
    )


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--model", "nobody"], "There is no registered model 'nobody'"),
        (["--version", "99"], "Model 'housing_price_predictor' has no version 99"),
        (["--alias", "nobody"], "--model housing_price_predictor has no version with alias 'nobody'"),
        (["--host", "nowhere.invalid"], "--host nowhere.invalid can't be had"),
        (["--port", "99999"], "--port 99999"),
    ],
)
def test_wrong_choices_are_answered(housing: Home, options: list[str], says: str) -> None:
    """A model, version, alias or address that isn't there is one line and status 1."""
    chosen = options if "--port" in options else [*options, "--port", str(free_port())]
    done = command(housing, *chosen)
    assert done.returncode == 1
    assert says in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("limit", "says"),
    [
        ("max_row=5", "max_row is not a key of conf/serving.yaml. Did you mean 'max_rows'? Its keys: poll_seconds, "),
        ("max_rows", "max_rows must be a number above 0, but got ''."),
        ("max_rows=many", "max_rows must be a number above 0, but got 'many'."),
        ("poll_seconds=0", "poll_seconds must be a number above 0, but got '0'."),
        ("max_body_mb=true", "max_body_mb must be a number above 0, but got 'true'."),
        ("max_rows=[", "max_rows must be a number above 0, but got '['."),
    ],
)
def test_wrong_limits_are_answered(empty_home: Home, limit: str, says: str) -> None:
    """A line of conf/serving.yaml that isn't one, or another kind of value, is answered before anything is loaded."""
    done = command(empty_home, limit)
    assert done.returncode == 1
    assert done.stderr.startswith(f"Error: {says}")
    assert done.stderr.count("\n") == 1


def test_token_isnt_shown(housing: Home) -> None:
    """The token from the environment guards the server, and stands nowhere in what it prints."""
    port = free_port()
    env = {**housing.env, "CHAMPION_TOKEN": "open sesame"}
    with housing.start("serve.py", "--port", str(port), env=env, stderr=subprocess.STDOUT) as process:
        url = wait_for(f"http://127.0.0.1:{port}", process)
        body = {"dataframe_records": [ROW]}
        headers = {"Authorization": "Bearer open sesame"}
        assert requests.post(f"{url}/invocations", json=body, timeout=5).status_code == 401
        assert requests.post(f"{url}/invocations", json=body, headers=headers, timeout=5).status_code == 200
        process.terminate()
        out, _ = process.communicate(timeout=30)
    assert "sesame" not in out


def test_no_champion_yet(home: Home) -> None:
    """Before the first training one line says which command trains."""
    done = command(home, "--port", str(free_port()))
    assert done.returncode == 1
    assert done.stderr == "Error: There is no champion to serve yet. Train one: `python src/train.py`.\n"


@pytest.mark.everything
def test_mlflow_serves_the_same_model(housing: Home, url: str) -> None:
    """`mlflow models serve` works on what a run registers, and predicts the same."""
    port = free_port()
    words = ["models", "serve", "-m", "models:/housing_price_predictor/1", "--env-manager", "local", "-p"]
    env = {**housing.env, "MLFLOW_TRACKING_URI": housing.uri}
    address = f"http://127.0.0.1:{port}"
    with mlflow_command(*words, str(port), url=address, path="ping", cwd=housing.folder, env=env):
        theirs = ask(address, {"dataframe_records": [ROW]}).json()["predictions"]
    assert theirs == pytest.approx(ask(url, {"dataframe_records": [ROW]}).json()["predictions"], rel=1e-6)


def test_server_answers_though_it_cannot_say_so(housing: Home) -> None:
    """With its log on a full disk it serves all the same."""
    with open("/dev/full", "w") as full, housing.serve(stdout=full) as url:
        assert requests.get(f"{url}/health", timeout=30).json()["status"] == "ok"
