"""What a user should know of a plan, as sentences: nothing is replaced, kept or left out in silence."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from facetally.batch.plan import Plan
from facetally.formatting import command, counted, listed
from facetally.results.newest_run import is_excluded

LISTED = 5
"""Videos that a sentence names."""


def notices(plan: Plan, *, prune: bool = False) -> Iterator[str]:
    """The sentences, each with the flag that undoes or changes what it says.

    Args:
        plan: of the run.
        prune: whether videos that are no longer among the inputs are removed.
    """
    if plan.replaced:
        yield f"{counted(len(plan.replaced), 'finished video')} made with other options or weights: processed again"
    if changed := [row.video for row in plan.changed]:
        yield f"{counted(len(changed), 'file')} changed since the last run: processed again: {listed(changed, LISTED)}"
    if damaged := [damage.video for damage in [*plan.damaged, *plan.newer]]:
        yield f"results of {counted(len(damaged), 'video')} cannot be used: processed again: {listed(damaged, LISTED)}"
    if plan.unreadable:
        names = [row.video for row in plan.unreadable]
        yield f"{counted(len(names), 'file')} cannot be read now; the results are kept: {listed(names, LISTED)}"
    if failed := [row.video for row in plan.done if row.status == "failed"]:
        named = listed(failed, LISTED)
        yield f"{counted(len(failed), 'video')} failed before, not tried again (--retry-failed does): {named}"
    if plan.gone:
        yield gone_sentence(list(plan.gone.values()), is_pruned=prune)
    if plan.mixed and not prune:
        yield f"{counted(len(plan.mixed), 'video')} of them made with other options or weights"
    excluded = [*plan.excluded.values(), *plan.gone_excluded]
    yield from exclusion_sentences(plan.exclude, excluded)


def gone_sentence(names: Collection[str], *, is_pruned: bool = False) -> str:
    """About the videos with results that are not among the inputs."""
    still = f"still counted (--prune removes {'it' if len(names) == 1 else 'them'})"
    fate = "will be removed" if is_pruned else still
    return f"{counted(len(names), 'video')} with results, but not among the inputs: {fate}: {listed(names, LISTED)}"


def exclusion_sentences(patterns: Collection[str], excluded: Iterable[str]) -> Iterator[str]:
    """About the videos that are excluded, and about patterns that fit none.

    Args:
        patterns: of `--exclude`.
        excluded: names of the videos that they fit.
    """
    names = sorted(set(excluded))
    if names:
        flags = command(*(word for pattern in patterns for word in ("--exclude", pattern)))
        what = f"{counted(len(names), 'video')} excluded from all sums by {flags}"
        yield f"{what} (--include-all takes {'it' if len(names) == 1 else 'them'} back): {listed(names, LISTED)}"
    for pattern in patterns:
        if not any(is_excluded([pattern], name) for name in names):
            yield f"{command('--exclude', pattern)} fits no video"
