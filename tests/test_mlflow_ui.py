"""What `mlflow ui` shows of a sweep and its models, seen in a real browser.

CHAMPION_PICTURES=docs/pictures pytest --everything tests/test_mlflow_ui.py takes the pictures there, of a larger sweep.
"""

import io
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from mlflow.entities import Run
from PIL import Image

from tests.conftest import Home, free_port, mlflow_command

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Route

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome") or "/usr/bin/chromium"
pytestmark = [
    pytest.mark.everything("playwright"),
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="there is no Chromium on this machine"),
]

PICTURES = os.environ.get("CHAMPION_PICTURES")
SMALL = ("experiment=quick", "promote=true", "n_splits=2", "data.sample=2000", "model.max_iter=20")
SWEEP = ("-m", "hydra.sweeper.study_name=prices")
QUIET = ("background-networking", "component-update", "gpu", "quic", "sync")
MODEL = "housing_price_predictor"
SEARCHED = ["learning_rate", "max_leaf_nodes", "min_samples_leaf", "l2_regularization", "max_features"]
# What somebody has closed before: the assistant, and what is new in the registry. Runs are what is looked at here.
SEEN = {
    "mlflow.workflowType_v1": '"machine_learning"',
    "mlflow.assistant.fab.autoOpenedOnFirstLoad_v1": "true",
    "_mlflow_model_registry_promo_modal_dismissed": "true",
}


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Sweep one model, promote the best one, and let another challenge it in vain."""
    home = Home(tmp_path_factory.mktemp("swept"))
    trials = ["hydra.sweeper.n_trials=30", "hydra.sweeper.workers=2"]
    small, shown = () if PICTURES else SMALL, list[str]()
    for words in ((*SWEEP, *trials, *small), (*small, "model.learning_rate=0.001" if small else "model=random_forest")):
        done = home.train(*words)
        assert done.returncode == 0, done.stderr
        shown.append(done.stdout)
    (home.folder / "console.txt").write_text("".join(shown))
    return home


@pytest.fixture(scope="module")
def trials(swept: Home) -> list[Run]:
    """Return the sweep's trials, the best one first."""
    experiment = swept.client.get_experiment_by_name("housing_price_prediction")
    found = swept.client.search_runs(
        [experiment.experiment_id], "tags.trial != ''", order_by=["metrics.cv_rmse_so_far ASC"]
    )
    assert len(found) == 30
    return list(found)


@pytest.fixture(scope="module")
def url(swept: Home) -> Iterator[str]:
    """Run `mlflow ui` where the database is, as the README says."""
    port, env = free_port(), {**swept.env, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    address = f"http://127.0.0.1:{port}"
    words = ["ui", "--port", str(port), "--workers", "1"]
    with mlflow_command(*words, url=address, path="health", cwd=swept.folder, env=env):
        yield address


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Browser]":
    """Start the Chromium of this machine."""
    from playwright import sync_api

    switches = ["--no-sandbox", "--no-first-run", *(f"--disable-{name}" for name in QUIET)]
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM, args=switches, downloads_path=tmp_path_factory.mktemp("downloads")
        )
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: "Browser", url: str) -> "Iterator[Page]":
    """Open a page that has no internet; no script of it may fail, and nothing may be missing but who is logged in.

    A ResizeObserver that has more to tell in the next frame says so as an error; it is none.
    """
    failed: list[str] = []

    def only_here(route: "Route") -> None:
        if urlsplit(route.request.url).hostname == "127.0.0.1":
            route.continue_()
        else:
            route.abort()

    def note(message: "ConsoleMessage") -> None:
        address = message.location["url"]
        harmless = address.endswith("/users/current") or "ResizeObserver loop" in message.text
        if message.type == "error" and address.startswith(url) and not harmless:
            failed.append(f"{message.text} {address}")

    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(60_000)
    context.route("**/*", only_here)
    opened = context.new_page()
    opened.on("console", note)
    opened.on("pageerror", lambda error: failed.append(str(error)))
    yield opened
    context.close()
    assert not failed


@pytest.fixture
def familiar(page: "Page") -> "Page":
    """Return the page of somebody who has been here before."""
    page.add_init_script(";".join(f"localStorage.setItem({key!r}, {value!r})" for key, value in SEEN.items()))
    return page


