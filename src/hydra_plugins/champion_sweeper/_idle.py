"""Decides which cores of this machine nobody works on."""

import time

LOOK = 0.05  # seconds in which others are seen at work, once and again
HOLDS = 5  # seconds for which what was seen holds: several fits may begin in them, and each would wait for its look

_seen: tuple[float, float] | None = None  # when, and how many were free


def idle_cores() -> int:
    """Return how many of the cores that this process may use have nothing to do now: one at least."""
    global _seen
    from joblib import cpu_count  # here, as every command of Hydra's imports this

    most: int = cpu_count()
    if most == 1:
        return 1
    if _seen is None or time.monotonic() - _seen[0] > HOLDS:
        _seen = time.monotonic(), _free()
    return max(1, min(most, round(_seen[1])))


def _free() -> float:
    import psutil

    process = psutil.Process()
    own = process.cpu_affinity() if hasattr(process, "cpu_affinity") else range(psutil.cpu_count() or 1)
    # The first look still sees what this process has just done itself.
    looks = [psutil.cpu_percent(LOOK, percpu=True) for _ in range(2)]
    return max(sum(1 - busy[core] / 100 for core in own) for busy in looks)
