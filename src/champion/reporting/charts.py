"""Decides which pictures tell a search: its way to the best value, the trials step by step, and all their parameters.

Text and lines take their colours from the page, so that charts follow it into the dark.
"""

import math
from collections.abc import Sequence
from html import escape
from statistics import quantiles
from typing import Any

import plotly.graph_objects as go
from optuna.trial import FrozenTrial, TrialState
from plotly.io import to_html

from champion.reporting.search import Search, amount, chosen, value

GOOD, FAIR, POOR, NO_VALUE, MARK = "#2563eb", "#14a38b", "#eda53a", "#98a1ae", "#d0492e"
TICKS = 5  # of an axis of parallel coordinates
NEVER = "(none)"  # where a trial doesn't have a parameter, or a value
LETTERS = 24  # of a label
WIDTH = 105  # pixels of an axis of parallel coordinates


def draw(search: Search) -> dict[str, str]:
    """Return each chart as HTML without Plotly's own script; one that there is nothing to draw for is empty."""
    figures = {"history": history(search), "curves": curves(search), "parallel": parallel(search)}
    return {name: _html(figure, name) if figure else "" for name, figure in figures.items()}


def history(search: Search) -> go.Figure | None:
    """Draw the value of each trial and the best one so far, and where the baselines are."""
    drawn = [one for one in search.trials if math.isfinite(value(one)) and one.state.is_finished()]
    complete = [one for one in drawn if one.state is TrialState.COMPLETE]
    ended = [one for one in drawn if one.state is not TrialState.COMPLETE]
    if not complete:
        return None
    best, so_far = math.inf, []
    for trial in complete:
        best = min(best, search.sign * value(trial))
        so_far.append(search.sign * best)
    figure = _figure("trial", search.objective)
    _points(figure, ended, search, name="ended early", marker={"symbol": "x-thin-open", "size": 7, "color": NO_VALUE})
    _points(figure, complete, search, name="complete", marker={"size": 8, "color": FAIR})
    x = [*(one.number for one in complete), max(one.number for one in drawn)]  # up to now
    line = {"shape": "hv", "color": GOOD, "width": 2.5}
    figure.add_scatter(x=x, y=[*so_far, so_far[-1]], mode="lines", name="best so far", line=line, hoverinfo="skip")
    shown = _range(search, [value(one) for one in complete])
    for one in search.baselines:
        if shown and min(shown) <= search.level(one) <= max(shown):
            text, font = f"baseline: {escape(one.name)}", {"color": MARK}
            figure.add_hline(
                search.level(one), line={"dash": "dot", "color": MARK}, annotation={"text": text, "font": font}
            )
    figure.update_yaxes(range=shown)
    return figure


def curves(search: Search) -> go.Figure | None:
    """Draw what each trial reported, step by step; the best one stands out."""
    told = [one for one in search.trials if one.intermediate_values]
    if not told:
        return None
    leader = search.best.number if search.best else None
    kinds: dict[str, tuple[list[FrozenTrial], dict[str, Any]]] = {
        "ended early": ([], {"color": NO_VALUE, "width": 1}),
        "complete": ([], {"color": FAIR, "width": 1.2}),
        "best": ([], {"color": GOOD, "width": 3}),
    }
    for trial in told:
        complete = trial.state is TrialState.COMPLETE
        kinds["best" if trial.number == leader else "complete" if complete else "ended early"][0].append(trial)
    figure = _figure("step", search.objective)
    for name, (trials, line) in kinds.items():
        x: list[int | None] = []
        y: list[float | None] = []
        hover: list[str] = []
        for trial in trials:
            steps = sorted(trial.intermediate_values.items())
            x += [*(step for step, _ in steps), None]
            y += [*(number if math.isfinite(number) else None for _, number in steps), None]
            hover += [f"trial {trial.number}"] * (len(steps) + 1)
        if trials:
            options = {"mode": "lines+markers", "marker": {"size": 5}, "opacity": 1 if name == "best" else 0.6}
            figure.add_scatter(x=x, y=y, text=hover, hoverinfo="text+y", name=name, line=line, **options)
    figure.update_yaxes(range=_range(search, [number for one in told for number in one.intermediate_values.values()]))
    figure.update_xaxes(dtick=1 if max(max(one.intermediate_values) for one in told) < 20 else None)
    return figure


def parallel(search: Search) -> go.Figure | None:
    """Draw every finished trial as a line through its parameters to its value, the best ones on top."""
    drawn = [one for one in search.trials if chosen(one) and one.state.is_finished()]
    if not drawn:
        return None
    numbers = [value(one) if one.state is TrialState.COMPLETE else math.nan for one in drawn]
    known = sorted({search.sign * number for number in numbers if math.isfinite(number)})
    places = {number: 1 - place / max(len(known) - 1, 1) for place, number in enumerate(known)}  # 1 is the best
    colour = [places.get(search.sign * number, -1.0) for number in numbers]
    order = sorted(range(len(drawn)), key=lambda position: colour[position])
    trials = [drawn[position] for position in order]
    axes = [
        _axis(label, trials, search) for label in dict.fromkeys(search.labels[n] for one in trials for n in chosen(one))
    ]
    values = [numbers[position] if math.isfinite(numbers[position]) else None for position in order]
    axes.append(_numbers(search.objective, values, upside_down=search.sign > 0))
    scale = [[0, NO_VALUE], [0.45, NO_VALUE], [0.45, POOR], [0.5, POOR], [0.78, FAIR], [1, GOOD]]
    line = {"color": [colour[position] for position in order], "colorscale": scale, "cmin": -1, "cmax": 1}
    figure = go.Figure(go.Parcoords(line=line, dimensions=axes, labelangle=-20 if len(axes) > 7 else 0))
    figure.update_layout(_layout(), height=420, meta={"width": WIDTH * len(axes)})
    figure.update_layout(margin={"l": 130, "r": 60, "t": 70 if len(axes) > 7 else 50, "b": 30})
    return figure


