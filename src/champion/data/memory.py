"""Decides when memory goes back to the system: what was let go of is kept by those who handed it out, else."""

import ctypes
from contextlib import suppress

import pyarrow as pa


def give_back() -> None:
    """Return freed memory: Arrow and glibc keep it, the latter in pieces that the next large array can't use."""
    pa.default_memory_pool().release_unused()
    with suppress(AttributeError, OSError, TypeError):  # another system's library has no such function, and no need
        ctypes.CDLL(None).malloc_trim(0)
