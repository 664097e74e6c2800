"""remedy.py: overrides that can be pasted."""

import shlex

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st

from champion.base.remedy import override, quoted

PRINTABLE = st.text(st.characters(exclude_categories=["C", "Z"]) | st.just(" "), min_size=1).filter(
    lambda word: not word.endswith("\\") and "\\'" not in word
)


def test_an_override_is_quoted_for_the_shell_and_for_hydra() -> None:
    """The shell takes the outer quotes off, and Hydra the inner ones."""
    assert override("data.decimal", ",") == "\"data.decimal=','\""
    assert override("data.drop", ["zip code", "b"]) == "\"data.drop=['zip code','b']\""


@given(PRINTABLE)
def test_any_name_arrives_as_it_is(name: str) -> None:
    """A column of any name can be named on the command line."""
    (argument,) = shlex.split(override("data.drop", [name]))
    assert OverridesParser.create().parse_override(argument).value() == [name]


@pytest.mark.parametrize(
    "folder", ["multirun/prices", "/home/jürgen/multirun", "/srv/a b/x=1,2", "C:\\Users\\me", "it's"]
)
def test_a_folder_of_any_name_arrives_as_it_is(folder: str) -> None:
    """What conf/ tells a sweep's last job is where the sweep lies, whatever letters that has."""
    assert OverridesParser.create().parse_override(f"team.sweep={quoted(folder)}").value() == folder