@pytest.fixture
def runs(familiar: "Page", url: str, trials: list[Run]) -> "Page":
    """Open the runs of the experiment, with some columns of what was searched and found, and no others."""
    familiar.goto(f"{url}/#/experiments/{trials[0].info.experiment_id}/runs")
    familiar.get_by_role("link", name="prices", exact=True).wait_for()
    familiar.get_by_role("button", name="Toggle sidebar").click()
    familiar.get_by_role("button", name="Columns").click()
    for name in ("Dataset", "Source", "Models", "cv_rmse_so_far", "cv_r2", *SEARCHED[:4]):
        familiar.get_by_placeholder("Search columns").fill(name)
        found = familiar.locator("[class*=treenode]").filter(has_text=re.compile(f"^{name}$"))
        found.locator("[class*=checkbox]").first.click()
    familiar.keyboard.press("Escape")
    familiar.get_by_placeholder("Search columns").wait_for(state="hidden")
    return familiar


def columns(page: "Page", *names: str) -> list[tuple[str, ...]]:
    """Return the texts of some columns of the table of runs, of each row that has all of them.

    They are read at once, since rows move from one place to another.
    """
    cells = page.locator("[role=gridcell]").evaluate_all(
        "cells => cells.map(cell =>"
        " [cell.getAttribute('col-id'), Number(cell.parentElement.getAttribute('row-index')), cell.innerText.trim()])"
    )
    texts = {name: {row: text for column, row, text in cells if column == name and text} for name in names}
    rows = sorted(set.intersection(*map(set, texts.values())))
    return [tuple(texts[name][row].splitlines()[-1] for name in names) for row in rows]  # above a name is its colour


def errors(page: "Page") -> list[tuple[str, float]]:
    """Return name and error of each run in the table, in the order in which they stand."""
    read = columns(page, "attributes.`Run Name`", "metrics.`cv_rmse_so_far`")
    return [(name, float(error)) for name, error in read if error != "-"]


def line(page: "Page", name: str) -> "Locator":
    """Return the row of the run of this name."""
    return page.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True))


def picture(page: "Page", name: str, tmp_path: Path, *, until: "Locator") -> None:
    """Take a picture of the page down to the end of an element."""
    page.mouse.move(640, 20)
    page.get_by_role("button", name="MLflow Assistant").evaluate_all("found => found.forEach(one => one.remove())")
    page.wait_for_timeout(1000)  # what folds or fades has done so
    box = until.bounding_box()
    assert box
    end = min(box["y"] + box["height"] + 12, 800)
    shot = page.screenshot(clip={"x": 0, "y": 0, "width": 1280, "height": end}, animations="disabled")
    folder = Path(PICTURES) if PICTURES else tmp_path
    folder.mkdir(parents=True, exist_ok=True)
    Image.open(io.BytesIO(shot)).convert("RGB").save(folder / f"{name}.png", optimize=True)


def test_newcomer_finds_the_runs(page: "Page", url: str) -> None:
    """Where MLflow begins with agents and their traces, the experiment offers its training runs all the same."""
    page.goto(url)
    page.get_by_role("link", name="housing_price_prediction").first.click()
    page.get_by_role("button", name="Got it").click()  # what it says of agents lies over the page
    page.get_by_role("link", name="Training runs").click()
    page.get_by_role("link", name="prices", exact=True).wait_for()
    assert "/runs" in page.url


def test_sweep_unfolds_into_its_trials(runs: "Page", trials: list[Run], tmp_path: Path) -> None:
    """A sweep is one line of the table, with a sign that shows its trials below it, and what of them ran again."""
    names = {trial.info.run_name for trial in trials}
    assert not names & {name for (name,) in columns(runs, "attributes.`Run Name`")}
    line(runs, "prices").get_by_role("button").click()
    runs.get_by_role("link", name=re.compile(r"^trial_\d+$")).first.wait_for()
    shown = [name for (name,) in columns(runs, "attributes.`Run Name`")]  # those that the window has room for
    below = {name.removesuffix("_again") for name in shown[shown.index("prices") + 1 :]}
    assert len(below) > 8
    assert below <= names
    picture(runs, "mlflow_sweep", tmp_path, until=runs.get_by_text("matching runs"))


def test_runs_are_sorted_by_their_error(runs: "Page", trials: list[Run], tmp_path: Path) -> None:
    """A click on the head of a metric's column sorts by it: the runs stand from the lowest error to the highest."""
    for falling in (True, False):
        runs.locator("[role=columnheader][col-id='metrics.`cv_rmse_so_far`']").click()
        shown = errors(runs)
        deadline = time.monotonic() + 60
        while shown != sorted(shown, key=itemgetter(1), reverse=falling) or len(shown) <= len(trials):
            assert time.monotonic() < deadline, shown
            runs.wait_for_timeout(200)  # rows move to their places
            shown = errors(runs)
    known = {trial.info.run_name: trial.data.metrics["cv_rmse_so_far"] for trial in trials}
    assert {name: error for name, error in shown if name in known} == pytest.approx(known)
    picture(runs, "mlflow_runs", tmp_path, until=runs.get_by_text("matching runs"))


