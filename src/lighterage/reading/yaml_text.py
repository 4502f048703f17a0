"""Text to values: PyYAML's events (libyaml's where it is there) and a constructor of our own with a stack.

Working on events keeps depth, size and aliases bounded before anything could recurse: PyYAML's own composer
of libyaml's events ends the process on deeply nested input.
Without libyaml reading is slower and stricter about tabs, but no value differs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from ..diagnostics import Diagnostic, Mistakes
from .characters import invisible, split_lines, unusable
from .document import MOST_MISTAKES, Document, Place
from .scalars import OutOfRange, plain_scalar
from .source import text_of

DEEPEST = 64
MOST_ALIASED = 10_000
"""values that aliases may add"""

_Parser: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG = "tag:yaml.org,2002:"
_SCALAR_TAGS: dict[str, type] = {"str": str, "int": int, "float": float, "bool": bool, "null": type(None)}
_QUOTED = frozenset("'\"|>")
_AROUND = (yaml.StreamStartEvent, yaml.StreamEndEvent, yaml.DocumentEndEvent)
_CLOSING = (yaml.MappingEndEvent, yaml.SequenceEndEvent)


def read_document(source: Path | str, name: str | None = None) -> Document:
    """A file, or text with the ``name`` it is called by. Raises Mistakes with all that could be found."""
    file = name or str(source)
    return _Reader(text_of(source, file), file).document()


class _Node:
    """A value and what is known of it; a mapping or list may still be open."""

    __slots__ = ("anchor", "count", "height", "key", "place", "value")

    def __init__(self, value: Any, place: Place, anchor: str | None = None, *, count: int = 1, height: int = 0) -> None:
        self.value = value
        self.place = place
        self.anchor = anchor
        self.count = count
        self.height = height
        """mappings and lists inside each other, itself included"""
        self.key: tuple[str, Place] | None = None
        """of a mapping, while its value has not come yet"""


class _Reader:
    def __init__(self, text: str, file: str) -> None:
        self.text = text
        self.lines = split_lines(text)
        self.file = file
        self.found: list[Diagnostic] = []
        self.anchors: dict[str, _Node] = {}
        self.aliased = 0

    def document(self) -> Document:
        parser = _Parser(self.text)
        try:
            root = self._root(parser)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            self._report("L010", _said(error), mark)
            raise Mistakes(self.found) from None
        finally:
            parser.dispose()
        if root is None or (root.value is None and not self.found):
            self._report("L005", "the file is empty", None, "`lighterage init` makes an example")
        if root is None or self.found:
            raise Mistakes(self.found)
        return Document(root.value, self.file, self.text, root.place)

    def _root(self, parser: Any) -> _Node | None:
        root: _Node | None = None
        stack: list[_Node] = []
        while parser.check_event():
            event = parser.get_event()
            if isinstance(event, _AROUND):
                continue
            if isinstance(event, yaml.DocumentStartEvent):
                if root is not None:
                    self._stop("L016", "a second document starts here; a file holds one", event.start_mark)
                continue
            if isinstance(event, yaml.CollectionStartEvent):
                stack.append(self._opened(event, len(stack)))
                continue
            node = self._closed(stack.pop()) if isinstance(event, _CLOSING) else self._leaf(event, len(stack))
            if stack:
                self._put(stack[-1], node)
            else:
                root = node
        return root

    def _opened(self, event: Any, depth: int) -> _Node:
        self._limit_depth(depth + 1, event)
        mapping = isinstance(event, yaml.MappingStartEvent)
        self._check_tag(event, ("map",) if mapping else ("seq",))
        self.anchors.pop(event.anchor, None)
        return _Node({} if mapping else [], self._place(event), event.anchor, height=1)

    def _closed(self, node: _Node) -> _Node:
        if node.anchor:
            self.anchors[node.anchor] = node
        return node

    def _leaf(self, event: Any, depth: int) -> _Node:
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, depth)
        return self._closed(_Node(self._scalar(event), self._place(event), event.anchor))

    def _alias(self, event: Any, depth: int) -> _Node:
        place = self._place(event)
        if event.anchor not in self.anchors:
            message = f"*{event.anchor} stands for nothing: its anchor is missing, or it contains itself"
            self._report("L013", message, event.start_mark)
            return _Node(None, place)
        node = self.anchors[event.anchor]
        self._limit_depth(depth + node.height, event)
        self.aliased += node.count
        if self.aliased > MOST_ALIASED:
            self._stop("L013", f"aliases add more than {MOST_ALIASED:,} values", event.start_mark)
        place.parts, place.keys = node.place.parts, node.place.keys
        return _Node(node.value, place, count=node.count, height=node.height)

    def _scalar(self, event: Any) -> Any:
        tag = self._check_tag(event, tuple(_SCALAR_TAGS))
        if event.style == '"' and (char := unusable(event.value)):
            message = f"this text holds the character U+{ord(char):04X}, which no file or path can keep"
            self._report("L015", message, event.start_mark)
        if tag == "str" or event.tag == "!" or (tag is None and event.style in _QUOTED):
            return event.value
        try:
            value = plain_scalar(event.value)
        except OutOfRange as error:
            self._report("L018", str(error), event.start_mark)
            return None
        if tag == "float" and type(value) is int:
            return float(value)
        if tag is not None and type(value) is not _SCALAR_TAGS[tag]:
            self._report("L012", f"the tag !!{tag} does not fit this value", event.start_mark, "leave it out")
        return value

    def _check_tag(self, event: Any, allowed: tuple[str, ...]) -> str | None:
        """The name of a core tag that suits the event; None where none is written."""
        if event.tag is None or event.tag == "!":
            return None
        name = event.tag.removeprefix(_TAG)
        if name in allowed and name != event.tag:
            return str(name)
        message = f"the tag {event.tag.replace(_TAG, '!!')} has no meaning here"
        self._report("L012", message, event.start_mark, "leave it out: values are plain data")
        return None

    def _put(self, into: _Node, node: _Node) -> None:
        into.count += node.count
        into.height = max(into.height, node.height + 1)
        if isinstance(into.value, list):
            into.place.parts[len(into.value)] = node.place
            into.value.append(node.value)
        elif into.key is None:
            into.key = self._key(node), node.place
        else:
            (key, at), into.key = into.key, None
            self._put_value(into, key, at, node)

    def _put_value(self, into: _Node, key: str, at: Place, node: _Node) -> None:
        if key in into.value:
            line, column = into.place.keys[key]
            message = f"the key {key!r} stands here twice; first on line {line}, column {column}"
            self._report_at("L011", message, at.line, at.column)
            return
        into.value[key] = node.value
        into.place.parts[key] = node.place
        into.place.keys[key] = at.line, at.column

    def _key(self, node: _Node) -> str:
        at = node.place
        if not isinstance(node.value, str):
            message = f"a key must be text, but this is {_kind(node.value)}"
            self._report_at("L017", message, at.line, at.column, "quote it")
            return f"\0{at.line}:{at.column}"  # two such keys are no duplicates
        if char := invisible(node.value):
            message = f"a name must not hold the invisible character U+{ord(char):04X}"
            self._report_at("L015", message, at.line, at.column)
        return node.value

    def _limit_depth(self, depth: int, event: Any) -> None:
        if depth > DEEPEST:
            self._stop("L014", f"values are nested more than {DEEPEST} deep", event.start_mark)

    def _stop(self, code: str, message: str, mark: Any) -> None:
        """For mistakes after which reading on makes no sense."""
        self._report(code, message, mark)
        raise Mistakes(self.found)

    def _report(self, code: str, message: str, mark: Any, hint: str | None = None) -> None:
        line, column = self._position(mark) if mark else (1, 1)
        self._report_at(code, message, line, column, hint)

    def _report_at(self, code: str, message: str, line: int, column: int, hint: str | None = None) -> None:
        self.found.append(Diagnostic(code, message, self.file, line, column, hint=hint, source=self.lines[line - 1]))
        if len(self.found) >= MOST_MISTAKES:
            raise Mistakes(self.found)

    def _place(self, event: Any) -> Place:
        return Place(*self._position(event.start_mark))

    def _position(self, mark: Any) -> tuple[int, int]:
        """Line and column, counted from 1. libyaml puts the end of a text without a last break on one line more."""
        if mark.line < len(self.lines):
            return mark.line + 1, mark.column + 1
        return len(self.lines), len(self.lines[-1]) + 1


def _kind(value: Any) -> str:
    match value:
        case None:
            return "empty"
        case dict() | list():
            return "a list or mapping"
    return str(value).lower()


def _said(error: yaml.MarkedYAMLError) -> str:
    problem = str(error.problem or error.context or "the text ends too early")
    if "cannot start any token" in problem or "\\t" in problem:
        return "no value starts with a tab, @, ` or %: indent with spaces, quote text"
    return f"this is not YAML: {problem}"
