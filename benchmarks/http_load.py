"""Ask a server from many connections at once, as a process of its own, and print what came back as JSON.

`python benchmarks/http_load.py http://localhost:5001 --clients 64 --seconds 10 < body.json` keeps that many
connections open; each sends the body to /invocations, waits for the answer, and sends it again, until the time is up
or `--requests` are answered. Only this machine is ever asked.
"""

import argparse
import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import uvloop


@dataclass
class Seen:
    """What came back: the seconds of each answered request, and how often each status, version and body did."""

    seconds: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    answers: Counter[tuple[str, str]] = field(default_factory=Counter)
    lost: int = 0  # connections that ended before the answer came


async def ask(port: int, request: bytes, seen: Seen, goes_on: Callable[[], bool]) -> None:
    """Send the request again and again over one connection, made anew where it is lost."""
    reader = writer = None
    while goes_on():
        started = time.perf_counter()
        try:
            if writer is None or reader is None:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request)
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
            body = await reader.readexactly(int(headers["content-length"]))
        except (OSError, asyncio.IncompleteReadError):
            seen.lost += 1
            reader = writer = None
            await asyncio.sleep(0.05)
            continue
        seen.seconds.append(time.perf_counter() - started)
        seen.statuses[head.split(" ", 2)[1]] += 1
        seen.answers[headers.get("x-model-version", ""), body[:200].decode()] += 1
    if writer is not None:
        writer.close()


async def load(port: int, request: bytes, *, clients: int, seconds: float, requests: int, stop: Path | None) -> Seen:
    """Let the clients ask side by side, and return what they saw."""
    seen, until = Seen(), time.perf_counter() + seconds

    def goes_on() -> bool:
        stopped = stop is not None and stop.exists()
        return time.perf_counter() < until and len(seen.seconds) + seen.lost < requests and not stopped

    await asyncio.gather(*(ask(port, request, seen, goes_on) for _ in range(clients)))
    return seen


def main() -> None:
    """Read the body from standard input, ask, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--requests", type=int, default=10**6)
    parser.add_argument("--stop", type=Path, help="stop as soon as this file is there")
    options = parser.parse_args()
    where = urlsplit(options.url)
    if where.hostname not in ("localhost", "127.0.0.1") or where.port is None:
        sys.exit(f"Error: {options.url} is not on this machine; only http://localhost:PORT is asked.")
    body = sys.stdin.buffer.read()
    head = f"POST /invocations HTTP/1.1\r\nHost: {where.netloc}\r\nContent-Type: application/json\r\n"
    request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    limits = {
        "clients": options.clients,
        "seconds": options.seconds,
        "requests": options.requests,
        "stop": options.stop,
    }
    started = time.perf_counter()
    seen = uvloop.run(load(where.port, request, **limits))
    took = time.perf_counter() - started
    ordered = sorted(seen.seconds) or [float("nan")]
    print(
        json.dumps(
            {
                "answered": len(seen.seconds),
                "per_second": len(seen.seconds) / took,
                "median_ms": 1e3 * ordered[len(ordered) // 2],
                "p99_ms": 1e3 * ordered[int(0.99 * len(ordered))],
                "longest_ms": 1e3 * ordered[-1],
                "lost": seen.lost,
                "statuses": seen.statuses,
                "answers": [[version, answer, n] for (version, answer), n in seen.answers.items()],
            }
        )
    )


if __name__ == "__main__":
    main()
