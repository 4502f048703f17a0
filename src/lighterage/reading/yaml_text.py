"""Text to values: PyYAML's event stream (libyaml where it is there) and a constructor of our own with a stack.

Working on events keeps depth, size and aliases bounded before anything could recurse: libyaml's own composer ends the
process on deeply nested input.
"""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any

import yaml

from ..diagnostics import Diagnostic, Mistakes
from .document import Document, Place
from .scalars import OutOfRange, plain_scalar

LARGEST = 1 << 20
"""bytes of a file"""
DEEPEST = 64
MOST_ALIASED = 10_000
"""values that aliases may add"""

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_CORE_TAGS = {f"tag:yaml.org,2002:{name}": name for name in ("str", "int", "float", "bool", "null", "map", "seq")}
_QUOTED = frozenset("'\"|>")
_OPENING = (yaml.MappingStartEvent, yaml.SequenceStartEvent)
_CLOSING = (yaml.MappingEndEvent, yaml.SequenceEndEvent)


def read_document(source: Path | str, name: str | None = None) -> Document:
    """A file, or text with the ``name`` it is called by. Raises Mistakes with everything that could be found."""
    file = name or str(source)
    text = _file_text(source, file) if isinstance(source, Path) else _checked_size(source.encode("utf-8", "surrogatepass"), source, file)
    return _Reader(text.removeprefix("\ufeff"), file).document()


def _file_text(path: Path, file: str) -> str:
    try:
        if path.is_dir():
            raise Mistakes([Diagnostic("L002", "this is a folder, not a file", file, hint="name the YAML file in it")])
        with path.open("rb") as opened:
            data = opened.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        reason = "there is no such file" if isinstance(error, FileNotFoundError) else f"the file cannot be read: {error}"
        raise Mistakes([Diagnostic("L001", reason, file, hint=_neighbour(path))]) from None
    try:
        return _checked_size(data, None, file)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - (data.rfind(b"\n", 0, error.start) + 1) + 1
        raise Mistakes([Diagnostic("L003", f"byte {data[error.start]:#04x} is not UTF-8", file, line, column)]) from None


def _neighbour(path: Path) -> str | None:
    from ..diagnostics import closest

    try:
        near = closest(path.name, [entry.name for entry in path.absolute().parent.iterdir()][:1000])
    except OSError:
        return None
    return f"did you mean {str(path.with_name(near))!r}?" if near else None


def _checked_size(data: bytes, text: str | None, file: str) -> str:
    if len(data) > LARGEST:
        raise Mistakes([Diagnostic("L004", "the file is larger than 1 MiB", file, hint="specs are small; data belongs in files of its own")])
    return data.decode("utf-8") if text is None else text


