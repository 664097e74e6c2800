"""sweep_report: the page by which a sweep is told to people."""

import json
import math
import re
import time
from collections.abc import Sequence
from dataclasses import asdict
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Literal

import optuna
import pandas as pd
import pytest
from optuna import Trial
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.trial import TrialState
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from champion.data import Dataset, split
from champion.data.task import classification
from champion.features import treatments
from champion.learning import baseline, evaluation, learner, pipeline
from champion.learning.baseline import Baseline
from champion.reporting import report, search
from champion.reporting.page import write
from hydra_plugins.champion_sweeper import _store, _study
from tests.conftest import dataset, recipe

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"


class Page(HTMLParser):
    """What a browser sees of a page: its elements, and the cells of its tables, row by row."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.source = file.read_text()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.rows: list[list[str]] = []
        self.text = ""
        self._skip = False
        self.feed(self.source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element, and begin a row or a cell."""
        self.tags.append((tag, dict(attrs)))
        self._skip = tag in ("script", "style")
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        """End a script."""
        self._skip = self._skip and tag not in ("script", "style")

    def handle_data(self, data: str) -> None:
        """Take down what can be read."""
        if not self._skip:
            self.text += data
            if self.rows and self.rows[-1]:
                self.rows[-1][-1] = " ".join(f"{self.rows[-1][-1]} {data}".split())

    def chart(self, name: str) -> list[dict[str, Any]]:
        """Return the data of a chart."""
        found = re.search(rf'Plotly\.newPlot\(\s*"{name}",\s*', self.source)
        assert found is not None
        data: list[dict[str, Any]] = json.JSONDecoder().raw_decode(self.source, found.end())[0]
        return data

    @property
    def leaders(self) -> list[list[str]]:
        """The rows of the leaderboard."""
        start = next(place for place, row in enumerate(self.rows) if row[:1] == ["rank"])
        rest = self.rows[start + 1 :]
        return rest[: next((place for place, row in enumerate(rest) if row[0] in ("trial", "column")), len(rest))]


def made(*values: float, name: str = "prices", direction: Literal["minimize", "maximize"] = "minimize") -> optuna.Study:
    """Make a study whose trials have these values."""
    study = optuna.create_study(study_name=name, direction=direction)
    for number, found in enumerate(values):
        floats: dict[str, BaseDistribution] = {"model.rate": FloatDistribution(0, 1)}
        params = {"model.rate": number / len(values)}
        study.add_trial(optuna.create_trial(params=params, distributions=floats, value=found))
    return study


def page(folder: Path, study: optuna.Study, table: Dataset, **options: Any) -> Page:
    """Write the report of a study and look at it."""
    given = {"objective": "cv_log_loss" if table.task.is_classification else "cv_rmse", **options}
    file = write(folder, study, data=table.summary, **given)
    assert file == folder / "report.html"
    return Page(file)


