"""task.py: what is to be predicted."""

from champion.base.words import key
from champion.data.task import Task, classification


def test_number_of_classes_names_the_task() -> None:
    """Two classes are binary, more are multiclass, and none is a number."""
    assert [task.name for task in (Task(), classification((0, 1)), classification(("a", "b", "c")))] == [
        "regression",
        "binary",
        "multiclass",
    ]


def test_later_class_is_the_positive_one() -> None:
    """As scikit-learn has it: 1 of 0 and 1, yes of no and yes."""
    assert (classification((0, 1)).positive, classification(("no", "yes")).positive) == (1, "yes")


def test_class_is_called_what_json_calls_it() -> None:
    """True and false are written small."""
    assert [key(label) for label in (True, False, 3, "Yes")] == ["true", "false", "3", "Yes"]
