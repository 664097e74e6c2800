"""A module whose import takes very long."""

import time

time.sleep(120)