def searched(table: Dataset, *, n_trials: int, tree: type) -> tuple[optuna.Study, Sequence[Baseline]]:
    """Search the depth and the leaves of a tree on the folds of a table, with a pruner and one trial that fails."""
    folds = list(pipeline.Folds(recipe(table), table, split.folds(table, n_splits=3, seed=0)))

    def objective(trial: Trial) -> float:
        depth = trial.suggest_int("model.max_depth", 1, 9)
        leaf = trial.suggest_float("model.min_samples_leaf", 0.01, 0.4, log=True)
        if trial.number == 3:
            trial.set_user_attr("reason", "ConfigError: <b>depth</b> & leaf don't fit.")
            raise ArithmeticError
        estimator = learner.for_task(table.task, tree(max_depth=depth, min_samples_leaf=leaf, random_state=0))
        for step, fold in enumerate(folds, 1):
            done = evaluation.cross_validate(estimator, [fold], task=table.task)
            trial.report(done[0].metrics[table.task.metric], step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return evaluation.summarise(evaluation.cross_validate(estimator, folds, task=table.task), table.task)[
            f"cv_{table.task.metric}"
        ]

    sampler, pruner = optuna.samplers.RandomSampler(seed=0), optuna.pruners.MedianPruner(n_startup_trials=5)
    study = optuna.create_study(study_name="houses/trees", sampler=sampler, pruner=pruner)
    study.optimize(objective, n_trials=n_trials, catch=ArithmeticError)
    return study, baseline.cross_validate(folds, table.task)


@pytest.fixture(scope="module")
def study_of_trees(small: Dataset) -> tuple[optuna.Study, Sequence[Baseline]]:
    """Search for a tree, once for all tests."""
    return searched(small, n_trials=25, tree=DecisionTreeRegressor)


@pytest.fixture(scope="module")
def trees(
    study_of_trees: tuple[optuna.Study, Sequence[Baseline]], small: Dataset, tmp_path_factory: pytest.TempPathFactory
) -> Page:
    """Write the report of the search for a tree."""
    study, baselines = study_of_trees
    columns = report.columns(small, treatments(recipe(small).fit(small.X, small.y)))
    facts = {"columns": columns, "advice": ["Look at <age>."], "command": "python src/train.py -m 'a=1,2'"}
    return page(tmp_path_factory.mktemp("trees"), study, small, baselines=baselines, **facts)


def test_what_was_run_comes_first(trees: Page) -> None:
    """The study, the command, the table with its rows, the task, the objective and the trials by state are named."""
    head = trees.text.partition("Leaderboard")[0]
    for said in ("houses/trees", "python src/train.py -m 'a=1,2'", "regression: price of houses, 200 rows", "cv_rmse"):
        assert said in head
    assert re.search(r"1 failed", head)
    assert "less is better, in dollars" in head


def test_trials_are_ranked_with_value_spread_params_and_seconds(
    trees: Page, study_of_trees: tuple[optuna.Study, Sequence[Baseline]]
) -> None:
    """Every complete trial has its place, the best one the first; its spread is that of its folds."""
    complete = study_of_trees[0].get_trials(states=(TrialState.COMPLETE,))
    own = [row for row in trees.leaders if row[0] != "baseline"]
    assert [int(row[0]) for row in own] == list(range(1, len(complete) + 1))
    assert [int(row[1]) for row in own] == [one.number for one in sorted(complete, key=lambda one: one.value or 0)]
    best = study_of_trees[0].best_trial
    assert own[0][2].startswith(f"{best.value:,.0f} ± ")
    assert f"max_depth {best.params['model.max_depth']}" in own[0][4]
    assert re.fullmatch(r"\d+\.\d", own[0][5])


def test_baselines_stand_where_they_rank(trees: Page) -> None:
    """Values grow from row to row, the baselines' among them, and these take no place from a trial."""
    values = [float(row[1 if row[0] == "baseline" else 2].partition(" ")[0].replace(",", "")) for row in trees.leaders]
    assert values == sorted(values)
    assert [row[3].partition(",")[0].strip() for row in trees.leaders if row[0] == "baseline"] == ["linear", "mean"]
    assert trees.leaders[0][0] == "baseline"  # a line is what these prices are


def test_no_trial_is_better_than_a_line(trees: Page) -> None:
    """The best trial is held against each baseline; how far above the line it is can't be overlooked."""
    assert "above linear" in " ".join(trees.text.split())
    assert re.search(r"below mean: the mean for every row", " ".join(trees.text.split()))


def test_search_that_a_baseline_beats_is_warned_of(tmp_path: Path, small: Dataset) -> None:
    """Where no trial is better than any baseline, the report says so before anything else."""
    mean = Baseline("mean", "the mean for every row", {"cv_rmse": 2.0, "cv_rmse_std": 0.1})
    assert "No better than a baseline" in page(tmp_path, made(3.0, 2.5), small, baselines=[mean]).text
    assert "No better than a baseline" not in page(tmp_path, made(3.0, 1.5), small, baselines=[mean]).text


def test_trials_without_a_place_are_listed_with_the_reason(
    trees: Page, study_of_trees: tuple[optuna.Study, Sequence[Baseline]]
) -> None:
    """One that failed says why in its own words, one that was pruned after which step and at which value."""
    pruned = study_of_trees[0].get_trials(states=(TrialState.PRUNED,))
    assert pruned
    rows = {row[0]: row[1] for row in trees.rows if len(row) == 4}
    assert rows["3"] == "ConfigError: <b>depth</b> & leaf don't fit."
    for trial in pruned:
        last = trial.last_step
        assert last is not None
        assert rows[str(trial.number)] == f"after step {last}, at {trial.intermediate_values[last]:,.0f}"


def test_lost_and_repeated_trials_are_told_from_others(tmp_path: Path, small: Dataset) -> None:
    """What the sweeper notes of a trial is what the report reads: a dead worker's trial, and one that has a twin."""
    assert (search.REASON, search.LOST, search.TWIN) == (_study.REASON, _store.LOST, _study.TWIN)
    study = made(3.0, 2.0)
    lost = optuna.create_trial(state=TrialState.FAIL, user_attrs={_store.LOST: "its worker died"})
    twin = optuna.create_trial(value=2.0, user_attrs={_study.TWIN: 1})
    study.add_trials([lost, twin])
    found = page(tmp_path, study, small)
    assert [row[1] for row in found.leaders] == ["1", "0"]
    rows = {row[0]: row[1] for row in found.rows if len(row) == 4}
    assert rows == {
        "trial": "what happened",
        "2": "lost: its worker died, it was run again",
        "3": "same as trial 1, not run again",
    }
    assert "1 lost" in found.text


def test_data_and_advice_are_shown(trees: Page) -> None:
    """The columns with what they hold, and what is worth knowing of them."""
    assert ["age", "number", "0 to 89", "\N{EN DASH}", "as they are"] in trees.rows
    assert "Look at <age>." in trees.text


def test_curves_hold_every_step_that_was_reported(
    trees: Page, study_of_trees: tuple[optuna.Study, Sequence[Baseline]]
) -> None:
    """The learning curves of all trials, and the best value so far, which never gets worse."""
    trials = study_of_trees[0].trials
    points = [y for trace in trees.chart("curves") for y in trace["y"] if y is not None]
    assert sorted(points) == sorted(y for one in trials for y in one.intermediate_values.values())
    [best] = [trace["y"] for trace in trees.chart("history") if trace["name"] == "best so far"]
    assert best == sorted(best, reverse=True)
    assert best[-1] == study_of_trees[0].best_value


def test_nothing_is_loaded_from_anywhere(trees: Page) -> None:
    """The file is whole: no element asks for another one, and Plotly's script is in it once."""
    loads = [attrs.get("src") or attrs.get("href") for _, attrs in trees.tags]
    assert not [address for address in loads if address]
    assert "link" not in {tag for tag, _ in trees.tags}
    assert trees.source.count("plotly.js v") == 1
    style = trees.source.partition("<style>")[2].partition("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style
    assert "prefers-color-scheme: dark" in style
    assert "@media print" in style


def test_what_others_wrote_is_no_markup(tmp_path: Path, small: Dataset) -> None:
    """A study, a parameter, a value, a reason, a column or a command that looks like a script is shown as it is."""
    study = optuna.create_study(study_name=EVIL)
    options: dict[str, BaseDistribution] = {EVIL: CategoricalDistribution([EVIL, "b"])}
    for number in range(12):
        params = {EVIL: EVIL if number % 2 else "b"}
        steps = {1: 1.0}
        trial = optuna.create_trial(
            value=float(number), params=params, distributions=options, intermediate_values=steps
        )
        study.add_trial(trial)
    study.add_trial(optuna.create_trial(state=TrialState.FAIL, user_attrs={"reason": EVIL}))
    columns = pd.DataFrame([{"column": EVIL, "kind": EVIL, "holds": EVIL, "missing": 0.1, "treated": EVIL}])
    base = Baseline(EVIL, EVIL, {"cv_rmse": 2.5})
    facts = {"columns": columns, "advice": [EVIL], "command": EVIL, "baselines": [base]}
    found = page(tmp_path, study, small, **facts)
    assert EVIL not in found.source
    assert not [tag for tag, _ in found.tags if tag == "img"]
    assert "onerror=alert(2)>" not in found.source.replace("&gt;", "").replace("\\u003e", "")
    assert found.text.count("alert(1)") > 20
    [lines] = found.chart("parallel")
    label = lines["dimensions"][0]["label"]
    assert "<" not in label  # Plotly reads markup, too
    assert unescape(label) == f"{EVIL[:23]}…"


def test_all_trials_are_in_the_parallel_coordinates(tmp_path: Path, small: Dataset) -> None:
    """150 trials of two models are 150 lines, through axes that both share where a parameter has one name."""
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))

    def objective(trial: Trial) -> float:
        model = trial.suggest_categorical("model", ["forest", "boosting"])
        rate = trial.suggest_float(f"{model}.rate", 0.01, 1, log=True)
        if model == "forest":
            return rate + trial.suggest_int("forest.depth", 1, 9)
        if trial.number % 10 == 0:
            raise optuna.TrialPruned
        return rate

    study.optimize(objective, n_trials=150)
    started = time.perf_counter()
    found = page(tmp_path, study, small)
    assert time.perf_counter() - started < 5  # about 0.2, on a machine with nothing else to do
    [lines] = found.chart("parallel")
    axes = {axis["label"]: axis for axis in lines["dimensions"]}
    assert list(axes) == ["model", "rate", "depth", "cv_rmse"]
    assert all(len(axis["values"]) == 150 for axis in axes.values())
    assert len(lines["line"]["color"]) == 150
    assert all(isinstance(at, int | float) and math.isfinite(at) for axis in axes.values() for at in axis["values"])
    without = axes["depth"]["tickvals"][axes["depth"]["ticktext"].index("(none)")]
    assert axes["depth"]["values"].count(without) == sum(one.params["model"] == "boosting" for one in study.trials)
    assert [int(row[0]) for row in found.leaders] == list(range(1, len(found.leaders) + 1))
    assert len(found.leaders) == sum(one.state is TrialState.COMPLETE for one in study.trials)
    assert "forest.depth" in found.text.partition("What mattered")[2]


