"""What Hydra promises of launchers and sweepers, by the suites that it keeps for itself, against ours."""

from collections.abc import Iterator

import pytest
from hydra.extra.pytest_plugin import hydra_restore_singletons, hydra_sweep_runner  # noqa: F401
from hydra.test_utils.launcher_common_tests import BatchedSweeperTestSuite, IntegrationTestSuite, LauncherTestSuite

from tests.test_machines import ray_nodes

RAY = pytest.mark.everything("ray")


@pytest.fixture(scope="module")
def ray_cluster() -> Iterator[None]:
    """Run a Ray cluster of one node, which was started in a folder that is none of a command's."""
    with ray_nodes(1) as (address, _), pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_ADDRESS", address)
        yield
        import ray

        ray.shutdown()


@RAY
@pytest.mark.usefixtures("ray_cluster")
@pytest.mark.parametrize(("launcher_name", "overrides"), [("ray", ["hydra.job.chdir=true"])])
class TestRayLauncher(LauncherTestSuite):
    """Jobs of hydra/launcher=ray are what jobs of Hydra's own launchers are."""


@RAY
@pytest.mark.usefixtures("ray_cluster")
@pytest.mark.parametrize(
    ("launcher_name", "overrides"), [("ray", ["hydra.job.chdir=true", "hydra.sweeper.max_batch_size=2"])]
)
class TestRayLauncherInBatches(BatchedSweeperTestSuite):
    """A batch after the other."""


@RAY
@pytest.mark.usefixtures("ray_cluster")
@pytest.mark.parametrize(
    ("task_launcher_cfg", "extra_flags"), [({"defaults": [{"override hydra/launcher": "ray"}]}, ["-m"])]
)
class TestRayLauncherOnTheCommandLine(IntegrationTestSuite):
    """And so are those of a command."""