def printed(swept: Home, label: str, *, url: str) -> str:
    """Return the address that the sweep has printed beside a label, where the pages are now."""
    found = re.search(
        rf"^{label} +http://localhost:5000/(\S+)", (swept.folder / "console.txt").read_text(), re.MULTILINE
    )
    assert found
    return f"{url}/{found[1]}"


def test_trials_are_compared_in_parallel_coordinates(familiar: "Page", swept: Home, url: str, tmp_path: Path) -> None:
    """The address that a default sweep prints shows all its trials as lines over what was searched and the error."""
    familiar.goto(printed(swept, "compare", url=url))
    familiar.get_by_text("Comparing 30 Runs").wait_for()
    familiar.locator(".parcoords .axis-title").first.wait_for()
    familiar.get_by_role("button", name="Toggle sidebar").click()
    axes = familiar.locator(".parcoords .axis-title").all_text_contents()
    assert axes[-1] == "cv_rmse_so_far"
    assert set(axes[:-1]) <= set(SEARCHED)
    assert len(axes) >= 4
    picture(familiar, "mlflow_compare", tmp_path, until=familiar.locator(".parcoords"))


def test_newcomer_sees_trials_with_their_metrics(page: "Page", swept: Home, url: str) -> None:
    """The other address shows the trials by their error, and charts of their metrics, whatever was chosen before."""
    page.goto(printed(swept, "trials", url=url))
    page.get_by_role("link", name=re.compile(r"^trial_\d+")).first.wait_for()
    page.get_by_text("cv_rmse_so_far").first.wait_for()


def test_page_of_a_sweep_has_its_leaderboard(familiar: "Page", swept: Home, url: str) -> None:
    """The description of its run shows the leaders, and leads to the comparison of all trials, in a tab of its own."""
    parent = swept.client.search_runs(["1"], "tags.objective != ''")[0].info
    familiar.goto(f"{url}/#/experiments/{parent.experiment_id}/runs/{parent.run_id}")
    familiar.get_by_text("Show more").click()
    familiar.get_by_role("columnheader", name="again").wait_for()
    with familiar.expect_popup() as opened:
        familiar.get_by_role("link", name="Compare the trials").click()
    opened.value.get_by_text("Comparing 30 Runs").wait_for()


def test_curve_grows_while_a_run_goes_on(familiar: "Page", swept: Home, url: str) -> None:
    """A page that is left open shows one fold after the other."""
    longest = (
        "() => Math.max(0, ...[...document.querySelectorAll('.js-plotly-plot')]"
        ".flatMap(plot => (plot.data || []).map(line => (line.x || []).length)))"
    )
    slow = ("model=random_forest", "model.n_estimators=200", "data.sample=4000", "n_splits=200", "promote=false")
    with swept.start_training(*slow, "run_name=growing", stdout=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60
        while not (
            found := swept.client.search_runs(["1"], "attributes.run_name = 'growing' and metrics.fold_rmse > 0")
        ):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        familiar.goto(f"{url}/#/experiments/1/runs/{found[0].info.run_id}/model-metrics")
        familiar.wait_for_function(f"({longest})() > 1")
        seen = familiar.evaluate(longest)
        familiar.wait_for_function(f"({longest})() > {seen}")
        assert process.poll() is None
        process.terminate()


def test_model_page_shows_aliases_and_stages(familiar: "Page", swept: Home, url: str, tmp_path: Path) -> None:
    """The champion and the challenger carry their aliases; with the older pages chosen, their stages too."""
    familiar.goto(f"{url}/#/models/{MODEL}")
    rows = {
        alias: familiar.get_by_role("row", name=re.compile(rf"Version {version}\b"))
        for alias, version in swept.client.get_registered_model(MODEL).aliases.items()
    }
    for alias in ("champion", "challenger"):
        rows[alias].get_by_text(f"@ {alias}").wait_for()
    familiar.get_by_role("button", name="Toggle sidebar").click()
    familiar.get_by_text("Tags", exact=True).first.click()  # they hold the history, and fold away
    familiar.get_by_role("switch", name="New model registry UI").click()
    familiar.get_by_role("dialog").get_by_role("button", name="Disable").click()
    rows["champion"].get_by_text("Production", exact=True).wait_for()
    rows["challenger"].get_by_text("Staging", exact=True).wait_for()
    assert familiar.get_by_role("columnheader", name="Stage").is_visible()
    picture(familiar, "mlflow_stages", tmp_path, until=familiar.get_by_role("row", name=re.compile(r"Version 1\b")))
