"""benchmarks/: figures are those that were measured, of code that isn't long gone; work is equal."""

import json
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from joblib import cpu_count

from benchmarks import figures, many_workers, own_tables, process, search_settings, serving, sweep_overhead
from champion.data import Dataset
from hydra_plugins.champion_sweeper import _study
from hydra_plugins.champion_sweeper._store import Store
from tests.conftest import REPOSITORY

BENCHMARKS = REPOSITORY / "benchmarks"
RESULTS = sorted(file.stem for file in (BENCHMARKS / "results").glob("*.json"))
NO_RESULTS = {
    "figures": "keeps and shows what the others measure",
    "process": "runs what the others measure",
    "tables": "is what they measure it on",
    "http_load": "asks a server for serving",
}
MARKED = re.compile(r"<!-- figures: (\w+) -->(.*?)<!-- end -->", flags=re.DOTALL)
NUMBER = re.compile(r"(\d+(?:,\d{3})*(?:\.\d+)?)( %| ms| tables| clients)?")
NUMBERS = (REPOSITORY / "README.md").read_text().partition("\n## Numbers\n")[2].partition("\n## ")[0]
ROWS = [line for line in NUMBERS.splitlines() if line.startswith("|") and re.search(r"\w", line)]


def released() -> list[str]:
    """Return the versions of the changelog, the newest first."""
    return re.findall(r"^## \[(\d+\.\d+\.\d+)\]", (REPOSITORY / "CHANGELOG.md").read_text(), flags=re.MULTILINE)


def releases_behind(version: str, *, project: str, releases: list[str]) -> int:
    """Return how many releases lie between what was measured and what the project is."""
    return releases.index(version) - releases.index(project)


def is_found(number: str, unit: str, text: str) -> bool:
    """Tell whether the text has the number with its unit, perhaps with more decimal places."""
    places = len(number.partition(".")[2])
    precise = [own for own in NUMBER.findall(text) if len(own[0].partition(".")[2]) >= places and unit in ("", own[1])]
    return any(f"{float(own.replace(',', '')):,.{places}f}" == number for own, _ in precise)


