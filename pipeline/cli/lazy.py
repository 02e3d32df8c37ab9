"""Loads a command when it is used: the others are not loaded."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click

from facetally.cli.commands import Command


class LazyCommands(dict[str, click.Command]):
    """Commands by name, for a group; each is loaded when it is asked for.

    Args:
        places: where the commands are. In its module a command has the name that it has here.
    """

    def __init__(self, places: Mapping[str, Command]) -> None:
        super().__init__()
        self._places = dict(places)
        for name in places:
            super().__setitem__(name, click.Command(name))  # to be replaced

    def __getitem__(self, name: str) -> click.Command:
        if place := self._places.get(name):
            self[name] = getattr(import_module(f"facetally.cli.{place.module}"), name)
        return super().__getitem__(name)

    def __setitem__(self, name: str, command: click.Command) -> None:
        self._places.pop(name, None)
        super().__setitem__(name, command)

    def get(self, name: str, default: Any = None) -> Any:
        """The command, or `default`."""
        return self[name] if name in self else default  # noqa: SIM401 (it is what `get` is made of)

    def items(self) -> Any:
        """All of them, loaded."""
        return {name: self[name] for name in self}.items()

    def values(self) -> Any:
        """All of them, loaded."""
        return {name: self[name] for name in self}.values()
