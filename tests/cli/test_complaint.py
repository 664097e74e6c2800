"""complaint.py: one line for a user's mistake, a traceback for our own."""

import pytest

from champion.base.errors import ChampionError
from champion.base.words import did_you_mean, shorten
from champion.cli import complaint


@pytest.fixture(autouse=True)
def as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the environment back, where Hydra's own report is switched off."""
    monkeypatch.setenv("HYDRA_FULL_ERROR", "0")


def test_own_answers_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """A message of several lines, such as a library's in ours, is joined."""
    with pytest.raises(SystemExit) as ended, complaint.one_line_errors():
        raise ChampionError("a rule,\n  and a remedy.")
    assert ended.value.code == "Error: a rule, and a remedy."
    assert capsys.readouterr().err == ""


def test_bugs_keep_their_traceback() -> None:
    """What no user caused isn't dressed up as a mistake."""
    with pytest.raises(ZeroDivisionError), complaint.one_line_errors():
        _ = 1 / 0


def test_interrupt_ends_quietly() -> None:
    """Ctrl-C is no error."""
    with pytest.raises(SystemExit) as ended, complaint.one_line_errors():
        raise KeyboardInterrupt
    assert ended.value.code == 130


def test_near_names_are_suggested_and_far_ones_are_not() -> None:
    """A suggestion helps only where it is likely."""
    assert did_you_mean("pric", ["price", "size"]) == " Did you mean 'price'?"
    assert did_you_mean("zzz", ["price", "size"]) == ""


def test_long_lists_are_cut() -> None:
    """Two thousand columns don't fill the screen."""
    assert shorten(["a", "b"]) == "a, b"
    assert shorten(range(100), limit=3) == "0, 1, 2, … (100 in all)"
