"""Decides what MLflow's page of a sweep says: what came of it, its leaders, and how to have the best one again."""

from champion.reporting import tables
from champion.reporting.search import Search

LEADERS = 10
LONGEST = 5000  # characters of a tag, in which MLflow keeps it, that every store takes


def write(search: Search, *, address: str, compare: str) -> str:
    """Return it as Markdown; `address` is that of the run on MLflow's pages, `compare` that which compares trials."""
    best = search.choice.get("command")
    again = ["", "The best one again:", "", "```bash", best, "```"] if best else []
    files = f"{address}/artifacts/report.html"
    report = ["", f"[Compare the trials]({compare}) by parallel coordinates. [All about the sweep]({files}).", ""]
    head = [f"| rank | trial | {search.objective} | again | params |", "| ---: | :--- | ---: | ---: | :--- |"]
    lines = [*(f"- {line}" for line in search.choice.get("said", ())), *again, *report, *head]
    for row in tables.leaderboard(search)[:LEADERS]:
        cells = (_place(row), row.name, row.value, row.again, _params(row))
        lines.append(f"| {' | '.join(cells)} |")
    while len(text := "\n".join(lines)) > LONGEST:
        lines.pop()
    return text


def _place(row: tables.Row) -> str:
    return f"{row.place}{' ≈' if row.alike else ' ★' if row.chosen else ''}" if row.place else "-"


def _params(row: tables.Row) -> str:
    text = ", ".join(f"{name}={value}" for name, value in row.params.items()) or f"baseline: {row.note}"
    return " ".join(text.split()).replace("|", "\\|")
