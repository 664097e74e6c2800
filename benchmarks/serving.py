"""Compare `python serve.py` with `mlflow models serve --env-manager local` on the same champion, and print the ratios.

`python benchmarks/serving.py 3` trains the default XGBoost model, starts both servers, and lets a process of its own
ask them in turn, three times each; then it kills ours under load, starts it again, and sends it 100,000 requests. The
requests are bounded in number and time, and only this machine is asked. `python benchmarks/serving.py 5 FOLDER`
compares with the server of another checkout instead, which trains a model of its own, and stops after that.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import requests

from champion.data import load

REPOSITORY = Path(__file__).resolve().parents[1]
SECONDS = 8  # of one measurement
HOUSING = "pkg://champion.datasets/california_housing.csv.gz"


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
    """Let the process ask to its end, and return what it saw; every request must have been answered with 200."""
    out, _ = start_load(url, body, **options).communicate()
    seen: dict[str, Any] = json.loads(out)
    if set(seen["statuses"]) != {"200"} or seen["lost"]:
        raise SystemExit(f"{url}: {seen['statuses']}, {seen['lost']} connections lost")
    return seen


def memory(pid: int) -> float:
    """Return the resident memory of a process in MB."""
    [line] = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) / 1024


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def measure(url: str, row: Path, table: Path) -> dict[str, float]:
    """Return the figures of one server."""
    many, one = ask(url, row, clients=64, seconds=SECONDS), ask(url, row, clients=1, seconds=SECONDS / 2)
    large = ask(url, table, clients=1, seconds=30, requests=5)
    return {
        "64 clients: requests/s": many["per_second"],
        "64 clients: p99 ms": many["p99_ms"],
        "1 client: median ms": one["median_ms"],
        "10,000 rows: median ms": large["median_ms"],
    }


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
    command = [sys.executable, "src/train.py", "model=xgboost"]
    subprocess.run(command, cwd=checkout, env=os.environ | own, check=True, stdout=subprocess.DEVNULL)
    return os.environ | own


def compare(found: list[dict[str, dict[str, float]]]) -> None:
    """Print medians, and medians of the ratios within each repeat."""
    ours, other = found[0]
    print(f"medians of {len(found)}; ratios within a repeat\n")
    print(f"{'':<26}{ours:>10}{other:>10}{'ratio':>10}")
    for figure in found[0][ours]:
        a, b = ([one[name][figure] for one in found] for name in (ours, other))
        ratios = sorted(x / y for x, y in zip(a, b, strict=True))
        span = f"({ratios[0]:.3f} to {ratios[-1]:.3f})"
        print(f"{figure:<26}{median(a):>10.2f}{median(b):>10.2f}{median(ratios):>10.3f} {span}")


def main(repeats: int, before: Path | None) -> None:
    """Train, measure, print."""
    rows = load(HOUSING, target="median_house_value").X.sample(10_000, random_state=0)
    record = json.loads(rows.head(1).to_json(orient="records", double_precision=15))
    with TemporaryDirectory() as folder, ExitStack() as running:
        row, table = Path(folder) / "row.json", Path(folder) / "table.json"
        row.write_text(json.dumps({"dataframe_records": record}))
        table.write_text(f'{{"dataframe_split": {rows.to_json(orient="split", index=False, double_precision=15)}}}')
        own, other = "serve.py", "before" if before else "mlflow"
        urls = {name: f"http://127.0.0.1:{free_port()}" for name in (own, other)}
        ports = {name: url.rpartition(":")[2] for name, url in urls.items()}
        env = theirs_env = trained(REPOSITORY, Path(folder))
        ours = [sys.executable, "serve.py", "--port", ports[own]]
        champion = "models:/housing_price_predictor@champion"
        theirs = ["mlflow", "models", "serve", "-m", champion, "-p", ports[other], "--env-manager", "local"]
        if before:
            theirs_env = trained(before, Path(running.enter_context(TemporaryDirectory())))
            theirs = [sys.executable, str(before / "serve.py"), "--port", ports[other]]
        with server(*ours, url=urls[own], env=env), server(*theirs, url=urls[other], env=theirs_env):
            compare([{name: measure(url, row, table) for name, url in urls.items()} for _ in range(repeats)])
        if before:
            return
        seconds = [restart(ours, urls[own], row, env) for _ in range(repeats)]
        print(f"\nkilled under load, ready again after s: {', '.join(f'{one:.1f}' for one in sorted(seconds))}")
        process = running.enter_context(server(*ours, url=urls[own], env=env))
        ask(urls[own], row, clients=64, seconds=60, requests=1_000)
        at_first = memory(process.pid)
        answered = ask(urls[own], row, clients=64, seconds=180, requests=99_000)["answered"]
        after = memory(process.pid)
        print(f"memory after 1,000 requests: {at_first:.0f} MB")
        print(f"memory after {1000 + answered:,} requests: {after:.0f} MB, {after / at_first:.3f} times as much")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1, Path(sys.argv[2]).resolve() if len(sys.argv) > 2 else None)
