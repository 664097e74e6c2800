"""Decides which cores of this machine nobody works on."""

LOOK = 0.05  # seconds in which others are seen at work, once and again


def idle_cores() -> int:
    """Return how many of the cores that this process may use have nothing to do now: one at least."""
    import psutil  # both here, as every command of Hydra's imports this
    from joblib import cpu_count

    most: int = cpu_count()
    if most == 1:
        return 1
    process = psutil.Process()
    own = process.cpu_affinity() if hasattr(process, "cpu_affinity") else range(psutil.cpu_count() or 1)
    # The first look still sees what this process has just done itself.
    looks = [psutil.cpu_percent(LOOK, percpu=True) for _ in range(2)]
    free = max(sum(1 - busy[core] / 100 for core in own) for busy in looks)
    return max(1, min(most, round(free)))
