"""Decides when another model takes over: once the registry names it, and it has shown that it can predict."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from champion.base.redaction import redact
from champion.registry import Version
from champion.serving.model import ServedModel, load

log = logging.getLogger(__name__)

LONGEST_WAIT = 300  # seconds until a version that couldn't be loaded is tried again


class Follower:
    """Holds the model to serve, and looks every `poll_seconds` whether `find` names another version by now.

    Whoever takes `current` has a whole model, whatever follows it. A version that can't be loaded, or can't predict its
    own example, leaves the present one in its place and is tried again at longer and longer intervals.
    """

    def __init__(self, find: Callable[[], Version], *, poll_seconds: float) -> None:
        self._find = find
        self._poll_seconds = poll_seconds
        self._failures = 0
        self._retry_at = 0.0
        self._failed: int | None = None  # the version that the next try is kept back for
        self._stopped = threading.Event()
        self.current: ServedModel = load(find())
        self.swaps = 0
        self.trouble: str | None = None  # why the version that the registry names isn't the one served

    def start(self) -> None:
        """Begin to look, in a thread that doesn't keep the process alive."""
        threading.Thread(target=self._follow, name="follower", daemon=True).start()

    def stop(self) -> None:
        """Look no more."""
        self._stopped.set()

    def look(self) -> None:
        """Ask the registry once, and serve the version that it names where that can be loaded."""
        named: Version | None = None
        try:
            named = self._find()
            if named.version != self.current.version.version:
                if named.version == self._failed and time.monotonic() < self._retry_at:
                    return
                self._take_over(load(named))
            elif named != self.current.version:
                self.current = replace(self.current, version=named)  # its stage or aliases are others now
        except Exception as error:  # whatever happens to the registry or a new model, the present one serves on
            self._keep(named, error)
            return
        self.trouble, self._failed, self._failures = None, None, 0

    def _follow(self) -> None:
        while not self._stopped.wait(self._poll_seconds):
            self.look()

    def _take_over(self, model: ServedModel) -> None:
        before, self.current = self.current.version, model
        self.swaps += 1
        log.info("%s version %d takes over from version %d", before.name, model.version.version, before.version)

    def _keep(self, named: Version | None, error: Exception) -> None:
        says = redact(" ".join(str(error).split()))[:500] or type(error).__name__
        if says != self.trouble:
            log.warning("Version %d stays: %s", self.current.version.version, says)
        number = named.version if named else None
        self._failures = self._failures + 1 if number == self._failed else 1
        self._retry_at = time.monotonic() + min(LONGEST_WAIT, self._poll_seconds * 2**self._failures)
        self.trouble, self._failed = says, number