def _axis(label: str, trials: Sequence[FrozenTrial], search: Search) -> dict[str, Any]:
    """Return the axis of the parameters that are called so."""
    found = [{search.labels[name]: own for name, own in chosen(trial).items()}.get(label) for trial in trials]
    present = [one for one in found if one is not None]  # null beside numbers has no place among them
    if any(isinstance(one, bool) or not isinstance(one, int | float) for one in present):
        return _words(label, [NEVER if one is None else str(one) for one in found])
    kinds = [kind for trial in trials for name, kind in trial.distributions.items() if search.labels[name] == label]
    log = any(getattr(kind, "log", False) for kind in kinds) and all(one > 0 for one in present)
    numbers = [None if one is None else float(one) for one in found]
    return _numbers(label, numbers, log=log, whole=all(isinstance(one, int) for one in present))


def _words(label: str, found: Sequence[str]) -> dict[str, Any]:
    words = sorted(set(found), key=lambda word: (word != NEVER, word))
    ticks = {"tickvals": list(range(len(words))), "ticktext": [_short(word) for word in words]}
    values = [words.index(word) for word in found]
    return {"label": _cut(label), "values": values, "range": [-0.3, len(words) - 0.7], **ticks}


def _numbers(
    label: str, found: Sequence[float | None], *, log: bool = False, whole: bool = False, upside_down: bool = False
) -> dict[str, Any]:
    """Return an axis of numbers, the largest on top, or `upside_down`; what is None comes below it."""
    placed = [None if one is None else math.log10(one) if log else one for one in found]
    present = [one for one in placed if one is not None] or [0.0]
    low, high = min(present), max(present)
    places = [low + (high - low) * step / (TICKS - 1) for step in range(TICKS)] if high > low else [low]
    if whole and not log:
        places = sorted({float(round(place)) for place in places})
    texts = [
        amount(round(10**place) if whole and log else 10**place if log else int(place) if whole else place)
        for place in places
    ]
    room = 0.04 * ((high - low) or 1.0)
    bottom, top = (high + room, low - room) if upside_down else (low - room, high + room)
    if len(present) < len(found):
        bottom += 0.15 * (bottom - top)
        places, texts = [bottom, *places], [NEVER, *texts]
    if not any(one is not None for one in placed):
        places, texts = [bottom], [NEVER]
    values = [bottom if one is None else one for one in placed]
    return {"label": _cut(label), "values": values, "range": [bottom, top], "tickvals": places, "ticktext": texts}


def _range(search: Search, numbers: Sequence[float]) -> list[float] | None:
    """Return what an axis shows: all but values far off, which would press the others flat; a baseline nearby too."""
    finite = [search.sign * number for number in numbers if math.isfinite(number)]
    if len(set(finite)) < 2:
        return None
    low, high = min(finite), max(finite)
    first, _, third = quantiles(finite, n=4, method="inclusive")
    high = min(high, third + 6 * max(third - first, 1e-9 * abs(third))) if third > first else high
    near = [search.sign * search.level(one) for one in search.baselines]
    high = max([high, *(one for one in near if one < high + 1.5 * (high - low))])
    room = 0.07 * (high - low)
    return sorted([search.sign * (low - room), search.sign * (high + room)])


def _html(figure: go.Figure, name: str) -> str:
    """Return a chart that is as wide as the page, and on a narrow one as wide as it must be."""
    width = f"max(100%, {figure.layout.meta['width']}px)" if figure.layout.meta else "100%"
    config = {"displayModeBar": False, "responsive": True}
    return str(to_html(figure, config, include_plotlyjs=False, full_html=False, default_width=width, div_id=name))


def _points(figure: go.Figure, trials: Sequence[FrozenTrial], search: Search, **options: Any) -> None:
    if trials:
        x, y = [one.number for one in trials], [value(one) for one in trials]
        figure.add_scatter(
            x=x, y=y, mode="markers", text=[_hover(one, search) for one in trials], hoverinfo="text", **options
        )


def _hover(trial: FrozenTrial, search: Search) -> str:
    params = [f"{escape(name)} = {_cut(found)}" for name, found in search.params(trial).items()]
    return "<br>".join([f"<b>trial {trial.number}</b>", search.told(trial), *params])


def _cut(text: str) -> str:
    """Return a label that a chart can show: short, and no markup of its own."""
    return escape(_short(text))


def _short(text: str) -> str:
    """Return what stands beside a tick, where Plotly reads no markup."""
    return text if len(text) <= LETTERS else f"{text[: LETTERS - 1]}…"


def _figure(x: str, y: str) -> go.Figure:
    figure = go.Figure()
    figure.update_layout(_layout(), height=360, xaxis_title=x, yaxis_title=escape(y))
    figure.update_layout(legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"})
    figure.update_xaxes(zeroline=False, automargin=True)
    figure.update_yaxes(zeroline=False, automargin=True)
    return figure


def _layout() -> dict[str, Any]:
    clear = "rgba(0,0,0,0)"
    font = {"family": "system-ui, sans-serif", "size": 12}
    margin = {"l": 10, "r": 10, "t": 30, "b": 10}
    return {"template": "none", "paper_bgcolor": clear, "plot_bgcolor": clear, "font": font, "margin": margin}
