"""Champion turns a table into a served model: split, train, track, register, serve. A notebook calls what is here."""

from typing import TYPE_CHECKING

__all__ = ["Outcome", "cross_validate", "fit", "prepare", "run"]

if TYPE_CHECKING:
    from champion.job.notebook import Outcome, cross_validate, fit, prepare, run
else:

    def __getattr__(name: str) -> object:
        """Import what a notebook calls when it is asked for: it takes seconds, which `--help` spares."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from champion.job import notebook

        return getattr(notebook, name)

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
