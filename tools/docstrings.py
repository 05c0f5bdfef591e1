"""Reads docstrings in the style of FiftyOne's code: ``Example::``, ``Args:``, ``Returns:``, ``Raises:``."""

from __future__ import annotations

import inspect
import re
import textwrap
from dataclasses import dataclass


@dataclass(frozen=True)
class Argument:
    """An argument as its docstring describes it; the default is the text in parentheses, or None."""

    name: str
    default: str | None
    text: str


@dataclass(frozen=True)
class Docstring:
    """The parts of a docstring."""

    paragraphs: list[str]
    example: str
    arguments: list[Argument]
    returns: str
    raises: str


_HEAD = re.compile(r"^(Args|Returns|Raises|Example):{1,2}$")
_ARGUMENT = re.compile(r"^(\w+)(?: \((.*?)\))?: (.*)$", re.DOTALL)


def parse(described: object) -> Docstring:
    """Parses the docstring of a function or class.

    Raises:
        ValueError: if a line of ``Args:`` does not describe an argument
    """
    sections: dict[str, list[str]] = {"": []}
    section = ""
    for line in (inspect.getdoc(described) or "").splitlines():
        head = _HEAD.match(line)
        section = head[1] if head else section
        sections.setdefault(section, [])
        if not head:
            sections[section].append(line)

    return Docstring(
        paragraphs=[_joined(part.splitlines()) for part in "\n".join(sections[""]).strip().split("\n\n")],
        example=textwrap.dedent("\n".join(sections.get("Example", []))).strip("\n"),
        arguments=[_argument(item) for item in _items(sections.get("Args", []))],
        returns=_joined(sections.get("Returns", [])),
        raises=_joined(sections.get("Raises", [])),
    )


def _items(lines: list[str]) -> list[str]:
    """One text for each line that is indented once, with the lines indented further joined to it."""
    items: list[list[str]] = []
    for line in filter(str.strip, lines):
        if line.startswith("        "):
            items[-1].append(line)
        else:
            items.append([line])

    return [_joined(item) for item in items]


def _joined(lines: list[str]) -> str:
    return " ".join(line.strip() for line in lines).strip()


def _argument(text: str) -> Argument:
    found = _ARGUMENT.match(text)
    if not found:
        raise ValueError(f"'{text}' does not describe an argument")

    return Argument(found[1], found[2], found[3])
