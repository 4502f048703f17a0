"""Lines of cron, as Argo reads them: five fields, or a word such as @daily."""

from __future__ import annotations

_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
_WORDS = {"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"}
_FIELDS = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 6, _DAYS),
)


def checked_cron(line: str) -> str:
    """The line, if it can ever come true. Raises ValueError that names the field."""
    if line in _WORDS:
        return line
    fields = line.split()
    if len(fields) != len(_FIELDS):
        raise ValueError("five fields are expected: minute, hour, day of the month, month, day of the week")
    for text, (what, least, most, names) in zip(fields, _FIELDS, strict=True):
        for part in text.split(","):
            if not _fits(part, least, most, list(names)):
                raise ValueError(f"{part!r} is no {what}: {least} to {most}, *, a-b, or */n")
    return line


def _fits(part: str, least: int, most: int, names: list[str]) -> bool:
    span, slash, step = part.partition("/")
    if slash and not (step.isdecimal() and 0 < int(step) <= most):
        return False
    if span in ("*", "?"):
        return True
    ends = [_number(end, least, names) for end in span.split("-")]
    known = [end for end in ends if end is not None and least <= end <= most]
    return len(ends) <= 2 and known == ends and known == sorted(known)


def _number(text: str, least: int, names: list[str]) -> int | None:
    if text.lower() in names:
        return least + names.index(text.lower())
    return int(text) if text.isdecimal() and text.isascii() else None
