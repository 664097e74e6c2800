"""docs/why.md: behind each promise stands what fails when it becomes false, and that is there."""

import ast
import re

import pytest

from tests.conftest import REPOSITORY

PAGE = (REPOSITORY / "docs" / "why.md").read_text()
PROMISES = re.split(r"^- \*\*", PAGE.partition("\n## What holds\n")[2].partition("\n## ")[0], flags=re.MULTILINE)[1:]
GUARD = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
BENCHMARK = re.compile(r"`benchmarks/(\w+)\.py`")


def test_page_is_short() -> None:
    """It is read to its end."""
    assert PAGE.count("\n") <= 100


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.partition("**")[0].rstrip(".,"))
def test_each_promise_has_a_guard(promise: str) -> None:
    """One that no test would miss isn't made."""
    assert GUARD.search(promise)


@pytest.mark.parametrize(("file", "test"), GUARD.findall(PAGE))
def test_each_guard_is_a_test(file: str, test: str) -> None:
    """It wasn't renamed, moved or given up."""
    content = ast.parse((REPOSITORY / file).read_text())
    assert test.startswith("test_")
    assert test in {node.name for node in content.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize("name", sorted({*BENCHMARK.findall(PAGE)}))
def test_each_benchmark_has_figures(name: str) -> None:
    """What is said to be measured was."""
    assert (REPOSITORY / "benchmarks" / f"{name}.py").is_file()
    assert f"<!-- figures: {name} -->" in (REPOSITORY / "benchmarks" / "README.md").read_text()
