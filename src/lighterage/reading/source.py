"""A file's bytes -> text that YAML may be made of."""

from __future__ import annotations

from pathlib import Path

from ..diagnostics import Diagnostic, Mistakes, closest
from .characters import FORBIDDEN, split_lines

LARGEST = 1 << 20
"""bytes of a file"""


def text_of(source: Path | str, file: str) -> str:
    """The text without its byte order mark. Raises Mistakes; ``file`` is the name they carry."""
    text = source if isinstance(source, str) else _decoded(_data(source, file), file)
    if isinstance(source, str) and len(source.encode("utf-8", "surrogatepass")) > LARGEST:
        raise _too_large(file)
    text = text.removeprefix("\ufeff")
    if bad := FORBIDDEN.search(text):
        message = f"the character U+{ord(bad[0]):04X} cannot stand in YAML"
        raise _at_the_end_of(text[: bad.start()], file, "L015", message)
    return text


def _data(path: Path, file: str) -> bytes:
    try:
        if path.is_dir():
            raise _mistake("L002", "this is a folder, not a file", file, "name the YAML file in it")
        with path.open("rb") as opened:
            data = opened.read(LARGEST + 1)
    except FileNotFoundError:
        raise _mistake("L001", "there is no such file", file, _neighbour(path)) from None
    except (OSError, ValueError) as error:
        raise _mistake("L001", f"the file cannot be read: {error}", file) from None
    if len(data) > LARGEST:
        raise _too_large(file)
    return data


def _decoded(data: bytes, file: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8").removeprefix("\ufeff")
        raise _at_the_end_of(before, file, "L003", f"byte {data[error.start]:#04x} is not UTF-8") from None


def _at_the_end_of(before: str, file: str, code: str, message: str) -> Mistakes:
    lines = split_lines(before)
    return Mistakes([Diagnostic(code, message, file, len(lines), len(lines[-1]) + 1, source=lines[-1])])


def _too_large(file: str) -> Mistakes:
    return _mistake("L004", "the file is larger than 1 MiB", file, "keep data in files of its own")


def _mistake(code: str, message: str, file: str, hint: str | None = None) -> Mistakes:
    return Mistakes([Diagnostic(code, message, file, hint=hint)])


def _neighbour(path: Path) -> str | None:
    try:
        near = closest(path.name, [entry.name for entry in path.absolute().parent.iterdir()][:1000])
    except OSError:
        return None
    return f"did you mean {str(path.with_name(near))!r}?" if near else None
