"""Compare `python serve.py` with `mlflow models serve --env-manager local` on the same champion, and print the ratios.

`python -m benchmarks.serving [--repeats 5]` trains the default XGBoost model, starts both servers, and lets a process
of its own ask them in turn; then it kills ours under load, starts it again, and sends it 100,000 requests. Both must
predict the same before. The requests are bounded in number and time, and only this machine is asked. `--before FOLDER`
compares with the server of another checkout instead, which trains a model of its own, and stops after that.
"""

import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import requests

from benchmarks import figures, process
from benchmarks.process import REPOSITORY
from champion.data import load

SECONDS = 8  # of one measurement
ASKED = {
    "per_second": "64 clients, one row each: requests/s",
    "p99_ms": "64 clients, one row each: p99 ms",
    "one_ms": "one client, one row: median ms",
    "large_ms": "one request with 10,000 rows: median ms",
}
HOUSING = "pkg://champion.data.datasets/california_housing.csv.gz"


@contextmanager
def server(*command: str, url: str, env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server with all that it starts, from when it answers at /ping."""
    quiet: Any = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, cwd=REPOSITORY, env=env, start_new_session=True, **quiet)
    try:
        wait(url)
        yield process
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=30)


def wait(url: str) -> None:
    """Return as soon as the server answers."""
    for _ in range(1200):
        try:
            requests.get(f"{url}/ping", timeout=5).raise_for_status()
        except requests.RequestException:
            time.sleep(0.05)
        else:
            return
    raise SystemExit(f"{url} does not answer")


def start_load(url: str, body: Path, **options: float) -> subprocess.Popen[bytes]:
    """Start the process that asks, with the body that is in a file."""
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    command = [sys.executable, str(REPOSITORY / "benchmarks" / "http_load.py"), url, *words]
    with body.open("rb") as given:
        return subprocess.Popen(command, stdin=given, stdout=subprocess.PIPE)


def ask(url: str, body: Path, **options: float) -> dict[str, Any]:
    """Let the process ask to its end, and return what it saw; every request must have got 200 and the same answer."""
    out, _ = start_load(url, body, **options).communicate()
    seen: dict[str, Any] = json.loads(out)
    if set(seen["statuses"]) != {"200"} or seen["lost"] or len(seen["answers"]) != 1:
        sys.exit(f"{url}: {seen['statuses']}, {seen['lost']} connections lost, {len(seen['answers'])} answers")
    return seen


def compare(urls: dict[str, str], body: Path, n_rows: int) -> None:
    """Exit unless all servers predict the same for each row of a request."""
    headers = {"Content-Type": "application/json"}
    answers = [
        requests.post(f"{url}/invocations", body.read_bytes(), headers=headers, timeout=60).json()["predictions"]
        for url in urls.values()
    ]
    if any(
        np.shape(answer) != (n_rows,) or not np.allclose(answer, answers[0], rtol=figures.SAME, atol=0)
        for answer in answers
    ):
        sys.exit(f"{', '.join(urls)} don't predict the same for {n_rows:,} rows: {[one[:3] for one in answers]}")


def memory(pid: int) -> float:
    """Return the resident memory of a process in MB."""
    [line] = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) / 1024


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def measure(url: str, row: Path, table: Path, seconds: float) -> dict[str, float]:
    """Return the figures of one server."""
    many, one = ask(url, row, clients=64, seconds=seconds), ask(url, row, clients=1, seconds=seconds / 2)
    large = ask(url, table, clients=1, seconds=30, requests=5)
    shown = many["per_second"], many["p99_ms"], one["median_ms"], large["median_ms"]
    return dict(zip(ASKED, shown, strict=True))


def restart(ours: list[str], url: str, row: Path, env: dict[str, str]) -> float:
    """Kill the server while 64 clients ask, start it again, and return the seconds until it answers."""
    process = subprocess.Popen(ours, cwd=REPOSITORY, env=env, stdout=subprocess.DEVNULL)
    wait(url)
    asking = start_load(url, row, clients=64, seconds=20)
    time.sleep(2)
    process.kill()
    process.wait()
    started = time.perf_counter()
    process = subprocess.Popen(ours, cwd=REPOSITORY, env=env, stdout=subprocess.DEVNULL)
    wait(url)
    seconds = time.perf_counter() - started
    asking.communicate()
    process.terminate()
    process.wait(timeout=30)
    return seconds


def trained(checkout: Path, home: Path) -> dict[str, str]:
    """Train the default XGBoost model by a checkout's code, and return the environment in which that is at home."""
    uri = f"sqlite:///{home}/mlflow.db"
    own = {"CHAMPION_HOME": str(home), "MLFLOW_TRACKING_URI": uri, "PYTHONPATH": str(checkout / "src")}
    process.run(sys.executable, "src/train.py", "model=xgboost", home=home, cwd=checkout, env=os.environ | own)
    return os.environ | own


def summary(rows: list[figures.Row]) -> figures.Row:
    """Return the medians of both servers, those of the ratios within a repeat, and what ours does beside."""
    ours, other = (own for name, own in figures.grouped(rows, "server").items())
    compared = [
        {
            "asked": asked,
            **{one[0]["server"]: statistics.median(row[asked] for row in one) for one in (ours, other)},
            **figures.ratio([row[asked] for row in ours], [row[asked] for row in other]),
        }
        for asked in ASKED
    ]
    beside: figures.Row = {"repeats": len(ours), "compared": compared}
    for row in rows:
        for name in ("restart", "memory"):
            beside |= {name: row[name]} if name in row else {}
    return beside


def text(found: figures.Row) -> str:
    """Say them."""
    ours, other = (name for name in found["compared"][0] if name not in ("asked", "ratio", "least", "most"))
    cells = [
        {
            "": ASKED[one["asked"]],
            **{name: f"{one[name]:,.0f}" if one[name] >= 10 else f"{one[name]:.1f}" for name in (ours, other)},
            "ratio within a repeat": figures.spanned(one),
        }
        for one in found["compared"]
    ]
    said = f"{figures.table(cells)}\n\nMedians of {found['repeats']} repeats."
    if "restart" not in found:
        return said
    restart, (memory, more) = found["restart"], found["memory"].items()
    return (
        f"{said} Killed while 64 clients ask and started again, it answers after {min(restart):.1f} to "
        f"{max(restart):.1f} s, most of which are imports. Its memory is {memory[1]:.0f} MB after {int(memory[0]):,} "
        f"requests and {more[1]:.0f} MB after {int(more[0]):,}."
    )


def main() -> None:
    """Train and measure."""
    parser = figures.parser(__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of one measurement")
    parser.add_argument("--requests", type=int, default=100_000, help="after which memory is looked at")
    parser.add_argument("--before", type=Path, help="the checkout whose server is compared, instead of MLflow's")
    given = parser.parse_args()
    if given.before and given.save:
        parser.error("--save keeps the comparison with MLflow's server only; leave --before out.")
    with figures.measured("serving", save=given.save) as rows, TemporaryDirectory() as folder:
        serve(given, Path(folder), rows)


def serve(given: Namespace, folder: Path, measured: list[figures.Row]) -> None:
    """Measure both servers, then what ours does when it is killed and when it has answered much."""
    rows = load(HOUSING, target="median_house_value").X.sample(10_000, random_state=0)
    record = json.loads(rows.head(1).to_json(orient="records", double_precision=15))
    row, table = folder / "row.json", folder / "table.json"
    row.write_text(json.dumps({"dataframe_records": record}))
    table.write_text(f'{{"dataframe_split": {rows.to_json(orient="split", index=False, double_precision=15)}}}')
    own, other = "serve.py", "before" if given.before else "mlflow"
    urls = {name: f"http://127.0.0.1:{free_port()}" for name in (own, other)}
    ports = {name: url.rpartition(":")[2] for name, url in urls.items()}
    with ExitStack() as running:
        env = theirs_env = trained(REPOSITORY, folder)
        ours = [sys.executable, "serve.py", "--port", ports[own]]
        champion = "models:/housing_price_predictor@champion"
        theirs = ["mlflow", "models", "serve", "-m", champion, "-p", ports[other], "--env-manager", "local"]
        if before := given.before and given.before.resolve():
            theirs_env = trained(before, Path(running.enter_context(TemporaryDirectory())))
            theirs = [sys.executable, str(before / "serve.py"), "--port", ports[other]]
        with server(*ours, url=urls[own], env=env), server(*theirs, url=urls[other], env=theirs_env):
            compare(urls, row, 1)
            compare(urls, table, len(rows))
            for repeat in range(given.repeats):
                for name, url in urls.items():
                    measured.append({"server": name, "repeat": repeat, **measure(url, row, table, given.seconds)})
        if before:
            return
        measured.append({"restart": [restart(ours, urls[own], row, env) for _ in range(given.repeats)]})
        started = running.enter_context(server(*ours, url=urls[own], env=env))
        memories: dict[int, float] = {}
        for total in (given.requests // 100, given.requests):
            asked = total - sum(memories)
            if (answered := ask(urls[own], row, clients=64, seconds=180, requests=asked)["answered"]) < asked:
                sys.exit(f"only {answered:,} of {asked:,} requests were answered in time")
            memories[total] = memory(started.pid)
        measured.append({"memory": {str(total): megabytes for total, megabytes in memories.items()}})


if __name__ == "__main__":
    main()