def test_values_outside_the_space_are_shown_among_the_others(tmp_path: Path, small: Dataset) -> None:
    """What a first trial has beside its parameters is on the leaderboard, and a number in its place on the axis."""
    study = made(3.0, 4.0)
    for outside, found in ((2, 1.0), (None, 2.0)):
        study.add_trial(optuna.create_trial(value=found, user_attrs={"outside_space": {"model.rate": outside}}))
    shown = page(tmp_path, study, small)
    assert [row[4] for row in shown.leaders] == ["rate 2", "rate None", "rate 0", "rate 0.5"]
    [lines] = shown.chart("parallel")
    axis = {axis["label"]: axis for axis in lines["dimensions"]}["rate"]
    assert sorted(axis["values"])[1:] == [0.0, 0.5, 2.0]
    assert axis["tickvals"][axis["ticktext"].index("(none)")] == min(axis["values"])


def test_search_of_classes(small: Dataset, tmp_path: Path) -> None:
    """Of classes the log loss is compared, which has no unit; the share of each class is a baseline."""
    names = (small.y > small.y.median()).map({True: "dear", False: "cheap"}).astype(object)
    table = dataset(small.X, names, task=classification(("cheap", "dear")))
    study, baselines = searched(table, n_trials=6, tree=DecisionTreeClassifier)
    found = page(tmp_path, study, table, baselines=baselines)
    assert "binary: price of houses" in found.text
    assert "of which less is better." in " ".join(found.text.split())
    assert "binary: cheap, dear" in found.text
    shares = next(row for row in found.leaders if row[0] == "baseline" and row[3].startswith("shares"))
    assert shares[1].startswith("0.69")


