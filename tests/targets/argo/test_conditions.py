"""`when` on Argo: what its text looks like, and that Argo decides by it what is decided here."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from lighterage.planning.references import parse_expression
from lighterage.schemas.contract import Port, typed
from lighterage.schemas.plan import canonical
from lighterage.schemas.template import COMPARISONS, evaluate, reference, references
from lighterage.targets.argo.conditions import condition, conditions

from .plans import plan, task

PROGRAM = Path(__file__).parent / "expressions"
INT64 = 2**63

PORTS = {
    f"{owner}.{name}": Port(type=kind)
    for owner in ("parameters", "a", "long-name-2")
    for kind, names in {
        "integer": ("rows", "in"),
        "number": ("accuracy", "if"),
        "boolean": ("good", "not"),
        "string": ("word", "let"),
    }.items()
    for name in names
}
"""What the generated expressions refer to; half the names are words of expr-lang."""

HOSTILE = [
    "",
    "yes",
    "true",
    "10",
    "9",
    "Straße",
    "\"quoted\" and 'quoted'",
    "first\nsecond\r\n\tthird",
    "{{workflow.name}}",
    "{{= 1 }}",
    "}} && true",
    "}",
    "back\\slash\\",
    r"\u003c\u003e\u0026 <b>&amp;</b>",
    r"\x41 \101 \n",
    "\x1b[31mred\x1b[0m",
    "\x7f\x80\u2028\ufeff",
    "🚢🏴‍☠️",
    "\uffff",
    "\U00010000",
    "$(HOME) ${HOME} `id` # //",
]


class Case(NamedTuple):
    """A condition, what its references hold, and how a person or the launcher writes that for Argo."""

    expression: Any
    values: dict[str, Any]
    texts: dict[str, str]


# -- its text ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("${a.accuracy} >= 0.9", "{{= (asFloat(tasks['a'].outputs.parameters.accuracy) >= 0.9) }}"),
        ("${parameters.rows} != 3", "{{= (asInt(workflow.parameters.rows) != 3) }}"),
        (
            "not ${parameters.good}",
            "{{= !(workflow.parameters.good in ['true', 'false']) || !((workflow.parameters.good == 'true')) }}",
        ),
        (
            "${a.word} == 'x' or ${a.word} == 'y' and true",
            "{{= ((tasks['a'].outputs.parameters.word == \"x\")"
            " || ((tasks['a'].outputs.parameters.word == \"y\") && true)) }}",
        ),
    ],
)
def test_each_reference_is_read_by_its_type(written: str, text: str) -> None:
    assert condition(parse_expression(written), PORTS) == text


def test_numbers_are_written_as_expr_lang_reads_them() -> None:
    told = condition([">", 1e300, -0.0], {}), condition(["<", 2**53, -3], {})
    assert told == ("{{= (1e+300 > -0.0) }}", "{{= (9007199254740992 < -3) }}")


def test_an_output_that_may_be_whole_is_read_as_what_it_is_where_that_matters() -> None:
    either = "(tasks['a'].outputs.parameters.accuracy matches '[.eE]' ? asFloat({0}) : asInt({0}))".format(
        "tasks['a'].outputs.parameters.accuracy"
    )
    written = parse_expression("${a.accuracy} > ${parameters.rows}")
    assert condition(written, PORTS) == f"{{{{= ({either} > asInt(workflow.parameters.rows)) }}}}"


def test_text_has_no_brace_and_no_backslash() -> None:
    text = condition(["==", reference("parameters.word"), r"{{\u003c}}"], PORTS)
    assert text == (r'{{= (workflow.parameters.word == "\u007b\u007b\u005cu003c\u007d\u007d") }}')


@pytest.mark.parametrize(
    "unknowable",
    [
        reference("later.good"),
        ["==", reference("matrix.units"), 3],
        ["==", reference("a.items"), []],
        ["==", reference("a.rows"), INT64],
        ["<", reference("a.accuracy"), math.inf],
        ["and", True, ["not", reference("later.good")]],
    ],
)
def test_what_argo_cannot_know_is_left_to_the_launcher(unknowable: Any) -> None:
    assert condition(unknowable, {**PORTS, "a.items": Port(type="list")}) is None


def test_only_outputs_that_are_sure_to_exist_are_known() -> None:
    over = [">", reference("a.sum"), 0]
    after = task("c", "a", "b", inputs={"a": 1}, when=[">", reference("b.sum"), 0])
    sure = plan(task("a"), task("b", "a"), after)
    skipped = plan(task("a"), task("b", "a", when=over), after)
    undecided = plan(task("a"), task("b", "a", when=[">", reference("a.maybe"), 0]), after)
    assert set(conditions(sure)) == {"c"}
    assert set(conditions(skipped)) == {"b", "c"}, "what follows a skipped task is skipped with it"
    assert set(conditions(undecided)) == set(), "its pod may succeed without outputs"


# -- Argo's own engine -------------------------------------------------------------------------------------------------


INTEGERS = st.sampled_from([0, 1, 9, 10, 2**53, 2**62, INT64 - 2]) | st.integers(2 - INT64, INT64 - 2)
FLOATS = st.sampled_from([0.5, 0.9, 1e16, 1e300, -1e300, 5e-324]) | st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.sampled_from(HOSTILE) | st.text(max_size=12)

Pool = dict[str, list[Any]]


@st.composite
def pools(draw: st.DrawFn) -> Pool:
    """What one case is made of: values of each type that are equal to each other, or nearly so."""
    whole, broken, text = draw(INTEGERS), draw(FLOATS), draw(TEXTS)
    integers = [whole - 1, whole, whole + 1]
    return {
        "integer": integers,
        "number": [*integers, *map(float, integers), broken, math.nextafter(broken, 0)],
        "boolean": [True, False],
        "string": [text, text + draw(TEXTS), draw(TEXTS)],
    }


def _operands(kind: str, pool: Pool) -> st.SearchStrategy[Any]:
    """Literals and references of a type; whole numbers are numbers."""
    kinds = ("integer", "number") if kind == "number" else (kind,)
    named = sorted(name for name, port in PORTS.items() if port.type in kinds)
    return st.sampled_from(named).map(reference) | st.sampled_from(pool[kind])


def _comparisons(pool: Pool) -> st.SearchStrategy[Any]:
    def of(kind: str, *signs: str) -> st.SearchStrategy[Any]:
        operands = _operands(kind, pool)
        return st.tuples(st.sampled_from(signs), operands, operands).map(list)

    return of("number", *COMPARISONS) | of("string", *COMPARISONS) | of("boolean", "==", "!=")


def _joined(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    chains = st.tuples(st.sampled_from(["and", "or"]), st.lists(inner, min_size=2, max_size=3))
    compared = st.tuples(st.sampled_from(["==", "!="]), inner, inner)
    return chains.map(lambda chain: [chain[0], *chain[1]]) | inner.map(lambda one: ["not", one]) | compared.map(list)


@st.composite
def cases(draw: st.DrawFn) -> list[Case]:
    """Several conditions over the same values."""
    pool = draw(pools())
    values: dict[str, Any] = {}
    texts: dict[str, str] = {}
    for name, port in PORTS.items():
        value = draw(st.sampled_from(pool[port.type]))
        texts[name] = value if isinstance(value, str) else canonical(value)
        values[name] = typed(port, texts[name]) if name.startswith("parameters.") else value
    leaves = _comparisons(pool) | _operands("boolean", pool)
    expressions = _comparisons(pool) | st.recursive(leaves, _joined, max_leaves=6)
    return [Case(one, values, texts) for one in draw(st.lists(expressions, min_size=12, max_size=12))]


def _corner(sign: str, left: Any, right: Any, **outputs: Any) -> Case:
    """A comparison with outputs of the task `a`."""
    values = {f"a.{name}": value for name, value in outputs.items()}
    texts = {name: value if isinstance(value, str) else canonical(value) for name, value in values.items()}
    return Case([sign, left, right], values, texts)


CORNERS = [
    _corner("==", reference("a.accuracy"), reference("a.rows"), accuracy=2**53, rows=2**53 + 1),
    _corner("==", reference("a.accuracy"), 2**53 + 1, accuracy=2**53),
    _corner("==", reference("a.rows"), 2**53 + 1, rows=2**53),
    _corner("==", reference("a.rows"), 2.0**53, rows=2**53 + 1),
    _corner("==", reference("a.word"), r"\u003c", word=r"\u003c"),
    _corner("==", reference("a.word"), "}} {{", word="}} {{"),
]
"""What chance seldom makes: equal only as doubles, equal only once escaped."""


@pytest.fixture(scope="session")
def batch() -> list[Case]:
    """Corners and generated cases, each once."""
    collected = {repr(case): case for case in CORNERS}

    @settings(
        max_examples=500,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(cases())
    def collect(drawn: list[Case]) -> None:
        collected.update({repr(case): case for case in drawn})

    collect()
    assert len(collected) >= 1000
    return list(collected.values())


Engine = Callable[[list[tuple[str, Case]]], list[Any]]


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """Argo's verdicts over texts of conditions: True, False, or what the error says."""
    go = shutil.which("go")
    if go is None:
        pytest.skip("no go on the PATH to build Argo's expression engine with")
    program = tmp_path_factory.mktemp("expressions") / "expressions"
    offline = {**os.environ, "GOPROXY": "off", "GOFLAGS": "-mod=readonly", "GOTOOLCHAIN": "local"}
    built = subprocess.run([go, "build", "-o", program, "."], cwd=PROGRAM, env=offline, capture_output=True, text=True)
    if built.returncode:
        pytest.skip(f"Argo's expression engine cannot be built without a network: {built.stderr.strip()[-300:]}")

    def ask(questions: list[tuple[str, Case]]) -> list[Any]:
        lines = "".join(json.dumps({"expression": text, "env": _env(case.texts)}) + "\n" for text, case in questions)
        told = subprocess.run([program], input=lines, capture_output=True, text=True, check=True, encoding="utf-8")
        answers = [json.loads(line) for line in told.stdout.splitlines()]
        assert len(answers) == len(questions)
        return [answer.get("value", answer.get("error")) for answer in answers]

    return ask


