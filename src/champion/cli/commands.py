"""Decides what `python -m champion` does: look at who is champion, and change it by hand."""

import sys
from collections.abc import Sequence
from dataclasses import replace

from champion import registry, tracking
from champion.base.errors import ModelError
from champion.base.words import shorten
from champion.cli import console
from champion.registry import Version
from champion.reporting import result


def status(name: str | None, *, as_json: bool = False) -> None:
    """Show champion, challenger and versions of a model, or of each one that has any."""
    names = [name] if name else registry.names_with_a_past()
    if not names:
        raise ModelError(_nobody())
    with registry.locked():
        for known in names:
            _refresh(known)
        registry.export()
    if as_json:
        _print({known: registry.content(known) for known in names})
        return
    for known in names:
        console.status(known, registry.versions(known), registry.events(known))


def history(name: str | None, *, as_json: bool = False) -> None:
    """Show every change of champion."""
    with registry.locked():
        chosen = _chosen(name)
        _refresh(chosen)
        registry.export()
    past = registry.events(chosen)
    if not past:
        raise ModelError(f"{chosen} has had no champion yet. `{registry.promote_command(chosen, 'N')}` makes one.")
    if as_json:
        _print(past)
    else:
        console.history(chosen, past)


def leaderboard(study: str | None, *, as_json: bool = False) -> None:
    """Show the trials of a sweep, or of the latest one: those that are complete, the best first, then the others."""
    from champion.learning.evaluation import direction  # takes a second, which the other commands spare

    sweep = tracking.sweep(study)
    sign = -1 if direction(sweep.objective) == "maximize" else 1
    ranked = sorted(
        sweep.trials,
        key=lambda one: (one.state != "complete", one.value is None, sign * (one.value or 0), one.trial),
    )
    found = replace(sweep, trials=ranked)
    if as_json:
        _print(found)
    else:
        console.leaderboard(found)


def promote(name: str | None, number: int) -> None:
    """Make a version the champion, whatever the finals said."""
    with registry.locked():
        chosen = _chosen(name)
        version = registry.get(chosen, number)
        _crown(version, how="promote", reason="Promoted by hand{}.")


def rollback(name: str | None) -> None:
    """Make the version champion again that was it before."""
    with registry.locked():
        chosen = _chosen(name)
        registry.notice(chosen)
        number = registry.before(registry.events(chosen), [version.version for version in registry.versions(chosen)])
        if number is None:
            other = registry.promote_command(chosen, "N")
            raise ModelError(f"{chosen} had no champion before this one. `{other}` chooses one.")
        _crown(registry.get(chosen, number), how="rollback", reason="Champion again{}.")


def predict(
    path: str,
    output: str | None,
    *,
    name: str | None,
    version: int | None,
    alias: str,
    sep: str | None = None,
    encoding: str | None = None,
    decimal: str | None = None,
    missing: Sequence[str] = (),
) -> None:
    """Score the rows of the file at `path`, which is written as the keys of conf/data/csv.yaml say.

    The standard output is for rows alone: what else there is to say is said on the other one.
    """
    from champion.serving import model, scoring  # takes a second or two, which the other commands spare
    from champion.serving.output import check_output

    file = check_output(output, source=path)
    with scoring.open_table(path, sep=sep, encoding=encoding) as table:
        served = model.load(model.find(name, version=version, alias=alias))
        scored = scoring.score(served, table, file, decimal=decimal, missing=missing)
    if scored.absent:
        print(f"Taken as missing in every row: {shorten(scored.absent)}", file=sys.stderr)
    for column, cells in scored.unseen.items():
        most = " Is that the same column, written as it was?" if cells > scored.n_rows / 2 else ""
        said = f"{cells:,} of {scored.n_rows:,} cells of '{column}' hold what training never saw"
        print(f"{said}, and count as none of the known ones.{most}", file=sys.stderr)
    by = f"{served.version.name} {served.version.version}"
    print(f"{scored.n_rows:,} rows predicted by {by}{f' into {output}' if output else ''}", file=sys.stderr)


def _print(found: object) -> None:
    print(result.text(found).decode())


def _crown(version: Version, *, how: str, reason: str) -> None:
    champion = registry.by_alias(version.name)
    if champion and champion.version == version.version:
        console.line("version", f"{version.name} {version.version} is champion already")
        return
    try:
        registry.try_out(version)
    except ModelError as error:
        refused = f"Version {version.version} of {version.name} can't be champion"
        raise ModelError(f"{refused}: {error} Choose another version.") from error
    instead = f", in place of version {champion.version}" if champion else ""
    said = reason.format(instead)
    crowned = registry.promote(version, how=how, reason=said)
    registry.export()
    console.verdict(crowned, said)


def _refresh(name: str) -> None:
    """Take note of what was done by other means, such as MLflow's own pages; leave a model alone that isn't ours."""
    if name in registry.names_with_a_past():
        registry.notice(name)
        registry.mirror(name)


def _chosen(name: str | None) -> str:
    """Return the model that is meant: the only one with a champion where none is named."""
    if name:
        return name
    names = registry.names() or registry.names_with_a_past()
    if not names:
        raise ModelError(_nobody())
    return registry.only(names)


def _nobody() -> str:
    return f"There is no champion yet, nor a challenger. Train one: `{registry.train_command()}`."
