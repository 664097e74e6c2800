"""console.py: what a person reads."""

from dataclasses import replace

import pytest
from rich.console import Console

from champion.cli import console
from champion.data import Dataset
from champion.learning.evaluation import Fold

METRICS = {
    "cv_rmse": 49_123.4,
    "cv_rmse_std": 812.3,
    "cv_mae": 32_000.0,
    "cv_mape": 0.181,
    "cv_r2": 0.8181,
}


def test_results_are_in_the_targets_unit(capsys: pytest.CaptureFixture[str], small: Dataset) -> None:
    """Dollars are whole, shares are percent, and the held-out column is empty where nothing was held out for it."""
    console.results(METRICS, small)
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].split() == ["RMSE", "49,123", "±", "812.3", "-", "dollars"]
    assert lines[4].split() == ["MAPE", "18.1%", "-"]


def test_held_out_metrics_stand_beside(capsys: pytest.CaptureFixture[str], small: Dataset) -> None:
    """Both judgements are seen side by side."""
    held_out = {f"test_{name}": METRICS[f"cv_{name}"] for name in ("rmse", "mae", "mape", "r2")}
    console.results(METRICS | held_out, replace(small, unit="$"))
    assert capsys.readouterr().out.splitlines()[2].split() == ["RMSE", "49,123", "±", "812.3", "49,123", "$"]


def test_folds_are_lines_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str], small: Dataset) -> None:
    """A log gets one plain line a fold, without a bar or an escape sequence."""
    with console.folds(5, small) as on_fold:
        on_fold(Fold(1, {"rmse": 50_000.0, "r2": 0.8}, 1.25))
    assert capsys.readouterr().out == "fold 1/5  RMSE 50,000 dollars, R² 0.800, fitted in 1.2 s\n"


def test_unit_is_shown_as_it_is(capsys: pytest.CaptureFixture[str], small: Dataset) -> None:
    """A unit in brackets is no markup either."""
    console.results(METRICS, replace(small, unit="[k€]"))
    assert capsys.readouterr().out.splitlines()[2].split()[-1] == "[k€]"


def test_names_are_shown_as_they_are(capsys: pytest.CaptureFixture[str], small: Dataset) -> None:
    """Brackets in a name are no markup."""
    odd = replace(small, name="[red]houses[/red]")
    console.opening(odd.summary, small, small, told=True, model="random_forest", seed=1)
    assert "[red]houses[/red]: 200 rows, 3 columns to predict price, in dollars" in capsys.readouterr().out


def test_long_addresses_are_links_on_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """A log has the address, to the letter; a terminal that is clicked on leads there, by a few words."""
    address = "http://localhost:5000/#/compare-runs?runs=%5B%221%22%5D&experiments=%5B%221%22%5D"
    console.line("compare", "its trials", link=address)
    assert capsys.readouterr().out == f"compare   {address}\n"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(console, "console", Console(force_terminal=True, highlight=False, soft_wrap=True))
        console.line("compare", "its trials", link=address)
    shown = capsys.readouterr().out
    assert f";{address}" in shown
    assert "its trials" in shown