def _env(texts: Mapping[str, str]) -> dict[str, str]:
    """Variables as Argo names them."""
    named = {}
    for name, text in texts.items():
        owner, _, rest = name.partition(".")
        place = "workflow.parameters" if owner == "parameters" else f"tasks.{owner}.outputs.parameters"
        named[f"{place}.{rest}"] = text
    return named


def _differences(questions: list[tuple[str, Case]], engine: Engine) -> list[str]:
    """Where Argo says another thing than is said here, shortest first."""
    found = []
    for (text, case), verdict in zip(questions, engine(questions), strict=True):
        wanted = evaluate(case.expression, case.values.__getitem__)
        if verdict is not wanted:
            used = {name: case.texts[name] for name in references(case.expression)}
            found.append(f"{text}\n  with {used}\n  is {wanted} here; Argo: {verdict}")
    return sorted(found, key=len)


def _emitted(batch: list[Case]) -> list[tuple[str, Case]]:
    questions = []
    for case in batch:
        text = condition(case.expression, PORTS)
        assert text is not None, case
        questions.append((text, case))
    return questions


@pytest.mark.expressions
def test_argo_decides_what_is_decided_here(batch: list[Case], engine: Engine) -> None:
    different = _differences(_emitted(batch), engine)
    assert not different, f"{len(different)} of {len(batch)} differ:\n" + "\n".join(different[:10])