class _Reader:
    def __init__(self, text: str, file: str) -> None:
        self.text = text
        self.file = file
        self.found: list[Diagnostic] = []
        self.anchors: dict[str, tuple[Any, Place, int]] = {}
        self.aliased = 0

    def document(self) -> Document:
        try:
            value, place = self._read()
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            self._report("L010", _said(error), mark)
            raise Mistakes(self.found) from None
        except yaml.reader.ReaderError as error:
            self._unreadable(error)
            raise Mistakes(self.found) from None
        except RecursionError:
            self._report("L014", f"values are nested more than {DEEPEST} deep", None)
            raise Mistakes(self.found) from None
        if self.found:
            raise Mistakes(self.found)
        return Document(value, self.file, self.text, place)

    def _unreadable(self, error: Any) -> None:
        """A character that YAML does not allow, found again in the text because libyaml counts bytes."""
        for number, line in enumerate(self.text.split("\n"), 1):
            for column, char in enumerate(line, 1):
                if (ord(char) < 32 and char not in "\t\r") or char in "\x7f\ufffe\uffff" or "\ud800" <= char <= "\udfff" or "\x80" <= char <= "\x9f":
                    self.found.append(Diagnostic("L015", f"the character U+{ord(char):04X} cannot stand in YAML", self.file, number, column))
                    return
        self.found.append(Diagnostic("L010", str(getattr(error, "reason", error)), self.file))

    def _read(self) -> tuple[Any, Place]:
        loader = _Loader(self.text)
        try:
            return self._documents(loader)
        finally:
            loader.dispose()

    def _documents(self, loader: Any) -> tuple[Any, Place]:
        stack: list[_Open] = []
        root: tuple[Any, Place] | None = None
        while loader.check_event():
            event = loader.get_event()
            if isinstance(event, yaml.DocumentStartEvent) and root is not None:
                self._report("L016", "a second document starts here; a file holds one", event.start_mark)
                raise Mistakes(self.found)
            if isinstance(event, (yaml.StreamStartEvent, yaml.StreamEndEvent, yaml.DocumentStartEvent, yaml.DocumentEndEvent)):
                continue
            if isinstance(event, _OPENING):
                stack.append(self._open(event, len(stack)))
                continue
            done = self._close(stack.pop()) if isinstance(event, _CLOSING) else self._leaf(event)
            if stack:
                self._put(stack[-1], *done)
            else:
                root = done[0], done[1]
        if root is None or root[0] is None:
            self.found.append(Diagnostic("L005", "the file is empty", self.file, hint="start with apiVersion, kind and name; lighterage init makes an example"))
            raise Mistakes(self.found)
        return root

    def _open(self, event: Any, depth: int) -> _Open:
        if depth >= DEEPEST:
            self._report("L014", f"values are nested more than {DEEPEST} deep", event.start_mark)
            raise Mistakes(self.found)
        mapping = isinstance(event, yaml.MappingStartEvent)
        self._check_tag(event, "map" if mapping else "seq")
        opened = _Open({} if mapping else [], _place(event), event.anchor)
        if event.anchor:
            self.anchors.pop(event.anchor, None)
        return opened

    def _close(self, done: _Open) -> tuple[Any, Place, int]:
        if done.anchor:
            self.anchors[done.anchor] = done.value, done.place, done.count
        return done.value, done.place, done.count

    def _leaf(self, event: Any) -> tuple[Any, Place, int]:
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        place = _place(event)
        value = self._scalar(event)
        if event.anchor:
            self.anchors[event.anchor] = value, place, 1
        return value, place, 1

    def _alias(self, event: Any) -> tuple[Any, Place, int]:
        if event.anchor not in self.anchors:
            self._report("L013", f"*{event.anchor} stands for nothing: its anchor is missing, or it contains itself", event.start_mark)
            return None, _place(event), 1
        value, place, count = self.anchors[event.anchor]
        self.aliased += count
        if self.aliased > MOST_ALIASED:
            self._report("L013", f"aliases add more than {MOST_ALIASED:,} values", event.start_mark)
            raise Mistakes(self.found)
        return value, place, count

    def _scalar(self, event: Any) -> Any:
        kind = self._check_tag(event, "str")
        if event.tag == "!" or kind == "str" or (event.style in _QUOTED and event.tag is None):
            return event.value
        try:
            value = plain_scalar(event.value)
        except OutOfRange as error:
            self._report("L018", str(error), event.start_mark)
            return None
        except ValueError:
            self._report("L018", "this number cannot be read", event.start_mark)
            return None
        return value

    def _check_tag(self, event: Any, default: str) -> str | None:
        if event.tag is None or event.tag == "!":
            return None
        if event.tag not in _CORE_TAGS:
            self._report("L012", f"the tag {event.tag} has no meaning here", event.start_mark, hint="leave it out: values are plain data")
            return default
        return _CORE_TAGS[event.tag]

    def _put(self, into: _Open, value: Any, place: Place, count: int) -> None:
        into.count += count
        if isinstance(into.value, list):
            into.place.parts[len(into.value)] = place
            into.value.append(value)
        elif into.key is None:
            into.key = self._key(value, place), place
        else:
            key, at = into.key
            into.key = None
            if key in into.value:
                first = into.place.keys[key]
                self._report_at("L011", f"the key {key!r} stands here twice; first on line {first[0]}, column {first[1]}", at.line, at.column)
                return
            into.value[key] = value
            into.place.parts[key] = place
            into.place.keys[key] = at.line, at.column

    def _key(self, value: Any, place: Place) -> str:
        if not isinstance(value, str):
            shown = "a list or mapping" if isinstance(value, (dict, list)) else "nothing" if value is None else str(value).lower()[:40]
            self._report_at("L017", f"a key must be text, but this is {shown}", place.line, place.column, hint="quote it")
            return f"\0{place.line}:{place.column}"
        for char in value:
            if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp"):
                self._report_at("L015", f"a name must not hold the invisible character U+{ord(char):04X}", place.line, place.column)
                break
        return value

    def _report(self, code: str, message: str, mark: Any, hint: str | None = None) -> None:
        self._report_at(code, message, mark.line + 1 if mark else 1, mark.column + 1 if mark else 1, hint)

    def _report_at(self, code: str, message: str, line: int, column: int, hint: str | None = None) -> None:
        lines = self.text.split("\n", line)
        source = lines[line - 1].rstrip("\r") if line <= len(lines) else ""
        self.found.append(Diagnostic(code, message, self.file, line, column, hint=hint, source=source))


class _Open:
    """A mapping or list whose end has not come yet."""

    __slots__ = ("anchor", "count", "key", "place", "value")

    def __init__(self, value: Any, place: Place, anchor: str | None) -> None:
        self.value = value
        self.place = place
        self.anchor = anchor
        self.count = 1
        self.key: tuple[str, Place] | None = None


def _place(event: Any) -> Place:
    start = event.start_mark
    quoted = getattr(event, "style", None) in ("'", '"')
    return Place(start.line + 1, start.column + 1, quoted, start.line == event.end_mark.line)


def _said(error: yaml.MarkedYAMLError) -> str:
    problem = str(error.problem or error.context or "this is not YAML")
    if "found character that cannot start any token" in problem or "\\t" in problem:
        return "a tab or a reserved character stands where a value should start; indent with spaces, quote text that starts with @ or `"
    return f"this is not YAML: {problem}"
