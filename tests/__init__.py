"""The tests, and what they find around them, however they are started."""

import os
import sys
from pathlib import Path

# A thread of theirs that waits soon gives its core away, to the tests of the other core.
os.environ.setdefault("GOMP_SPINCOUNT", "500")
# What is installed beside this Python is found by its name, though its environment may not be activated.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
# What somebody has set for work of their own is none of ours.
OURS = ("CHAMPION_", "FORCE_COLOR", "HYDRA_", "MLFLOW_", "NO_COLOR", "RAY_")
for name in [name for name in os.environ if name.startswith(OURS) and name != "CHAMPION_PICTURES"]:
    del os.environ[name]
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
