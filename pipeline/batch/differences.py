"""Says how the options and weights of a run differ from those that made the results in its output folder."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from facetally.batch.plan import Plan
from facetally.errors import OutputError
from facetally.formatting import counted
from facetally.options import RunOptions
from facetally.results.ledger import Ledger, VideoRow

FLAGS = {
    "detector": "--detector",
    "classifier": "--classifier",
    "sampling.every_s": "--every",
    "sampling.keyframes": "--keyframes",
    "sampling.stream": "--stream",
    "people.count": "--people",
}
"""Options with a flag; the others go by their name in a settings file."""
HASH_DIGITS = 8


def refuse_other_options(
    plan: Plan, ledger: Ledger, options: RunOptions, models: Mapping[str, Any], *, prune: bool = False
) -> None:
    """Stops a run that would replace results of other options or weights, or add its own to them.

    Args:
        plan: of the run.
        ledger: the output folder.
        options: of the run.
        models: names and hashes of its weights by role, as `Engines.provenance` gives them.
        prune: whether videos that are not among the inputs are removed.

    Raises:
        OutputError: what differs, and how many finished videos are concerned.
    """
    replaced, mixed = plan.replaced, plan.mixed if plan.is_mixing and not prune else []
    if not replaced and not mixed:
        return
    made = "; ".join(_sets(replaced or mixed, ledger, options, models))
    if replaced:
        raise OutputError(
            f"{ledger.out} holds {counted(len(replaced), 'finished video')} made with other options or weights: {made}",
            fix=f"add --update to process {'it' if len(replaced) == 1 else f'these {len(replaced)}'} again, or choose "
            "another folder with -o to keep both",
        )
    raise OutputError(
        f"{ledger.out} holds {counted(len(mixed), 'finished video')} made with other options or weights, and none of "
        f"them is among the inputs: {made}",
        fix="choose another folder with -o; or add --update, which keeps them and adds results that are not comparable",
    )


def refuse_newer_tables(plan: Plan) -> None:
    """Stops a run that would replace results that a newer facetally wrote.

    Raises:
        OutputError: the first of them.
    """
    if plan.newer:
        what = plan.newer[0].what + (f" (as {len(plan.newer) - 1} more)" if len(plan.newer) > 1 else "")
        raise OutputError(
            what,
            fix=f"pip install --upgrade facetally; or add --update to process "
            f"{'this video' if len(plan.newer) == 1 else f'these {len(plan.newer)} videos'} again with this version",
        )


def _sets(rows: list[VideoRow], ledger: Ledger, options: RunOptions, models: Mapping[str, Any]) -> Iterator[str]:
    """A text for each set of options and weights that made some of the rows, with their number if there are several."""
    by_digest: dict[str, list[VideoRow]] = {}
    for row in rows:
        by_digest.setdefault(row.options_digest, []).append(row)
    for made in by_digest.values():
        stored = ledger.provenance(made[0].video_id)
        differing = [
            *_options(stored.get("options", {}), options.as_dict()),
            *_models(stored.get("models", {}), models),
        ]
        text = ", ".join(differing) or f"by facetally {stored.get('version', '0.1')}, in a way that was not recorded"
        yield text if len(by_digest) == 1 else f"{len(made)} with {text}"


def _options(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """--every 0.2 -> 1, [tracking] max_overlap 0.3 -> 0.5, ..."""
    was, now = _flat(old), _flat(new)
    for key in [*now, *(key for key in was if key not in now)]:
        before, after = (_text(values[key]) if key in values else "unknown" for values in (was, now))
        if before != after:
            table, _, name = key.rpartition(".")
            yield f"{FLAGS.get(key) or (f'[{table}] {name}' if table else name)} {before} -> {after}"


def _flat(options: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in options.items():
        flat |= {f"{name}.{key}": inner for key, inner in value.items()} if isinstance(value, dict) else {name: value}
    return flat


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) else json.dumps(value)


def _models(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """weights of the classifier facetally (1a2b3c4d) -> facetally (5e6f7a8b), ..."""
    for role in dict.fromkeys([*old, *new]):
        before, after = (_weights(models.get(role)) for models in (old, new))
        if before != after:
            yield f"weights of the {role} {before} -> {after}"


def _weights(model: Any) -> str:
    if not isinstance(model, dict):
        return "none"
    return f"{model.get('name', '?')} ({str(model.get('sha256', ''))[:HASH_DIGITS] or 'no hash'})"
