"""The command that plays a video from a second on."""

from __future__ import annotations

import shutil
from pathlib import Path

from facetally.formatting import command

PLAYERS = {"mpv": "--start={}", "vlc": "--start-time={}", "ffplay": "-ss {}"}
"""The option with which each player begins at a second; the first that is installed is taken."""


def installed_player() -> str | None:
    """The first of `PLAYERS` that is on this machine."""
    return next((name for name in PLAYERS if shutil.which(name)), None)


def play_command(path: Path, start_s: float, player: str | None = None) -> str:
    """A line for the shell that plays a video.

    Args:
        path: the video.
        start_s: where to begin, in seconds from the first frame; whole seconds are used.
        player: of `PLAYERS`; by default one that is installed, else the first.
    """
    player = player or installed_player() or next(iter(PLAYERS))
    return command(player, *PLAYERS[player].format(int(start_s)).split(), path)
