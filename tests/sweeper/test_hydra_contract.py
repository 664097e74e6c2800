"""What Hydra promises of launchers and sweepers, by the suites that it keeps for its own, asked of ours."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hydra.core.utils import JobReturn, JobStatus
from hydra.extra.pytest_plugin import hydra_restore_singletons, hydra_sweep_runner  # noqa: F401
from hydra.test_utils.launcher_common_tests import BatchedSweeperTestSuite, IntegrationTestSuite, LauncherTestSuite
from hydra.test_utils.test_utils import SweepTaskFunction
from omegaconf import OmegaConf

from hydra_plugins.champion_sweeper._errors import SweepError
from tests.sweeper.test_machines import ray_nodes

RAY = pytest.mark.everything("ray")
IN_ITS_FOLDER = "hydra.job.chdir=true"  # as before Hydra 1.2, whose suites say nothing of it and expect it
STUDY = ("hydra/sweeper=champion", IN_ITS_FOLDER)
NOTHING = "a study with nothing to choose is refused, and told what to give, where Hydra's own sweeper runs one job"
DIFFERENCES: Mapping[str, str] = {
    "test_sweep_1_job": NOTHING,
    "test_sweep_1_job_strict": NOTHING,
    "test_sweep_with_custom_resolver": NOTHING,
}


class Left(SweepTaskFunction):
    """A sweep whose jobs are read from their folders: those of a study may run anywhere, and it returns none.

    It knows no batches, either: `per_batch` are as many as the suite wants to count in each, in their order.
    """

    returns: Any

    def __init__(self, per_batch: int, **given: Any) -> None:
        super().__init__()
        vars(self).update(given)
        self.temp_dir, self.per_batch = str(self.temp_dir), per_batch

    def __enter__(self) -> "Left":
        """Run the sweep."""
        super().__enter__()
        numbered = [folder for folder in Path(str(self.temp_dir)).iterdir() if folder.name.isdigit()]
        jobs = [read(folder) for folder in sorted(numbered, key=lambda folder: int(folder.name))]
        self.returns = [jobs[start : start + self.per_batch] for start in range(0, len(jobs), self.per_batch)]
        return self


def read(folder: Path) -> JobReturn:
    """Return what a job has left of itself."""
    left: dict[str, Any] = {file.stem: OmegaConf.load(file) for file in (folder / ".hydra").iterdir()}
    return JobReturn(
        overrides=list(left["overrides"]),
        cfg=left["config"],
        hydra_cfg=left["hydra"],
        working_dir=str(folder),
        task_name=left["hydra"].hydra.job.name,
        status=JobStatus.COMPLETED,
    )


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
@pytest.mark.parametrize(("launcher_name", "overrides"), [("ray", [IN_ITS_FOLDER])])
class TestRayLauncher(LauncherTestSuite):
    """Jobs of hydra/launcher=ray are what jobs of Hydra's own launchers are."""


@RAY
@pytest.mark.usefixtures("ray_cluster")
@pytest.mark.parametrize(("launcher_name", "overrides"), [("ray", [IN_ITS_FOLDER, "hydra.sweeper.max_batch_size=2"])])
class TestRayLauncherInBatches(BatchedSweeperTestSuite):
    """One batch is launched after the other."""


@RAY
@pytest.mark.usefixtures("ray_cluster")
@pytest.mark.parametrize(
    ("task_launcher_cfg", "extra_flags"), [({"defaults": [{"override hydra/launcher": "ray"}]}, ["-m"])]
)
class TestRayLauncherOnTheCommandLine(IntegrationTestSuite):
    """Names, folders and paths of the jobs of a command are what they are with Hydra's own launchers."""


class OfStudies:
    """What the suites look at is what a study leaves."""

    per_batch = 99

    @pytest.fixture
    def hydra_sweep_runner(self, request: pytest.FixtureRequest) -> Callable[..., Left]:
        """Make sweeps for the suites; where one differs by design, to hold is a failure, too."""
        if reason := DIFFERENCES.get(request.node.originalname):
            request.applymarker(pytest.mark.xfail(reason=reason, raises=SweepError, strict=True))
        return lambda **given: Left(self.per_batch, **given)


@pytest.mark.parametrize(
    ("launcher_name", "overrides"),
    [("basic", [*STUDY]), pytest.param("joblib", [*STUDY], marks=pytest.mark.everything)],
)
class TestSweeper(OfStudies, LauncherTestSuite):
    """Jobs of hydra/sweeper=champion are what jobs of Hydra's own sweeper are."""


@pytest.mark.parametrize(("launcher_name", "overrides"), [("basic", [*STUDY])])
class TestSweeperInOrder(OfStudies, BatchedSweeperTestSuite):
    """A grid is run in the order in which Hydra's own sweeper runs it."""

    per_batch = 2


@RAY
@pytest.mark.usefixtures("ray_cluster")
@pytest.mark.parametrize(("launcher_name", "overrides"), [("ray", [*STUDY])])
class TestSweeperOnRay(OfStudies, LauncherTestSuite):
    """And so they are where Ray runs them."""


@pytest.mark.everything
@pytest.mark.parametrize(
    ("task_launcher_cfg", "extra_flags"),
    [
        (
            {"defaults": [{"override hydra/sweeper": "champion"}]},
            ["-m", "+one=choice(1)", "hydra.job.config.override_dirname.exclude_keys=[one,seed]"],
        )
    ],
)
class TestSweeperOnTheCommandLine(IntegrationTestSuite):
    """Names, folders and paths of the jobs of a command are what they are with Hydra's own sweeper.

    There must be something to choose, which is one value here, and the app must return a number.
    """

    def generate_custom_cmd(self) -> Callable[[list[str], str], list[str]]:
        """Let the suite's app return a number to compare."""

        def run(command: list[str], app: str) -> list[str]:
            head, main, tail = Path(app).read_text().partition("\nif __name__")
            Path(app).write_text(f"{head}    return 0.0\n{main}{tail}")
            return command

        return run
