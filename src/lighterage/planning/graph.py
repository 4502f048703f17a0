"""The order of tasks: topological, stable in file order; cycles are found and named."""

from __future__ import annotations

from collections import deque


def order(needs: dict[str, set[str]]) -> tuple[list[str], list[str]]:
    """Tasks so that each comes after its needs, and the names that a cycle keeps from having a place."""
    waiting = {name: set(before) for name, before in needs.items()}
    after: dict[str, list[str]] = {name: [] for name in needs}
    for name, before in needs.items():
        for one in before:
            after[one].append(name)
    ready = deque(name for name, before in waiting.items() if not before)
    ordered = []
    while ready:
        name = ready.popleft()
        ordered.append(name)
        for later in after[name]:
            waiting[later].discard(name)
            if not waiting[later]:
                ready.append(later)
    done = set(ordered)
    return ordered, [name for name in needs if name not in done]


def cycles(needs: dict[str, set[str]], stuck: list[str]) -> list[list[str]]:
    """Each cycle among the stuck tasks, as a path that ends where it began."""
    found: list[list[str]] = []
    seen: set[str] = set()
    for start in stuck:
        path: list[str] = []
        name = start
        while name not in seen:
            seen.add(name)
            path.append(name)
            name = next((one for one in sorted(needs[name]) if one in stuck), name)
        if name in path:
            found.append([*path[path.index(name) :], name])
    return found
