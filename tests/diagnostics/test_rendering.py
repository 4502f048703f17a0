"""What people, programs and services get to see."""

from __future__ import annotations

import json

import pytest

from lighterage.diagnostics import Diagnostic, Mistakes, closest, render
from lighterage.diagnostics.rendering import MOST_SHOWN

UNKNOWN = Diagnostic(
    "L103",
    "unknown field 'imge' in task 'train'",
    "demo.yaml",
    14,
    5,
    ("tasks", "train", "imge"),
    hint="did you mean 'image'?",
    source="    imge: tensorflow",
)
UNUSED = Diagnostic(
    "L308", "parameter 'seed' is used nowhere", "demo.yaml", 3, 3, severity="warning", source="  seed: 7"
)


def test_text_shows_the_line_a_caret_and_a_hint_in_the_order_of_the_file() -> None:
    assert render([UNKNOWN, UNUSED]).splitlines() == [
        "demo.yaml:3:3: warning[L308]: parameter 'seed' is used nowhere",
        "    seed: 7",
        "    ^",
        "demo.yaml:14:5: error[L103]: unknown field 'imge' in task 'train'",
        "      imge: tensorflow",
        "      ^",
        "  hint: did you mean 'image'?",
    ]


def test_files_lines_and_columns_are_sorted_as_numbers() -> None:
    places = [("b.yaml", 1, 1), ("a.yaml", 10, 2), ("a.yaml", 9, 2), ("a.yaml", 10, 1)]

    told = render([Diagnostic("L103", "x", *place) for place in places])

    assert [line.split(": ")[0] for line in told.splitlines()] == [
        "a.yaml:9:2",
        "a.yaml:10:1",
        "a.yaml:10:2",
        "b.yaml:1:1",
    ]


def test_no_more_than_fifty_are_shown() -> None:
    told = render([Diagnostic("L103", "x", "a.yaml", line) for line in range(1, MOST_SHOWN + 8)]).splitlines()

    assert len(told) == MOST_SHOWN + 1
    assert told[-1] == "and 7 more"


@pytest.mark.parametrize(
    ("source", "column", "caret"),
    [
        ("\tname: x", 2, "  \t^"),
        ("{木: 1, x: 2}", 8, "          ^"),
        ("e\u0301: 1", 5, "     ^"),
        ("x" * 300, 250, None),
    ],
    ids=["below a tab", "below wide characters", "below an accent of its own", "not below what is cut off"],
)
def test_caret(source: str, column: int, caret: str | None) -> None:
    lines = render([Diagnostic("L103", "x", "a.yaml", 1, column, source=source)]).splitlines()

    assert lines[2:] == ([caret] if caret else [])


def test_text_cannot_steer_a_terminal() -> None:
    found = Diagnostic(
        "L103", "unknown field '\x1b[2J'", "a\x1b.yaml", source="\x1b]0;owned\x07: \u202e1", hint="\x9b31m"
    )

    for colour in (False, True):
        told = render([found], colour=colour)
        assert "\x1b[2J" not in told
        assert not set(told) & set("\x07\x9b\u202e")
        assert colour or "\x1b" not in told


def test_colour_marks_the_severity() -> None:
    assert "\x1b[1;31merror[L103]\x1b[0m" in render([UNKNOWN], colour=True)
    assert "\x1b[1;33mwarning[L308]\x1b[0m" in render([UNUSED], colour=True)


def test_json_has_what_a_program_needs() -> None:
    assert json.loads(render([UNKNOWN], "json")) == [
        {
            "code": "L103",
            "severity": "error",
            "message": "unknown field 'imge' in task 'train'",
            "file": "demo.yaml",
            "line": 14,
            "column": 5,
            "path": "tasks.train.imge",
            "hint": "did you mean 'image'?",
        }
    ]
    assert json.loads(render([], "json")) == []


def test_github_annotations_keep_to_one_line_each() -> None:
    found = Diagnostic("L104", "50% of\nit", "a,b:c.yaml", 2, 3, hint="less")

    assert render([found], "github") == "::error file=a%2Cb%3Ac.yaml,line=2,col=3,title=L104::50%25 of%0Ait (less)"


def test_sarif_names_rule_and_place() -> None:
    run = json.loads(render([UNKNOWN, UNUSED], "sarif"))["runs"][0]

    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["L103", "L308"]
    assert run["tool"]["driver"]["rules"][0]["shortDescription"] == {"text": "unknown field"}
    result = run["results"][1]
    assert (result["ruleId"], result["level"]) == ("L103", "error")
    assert result["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "demo.yaml"},
        "region": {"startLine": 14, "startColumn": 5},
    }


def test_every_form_survives_a_file_name_that_is_not_text() -> None:
    found = Diagnostic("L001", "there is no such file", "caf\udce9 1.yaml")

    for form in ("text", "json", "github", "sarif"):
        render([found], form).encode("utf-8")
    assert '"uri": "caf%E9%201.yaml"' in render([found], "sarif")


def test_mistakes_carry_all_in_order() -> None:
    mistakes = Mistakes([UNKNOWN, UNUSED])

    assert mistakes.diagnostics == [UNUSED, UNKNOWN]
    assert str(mistakes).startswith("demo.yaml:3:3: L308 parameter 'seed'")


@pytest.mark.parametrize(
    ("word", "near"), [("imge", "image"), ("Image", "image"), ("matrx", "matrix"), ("zebra", None)]
)
def test_closest(word: str, near: str | None) -> None:
    assert closest(word, ["image", "matrix", "retry"]) == near