def test_more_may_be_better(small: Dataset, tmp_path: Path) -> None:
    """A study that maximizes R² has the highest value first, and baselines among the trials all the same."""
    mean = Baseline("mean", "the mean for every row", {"cv_r2": 0.2})
    study = made(0.1, 0.6, 0.4, direction="maximize")
    found = page(tmp_path, study, small, objective="cv_r2", baselines=[mean])
    assert [row[1] for row in found.leaders] == ["1", "2", "0.2000", "0"]
    [best] = [trace["y"] for trace in found.chart("history") if trace["name"] == "best so far"]
    assert best == [0.1, 0.6, 0.6, 0.6]


def test_no_trial_is_complete(small: Dataset, tmp_path: Path) -> None:
    """Where all trials failed, or there is none, the report says so, and what can be said beside it."""
    study = made()
    assert "no trial is complete" in page(tmp_path, study, small).text
    study.add_trial(optuna.create_trial(state=TrialState.FAIL, user_attrs={"reason": "out of luck"}))
    study.add_trial(optuna.create_trial(state=TrialState.PRUNED))
    mean = Baseline("mean", "the mean for every row", {"cv_rmse": 2.5})
    found = page(tmp_path, study, small, baselines=[mean])
    rows = {row[0]: row[1] for row in found.rows if len(row) == 4}
    assert (rows["0"], rows["1"]) == ("out of luck", "before its first step")
    assert [row[0] for row in found.leaders] == ["baseline"]


@pytest.mark.parametrize("values", [[1.0], [2.0, 2.0, 2.0], [0.0, 0.0], [math.inf, 1.0], [-1e-12, 1e300], [math.inf]])
def test_odd_values_make_a_report(values: list[float], small: Dataset, tmp_path: Path) -> None:
    """One trial, equal ones, zeros, infinite, tiny and huge values: each has its place."""
    found = page(tmp_path, made(*values), small)
    assert len(found.leaders) == len(values)
    json.loads(json.dumps([found.chart("parallel")], allow_nan=False))


def test_several_objectives_have_no_report(small: Dataset, tmp_path: Path) -> None:
    """Nobody can rank trials by two objectives, so nothing is written."""
    study = optuna.create_study(directions=["minimize", "maximize"])
    study.add_trial(optuna.create_trial(values=[1.0, 2.0]))
    assert write(tmp_path, study, objective="cv_rmse", data=small.summary) is None
    assert not list(tmp_path.iterdir())


def test_baseline_that_was_kept_is_read_again(small: Dataset, tmp_path: Path) -> None:
    """What a study keeps of a baseline, as JSON, makes the same row when the study goes on."""
    one = Baseline("mean", "the mean for every row", {"cv_rmse": 2.5, "cv_rmse_std": 0.5})
    study = made(1.0)
    study.set_user_attr("baselines", [asdict(one)])
    again = [Baseline(**kept) for kept in study.user_attrs["baselines"]]
    assert page(tmp_path, study, small, baselines=again).leaders[1][:2] == ["baseline", "2.500 ± 0.500"]
