"""The tests: a thread of theirs that waits soon gives its core away, as in train.py, to the tests of the other core."""

import os

os.environ.setdefault("GOMP_SPINCOUNT", "500")