@pytest.mark.expressions
def test_the_batch_asks_for_everything(batch: list[Case]) -> None:
    texts = " ".join(text for text, _ in _emitted(batch))
    needed = [
        "&&",
        "||",
        "!(",
        "asInt",
        "asFloat",
        "matches",
        "== 'true'",
        r"\u007b\u007b",
        r"\u005cu003c",
        "🚢",
        "e+300",
    ]
    assert [word for word in (*needed, *(f" {sign} " for sign in COMPARISONS)) if word not in texts] == []
    verdicts = [evaluate(case.expression, case.values.__getitem__) for case in batch]
    assert 0.25 < sum(verdicts) / len(verdicts) < 0.75


@pytest.mark.expressions
@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (" <= ", " < "),
        ("&&", "||"),
        ("!(", "("),
        ("asFloat", ""),
        ("asInt", "asFloat"),
        ("matches '[.eE]' ? ", "matches '' ? "),
        ("== 'true'", "!= ''"),
        (r"\u007d", "}"),
        (r"\u005c", r"\\"),
    ],
)
def test_a_wrong_text_is_noticed(right: str, wrong: str, batch: list[Case], engine: Engine) -> None:
    spoiled = [(text.replace(right, wrong), case) for text, case in _emitted(batch) if right in text]
    assert _differences(spoiled, engine)


@pytest.mark.expressions
@pytest.mark.parametrize("sign", list(COMPARISONS))
@pytest.mark.parametrize("rows", [INT64, -INT64 - 1, 10**400])
def test_an_integer_that_argo_cannot_hold_is_an_error_and_never_another_verdict(
    sign: str, rows: int, engine: Engine
) -> None:
    expression = [sign, reference("a.rows"), 3]
    text = condition(expression, PORTS)
    assert text is not None
    [verdict] = engine([(text, Case(expression, {"a.rows": rows}, {"a.rows": str(rows)}))])
    assert "invalid operation: int" in verdict
