"""What a job raises where what it needs is away; apart, as Hydra executes the modules that it scans a second time."""


class Outage(Exception):  # noqa: N818, it is no error of the trial's
    """What a job needs is away: the trial waits in the queue again, and the search stops until it is told to go on."""
