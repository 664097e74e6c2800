"""Decides what stands in a report, and in which order; how it looks is page.html.j2's decision."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from jinja2 import Environment, StrictUndefined
from optuna import Study
from plotly.offline import get_plotlyjs

from champion.data import Summary
from champion.learning.baseline import Baseline
from champion.reporting import charts, search, tables

TEMPLATE = Path(__file__).with_suffix(".html.j2")
PAGE = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
IN_UNIT = ("cv_rmse", "cv_mae")
AT_ONCE = 20  # trials on the leaderboard, before the reader asks for all of them


def write(
    folder: Path,
    study: Study,
    *,
    objective: str,
    data: Summary,
    baselines: Sequence[Baseline] = (),
    columns: pd.DataFrame | None = None,
    advice: Sequence[str] = (),
    command: str = "",
) -> Path | None:
    """Write report.html of the study as it is now; of several objectives nothing, as no trial is the best one.

    `columns` is what report.columns finds in the table, `advice` what is worth knowing of it.
    """
    if len(study.directions) > 1:
        return None
    found = search.read(study, objective, baselines)
    content = {
        "study": study.study_name,
        "objective": objective,
        "better": "less" if found.sign > 0 else "more",
        "unit": data.unit if objective in IN_UNIT and data.unit != data.target else "",
        "data": data,
        "command": command,
        "states": tables.states(found.trials),
        "times": tables.times(found.trials),
        "against": tables.against(found),
        "said": found.choice.get("said", []),
        "leaders": tables.leaderboard(found),
        "others": tables.others(found),
        "importances": tables.importances(study, found),
        "charts": (drawn := charts.draw(found)),
        "plotly": get_plotlyjs() if any(drawn.values()) else "",
        "columns": [] if columns is None else columns.to_dict("records"),
        "advice": list(advice),
    }
    file = folder / "report.html"
    file.write_text(PAGE.from_string(TEMPLATE.read_text("utf-8")).render(content, at_once=AT_ONCE), encoding="utf-8")
    return file