@pytest.mark.parametrize("page", figures.PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_pages_say_what_the_results_say(page: Path) -> None:
    """`python -m benchmarks.figures` would change no digit."""
    assert figures.written(page.read_text()) == page.read_text()


def test_all_results_are_shown_and_all_else_holds_no_figure() -> None:
    """The page of the benchmarks has a place for each file of results; its prose can't go stale."""
    page = (BENCHMARKS / "README.md").read_text()
    assert sorted(name for name, _ in MARKED.findall(page)) == RESULTS
    assert not [line for line in re.sub(r"`[^`]*`", "", MARKED.sub("", page)).splitlines() if re.search(r"\d", line)]


@pytest.mark.parametrize("row", ROWS)
def test_figures_of_the_readme_are_measured(row: str) -> None:
    """All numbers of a line of README's table stand, rounded or not, in one section of the benchmarks' page."""
    numbers = NUMBER.findall(re.sub(r"`[^`]*`", "", row))
    sections = [
        " ".join(text for _, text in MARKED.findall(section))
        for section in (BENCHMARKS / "README.md").read_text().split("\n## ")
    ]
    assert numbers
    assert any(all(is_found(number, unit, section) for number, unit in numbers) for section in sections)


def test_readme_has_figures() -> None:
    """The lines that are looked at are all of README's table."""
    assert len(ROWS) == NUMBERS.count("\n|") - 2


@pytest.mark.parametrize("name", RESULTS)
def test_figures_do_not_outlive_what_they_measure(name: str) -> None:
    """All are of this version or the one before, and say of which commit, command and day."""
    result, releases = figures.kept(name), released()
    assert {"command", "commit", "version", "date", "machine"} <= set(result)
    assert ("figures" in result) == bool(result.get("transcribed")) != ("rows" in result)
    for version in figures.versions(result):
        assert 0 <= releases_behind(version, project=figures.project_version(), releases=releases) <= 1


def test_releases_are_counted() -> None:
    """A figure of the release before the last one is two behind, whatever their numbers."""
    assert releases_behind("0.1.0", project="0.10.0", releases=["0.10.0", "0.9.3", "0.1.0"]) == 2


def test_each_benchmark_has_results() -> None:
    """What has none isn't a benchmark, and says what it is."""
    modules = {file.stem for file in BENCHMARKS.glob("*.py")}
    assert modules - set(NO_RESULTS) == set(RESULTS)
    assert set(NO_RESULTS) <= modules


def test_saved_rows_have_their_origin_and_are_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of results has each repeat, the commit, command, version and machine; the page has their medians."""
    page = tmp_path / "README.md"
    page.write_text("Before.\n\n<!-- figures: run_overhead -->\nold\n<!-- end -->\n\nAfter.\n")
    monkeypatch.setattr(figures, "RESULTS", tmp_path)
    monkeypatch.setattr(figures, "PAGES", [page])
    monkeypatch.setattr(figures, "CORES", cpu_count())
    row = {"run": "xgboost", "imports": 1, "fitting": 2, "overhead": 3, "alone": 6, "peak": 500, "test_r2": 0.8}
    with figures.measured("run_overhead", save=True) as rows:
        rows.extend(row | {"repeat": repeat, "wall": wall} for repeat, wall in enumerate([6, 7, 11]))
    result = json.loads((tmp_path / "run_overhead.json").read_text())
    assert [one["wall"] for one in result["rows"]] == [6, 7, 11]
    assert result["version"] == figures.project_version()
    assert result["machine"]["libraries"]["optuna"]
    assert "| xgboost | 0.800 | 7.0 | 6.0 | 1.0 | 2.0 | 3.00 | 500 |" in page.read_text()
    assert f"Measured at commit {result['commit']} (version {result['version']})" in " ".join(page.read_text().split())
    assert page.read_text().startswith("Before.")
    assert page.read_text().endswith("After.\n")


def test_nothing_is_kept_of_a_benchmark_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work that isn't equal ends a benchmark before it has written anything."""
    monkeypatch.setattr(figures, "RESULTS", tmp_path)
    with pytest.raises(SystemExit), figures.measured("run_overhead", save=True):
        process.run(sys.executable, "-c", "raise ValueError", home=tmp_path)
    assert not list(tmp_path.glob("*.json"))


def test_imports_are_those_of_the_run(tmp_path: Path) -> None:
    """A process that should import the same as a run, and can't, is no measure of its imports."""
    names = tmp_path / "names.json"
    names.write_text(json.dumps(["json", "csv"]))
    process.run(sys.executable, "-c", process.IMPORT_ALL, str(names), home=tmp_path)
    names.write_text(json.dumps(["json", "no_such_module"]))
    with pytest.raises(SystemExit, match="no_such_module"):
        process.run(sys.executable, "-c", process.IMPORT_ALL, str(names), home=tmp_path)


def test_memory_is_that_of_all_processes(tmp_path: Path) -> None:
    """What a process lets another one do for it is counted, too, where that is asked for."""
    held = "import subprocess, sys, time; own = b'.' * 80_000_000; "
    command = f"{held}subprocess.run([sys.executable, '-c', {held + 'time.sleep(0.8)'!r}])"
    assert 160 < process.run(sys.executable, "-c", command, home=tmp_path, together=True).megabytes < 250


def test_servers_predict_the_same(tmp_path: Path) -> None:
    """Servers that differ in one prediction, or give one too few, aren't compared."""
    body = tmp_path / "body.json"
    body.write_text("{}")
    answers = {"one": [1.0, 2.0], "same": [1.0, 2.0000001], "other": [1.0, 2.0001], "short": [1.0]}
    with ExitStack() as running:
        urls = {name: running.enter_context(answering({"predictions": found})) for name, found in answers.items()}
        serving.compare({name: urls[name] for name in ("one", "same")}, body, 2)
        for name in ("other", "short"):
            with pytest.raises(SystemExit, match=name):
                serving.compare({"one": urls["one"], name: urls[name]}, body, 2)


@contextmanager
def answering(content: object) -> Iterator[str]:
    """Run a server that always answers the same; yield its address."""

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(content).encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        Thread(target=server.serve_forever, args=[0.02]).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def test_held_out_rows_are_the_same(small: Dataset, tmp_path: Path) -> None:
    """A run that was scored on other rows than the rest ends the benchmark; the newest version tells."""
    versions = [("2026-01-01", small.fingerprint), ("2026-01-02", "others")]
    (tmp_path / "outputs").mkdir()
    for known, fits in ((versions[:1], True), (versions, False)):
        told = [{"created": created, "held_out_fingerprint": fingerprint} for created, fingerprint in known]
        (tmp_path / "outputs" / "registry.json").write_text(json.dumps({"houses_predictor": {"versions": told}}))
        if fits:
            own_tables.check(small, tmp_path)
        else:
            with pytest.raises(SystemExit, match="other rows"):
                own_tables.check(small, tmp_path)


def test_searches_begin_with_the_same_trials() -> None:
    """Samplers are compared by studies of the same length and the same first trials."""
    one, other = search_settings.Trial([1.0, 2.0], [0.1, 0.1]), search_settings.Trial([1.0, 2.5], [0.1, 0.1])
    search_settings.check("houses", [[one, other], [one, one]], 2, 1)
    for studies in ([[one, one], [other, one]], [[one], [one, other]]):
        with pytest.raises(SystemExit, match="houses"):
            search_settings.check("houses", studies, 2, 1)


def test_pruned_searches_have_the_same_seconds() -> None:
    """A trial that ends after the time is up doesn't count."""
    good, best = search_settings.Trial([2.0, 2.0], [1.0, 1.0]), search_settings.Trial([1.0, 1.0], [1.0, 1.0])
    none = search_settings.PRUNERS["none"]
    assert search_settings.pruned([good, best], none(), 4.0) == 1.0
    assert search_settings.pruned([good, best], none(), 3.5) == 2.0


def test_trials_are_counted(tmp_path: Path) -> None:
    """A study with a trial that wasn't told, or one too few, is no measure of trials."""
    store = Store(f"{tmp_path}/study.journal", "busy")
    study = _study.create(store, directions=["minimize"], made_with={}, command="test")
    study.tell(study.ask(), 1.0)
    assert len(sweep_overhead.trials_of(f"{tmp_path}/study.journal", "busy", 1)) == 1
    study.ask()
    for asked in (1, 2):
        with pytest.raises(SystemExit, match="RUNNING"):
            sweep_overhead.trials_of(f"{tmp_path}/study.journal", "busy", asked)
    with pytest.raises(SystemExit, match="RUNNING"):
        many_workers.complete(study.trials, [0, 1], 2)
    with pytest.raises(SystemExit, match="0, 0"):
        many_workers.complete(study.trials[:1], [0, 0], 1)
    many_workers.complete(study.trials[:1], [0], 1)
