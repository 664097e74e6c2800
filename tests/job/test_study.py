"""study.py: what a run tells the study whose trial it is."""

import optuna
import pytest

from champion.job import study as told
from champion.tracking import Whole
from hydra_plugins.champion_sweeper import LAST_JOB, FoldHalvingPruner, running


def test_run_on_its_own_has_nobody_to_tell() -> None:
    """Outside a sweep, reporting and linking do nothing."""
    told.report(1.0, 1)
    told.link("run")
    assert not told.is_running()
    assert (told.name(), told.sweep(), told.tags()) == (None, None, {})
    assert not told.was_pruned(optuna.TrialPruned())


def test_trial_and_run_know_each_other() -> None:
    """The run carries the trial's number and study; the trial the run's id; and the study says whose child it is."""
    study = optuna.create_study(study_name="prices")
    study.set_user_attr(told.RUN, "parent")
    with running(study.ask()):
        told.link("child")
        assert told.is_running()
        assert (told.name(), told.sweep()) == ("trial_0", Whole("parent", told.link, told.was_pruned))
        assert told.tags() == {"trial": "0", "study": "prices"}
    assert study.trials[0].user_attrs[told.RUN] == "child"
    assert not told.is_running()


def test_hopeless_trial_is_ended_by_its_report() -> None:
    """A fold that falls behind raises, and what it raises is known as pruning, unlike a failure."""
    study = optuna.create_study(pruner=FoldHalvingPruner())
    with running(study.ask()):
        told.report(1.0, 1)
    with running(study.ask()), pytest.raises(optuna.TrialPruned, match="No use in going on after step 1: 2") as ended:
        told.report(2.0, 1)
    with running(study.ask()):
        assert told.was_pruned(ended.value)
        assert not told.was_pruned(ValueError())


def test_trial_whose_last_fold_is_done_is_complete() -> None:
    """A pruner has nothing to save then, however hopeless the trial; the study hears of its last fold all the same."""
    study = optuna.create_study(pruner=FoldHalvingPruner())
    with running(study.ask()):
        told.report(1.0, 1, to_come=1.0)
        told.report(1.0, 2, to_come=0.0)
    with running(study.ask()):
        told.report(0.5, 1, to_come=1.0)
        told.report(9.0, 2, to_come=0.0)
    assert study.trials[1].intermediate_values == {1: 0.5, 2: 9.0}


def test_trial_whose_time_is_over_ends_after_a_fold() -> None:
    """It is pruned where there is less time than it still takes; after its last fold it is as good as complete."""
    study = optuna.create_study(pruner=optuna.pruners.NopPruner())
    with running(study.ask(), is_over=lambda needed: needed > 10):
        told.report(1.0, 1, to_come=9.0)
        with pytest.raises(optuna.TrialPruned, match="The time is over after step 2: 1"):
            told.report(1.0, 2, to_come=11.0)
    with running(study.ask(), is_over=lambda _: True):
        told.report(1.0, 5, to_come=0.0)
        with pytest.raises(optuna.TrialPruned):
            told.report(1.0, 1)
    with running(study.ask()):
        told.report(1.0, 1)


def test_trial_says_how_long_the_last_job_takes() -> None:
    """The study keeps it; outside a sweep there is no last job."""
    told.expect_last_job(3.0)
    study = optuna.create_study()
    with running(study.ask()):
        told.expect_last_job(7.0, rest=2.0, trials=3)
    assert study.trials[0].user_attrs[LAST_JOB] == {"own": 7.0, "rest": 2.0, "trials": 3}
