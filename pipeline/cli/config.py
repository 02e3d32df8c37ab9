"""Reads settings from a TOML file: flags by their names, and a table for each stage of the run.

    detector = "scrfd_2.5g"
    workers = 2

    [classification]
    min_confidence = 0.8

`facetally run --show-options` prints such a file.
"""

from __future__ import annotations

import ast
import difflib
import inspect
import json
import textwrap
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import rich_click as click

from facetally.errors import OptionError
from facetally.options import RunOptions

COMMENT_CHARACTERS = 100
"""Of a line of a comment."""


@dataclass(frozen=True)
class Config:
    """The content of a settings file."""

    flags: dict[str, Any]
    """By name, without the dashes."""
    stages: dict[str, dict[str, Any]]
    """Options of the stages of `RunOptions`, by stage."""


def read_config(path: Path, flags: Collection[str]) -> Config:
    """Reads a settings file.

    Args:
        path: of the file.
        flags: names of the flags that it may set, besides the tables of the stages.

    Raises:
        OptionError: no such file, not TOML, or an unknown name.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise OptionError(f"{path} cannot be read: {error.strerror}", fix="check the path") from error
    except (
        ValueError,
        RecursionError,
    ) as error:  # not UTF-8, not TOML, a number of 5,000 digits, a list nested too deep
        fix = "write lines like workers = 2; facetally run --show-options prints a complete file"
        raise OptionError(f"{path} is not TOML: {error}", fix=fix) from error
    stages = stage_options(RunOptions())
    for name, value in content.items():
        is_table = isinstance(value, dict)
        known = stages.keys() if is_table else flags
        if name not in known:
            raise _unknown(f"{'table' if is_table else 'option'} {name!r}", name, known=known, path=path)
        for key in value if is_table else ():
            if key not in stages[name]:
                raise _unknown(f"option {key!r} in [{name}]", key, known=stages[name], path=path)
    tables = {name: value for name, value in content.items() if isinstance(value, dict)}
    return Config({name: value for name, value in content.items() if name not in tables}, tables)


def as_typed(flag: str, value: Any, *, several: bool = False) -> str | list[str]:
    """The value of a flag as it would be typed on the command line, so that it is checked in the same way.

    Args:
        flag: its name, for the error.
        value: from a settings file.
        several: whether the flag may be given several times; a list is then its values.

    Raises:
        OptionError: a list where one value is expected.
    """
    if several and isinstance(value, list):
        return [str(as_typed(flag, item)) for item in value]
    if isinstance(value, list):
        raise OptionError(f"{flag} takes one value, got the list {value}", fix="write it without brackets")
    return json.dumps(value) if isinstance(value, bool) else str(value)


def with_stages(options: RunOptions, stages: Mapping[str, Mapping[str, Any]]) -> RunOptions:
    """The options with some options of the stages replaced.

    Raises:
        OptionError: a value of the wrong type, or out of range.
    """
    for name, changes in stages.items():
        stage = getattr(options, name)
        for key, value in changes.items():
            kind = type(getattr(stage, key))
            if not (type(value) is kind or (kind is float and type(value) is int)):
                raise OptionError(
                    f"{key} in [{name}] must be {WORDS[kind]}, got {value!r}",
                    fix=f"write {key} = {json.dumps(getattr(stage, key))}, for example",
                )
        try:
            converted = {key: type(getattr(stage, key))(value) for key, value in changes.items()}
            options = replace(options, **{name: replace(stage, **converted)})
        except (ValueError, OverflowError) as error:
            raise OptionError(f"[{name}]: {error}", fix="give a value in this range") from error
    return options


WORDS = {bool: "true or false", int: "an integer", float: "a number", str: "a string in quotes"}
"""Types of options, for error messages."""


def stage_options(options: RunOptions) -> dict[str, dict[str, Any]]:
    """The options of each stage by their names."""
    return {name: value for name, value in asdict(options).items() if isinstance(value, dict)}


def as_toml(flags: Mapping[str, Any], options: RunOptions) -> str:
    """The text of a settings file with these flags and options, and comments that say what each is.

    The comments are the help of the command's flags, and the docstrings of the options' fields.
    """
    parts = [_lines(flags, _flag_helps())]
    for name, values in stage_options(options).items():
        kind = type(getattr(options, name))
        summary = (kind.__doc__ or "").strip().partition("\n")[0]
        parts.append(f"{_comment(summary)}[{name}]\n{_lines(values, field_docstrings(kind))}")
    return "\n".join(parts)


def field_docstrings(kind: type) -> dict[str, str]:
    """What the string below each field of a dataclass says, by field; empty where its source is not available."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(kind)))
    except (OSError, TypeError):
        return {}
    (body,) = (node.body for node in tree.body if isinstance(node, ast.ClassDef))
    texts: dict[str, str] = {}
    for field, after in pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            value = after.value if isinstance(after, ast.Expr) else None
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                texts[field.target.id] = " ".join(value.value.split())
    return texts


def _flag_helps() -> dict[str, str]:
    """The help of each flag of the command that is running, by its name without dashes."""
    context = click.get_current_context(silent=True)
    options = [] if context is None else [o for o in context.command.params if isinstance(o, click.Option)]
    return {option.opts[-1].removeprefix("--"): option.help or "" for option in options}


def _lines(values: Mapping[str, Any], comments: Mapping[str, str]) -> str:
    texts = {name: json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f") for name, value in values.items()}
    return "".join(f"{_comment(comments.get(name, ''))}{name} = {text}\n" for name, text in texts.items())


def _comment(text: str) -> str:
    """Lines of a comment; nothing for an empty text."""
    lines = textwrap.wrap(text, COMMENT_CHARACTERS, break_long_words=False, break_on_hyphens=False)
    return "".join(f"# {line}\n" for line in lines)


def _unknown(what: str, name: str, *, known: Collection[str], path: Path) -> OptionError:
    close = difflib.get_close_matches(name, known, 1)
    fix = f"did you mean {close[0]}?" if close else f"choose from: {', '.join(sorted(known))}"
    return OptionError(f"{path}: no {what} is known", fix=fix)
