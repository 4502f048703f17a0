"""The smallest step there can be."""


def add(value: int) -> dict[str, int]:
    return {"sum": value + 1}
