"""facetally: who appears in a folder of videos, for how long, and how sure can you be?

    run = facetally.run("videos/", out="out")
    run.tracks()                                                        # a pandas table, a row for each appearance
    facetally.validate("out", truth="truth/", target=0.85).verdict
    facetally.predict("photo.jpg")                                      # the faces with their attributes

The command `facetally` calls the same functions. They are loaded when they are first used, so that importing one module
of facetally does not load the others.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from facetally.errors import ModelError, OptionError, OutputError, PipelineError, TruthError, VideoError
    from facetally.jobs.corrections import correct_track as correct
    from facetally.jobs.draw import draw_run as draw
    from facetally.jobs.export import export_run as export
    from facetally.jobs.export import export_truth
    from facetally.jobs.images import predict_images as predict
    from facetally.jobs.labels import compare_runs as compare
    from facetally.jobs.labels import validate_run as validate
    from facetally.jobs.live import watch
    from facetally.jobs.runs import run_folder as run
    from facetally.jobs.show import show_run as show
    from facetally.jobs.sums import report_run as report
    from facetally.jobs.sums import tally_run as tally
    from facetally.options import RunOptions
    from facetally.results.run_tables import Run

__version__ = "0.2.0"
__all__ = [
    "ModelError",
    "OptionError",
    "OutputError",
    "PipelineError",
    "Run",
    "RunOptions",
    "TruthError",
    "VideoError",
    "__version__",
    "compare",
    "correct",
    "draw",
    "export",
    "export_truth",
    "predict",
    "report",
    "run",
    "show",
    "tally",
    "validate",
    "watch",
]
_PLACES = {
    **{name: f"facetally.jobs.sums:{name}_run" for name in ("report", "tally")},
    **{"compare": "facetally.jobs.labels:compare_runs", "validate": "facetally.jobs.labels:validate_run"},
    **{"predict": "facetally.jobs.images:predict_images", "run": "facetally.jobs.runs:run_folder"},
    **{"show": "facetally.jobs.show:show_run", "draw": "facetally.jobs.draw:draw_run"},
    **{"correct": "facetally.jobs.corrections:correct_track", "export": "facetally.jobs.export:export_run"},
    **{"export_truth": "facetally.jobs.export:export_truth", "watch": "facetally.jobs.live:watch"},
    **{name: f"facetally.errors:{name}" for name in __all__ if name.endswith("Error")},
    **{"Run": "facetally.results.run_tables:Run", "RunOptions": "facetally.options:RunOptions"},
}
"""Where each name of the front door is defined."""
_TAKE_ADDRESSES = frozenset(("compare", "correct", "draw", "export", "report", "show", "tally", "validate"))
"""The functions that read an output folder, which may be given by its address."""


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, attribute = _PLACES[name].partition(":")
    found = getattr(import_module(module), attribute)
    if name not in _TAKE_ADDRESSES:
        return found
    from facetally.storage.outputs import with_addresses

    return with_addresses(found)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
