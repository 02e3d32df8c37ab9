"""The command that plays a video from a second on."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import pytest

from facetally.inspection.players import installed_player, play_command

NAME = Path("/films/It's $5; a film.mp4")


@pytest.mark.parametrize(
    ("player", "words"),
    [("mpv", ["mpv", "--start=83"]), ("vlc", ["vlc", "--start-time=83"]), ("ffplay", ["ffplay", "-ss", "83"])],
)
def test_each_player_begins_at_the_second_that_has_begun(player: str, words: list[str]) -> None:
    assert shlex.split(play_command(NAME, 83.9, player)) == [*words, str(NAME)]


@pytest.mark.parametrize(
    ("on_machine", "player"),
    [({"vlc", "ffplay"}, "vlc"), ({"ffplay"}, "ffplay"), ({"mpv", "vlc"}, "mpv"), (set(), None)],
)
def test_the_first_installed_player_is_taken(
    on_machine: set[str], player: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: name if name in on_machine else None)
    assert installed_player() == player
    assert play_command(NAME, 0.0).split()[0] == (player or "mpv")
