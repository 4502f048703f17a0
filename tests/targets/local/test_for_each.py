"""Tasks over a list that is known when the run gets there."""

from __future__ import annotations

import pytest

from tests.conftest import Project


@pytest.fixture
def lists(project: Project) -> Project:
    """Steps that make a list of objects, double a number, and add up."""
    project.step(
        "some",
        "def some(count):\n    return {'items': [{'n': n, 'name': f'item {n}'} for n in range(count)]}",
        "{count: {type: integer}}",
        "{items: {type: list, items: {type: object}}}",
    )
    project.step(
        "double",
        "def double(n, name, page):\n    page.path.write_text(name)\n    return {'twice': 2 * n}",
        "{n: {type: integer}, name: {type: string, default: none}}",
        "{twice: {type: integer}, page: {type: file}}",
    )
    project.step(
        "total",
        "def total(numbers, pages):\n    return {'sum': sum(numbers), 'text': ' '.join(one.path.read_text() for one in pages)}",
        "{numbers: {type: list, items: {type: integer}}, pages: {type: list, items: {type: file}}}",
        "{sum: {type: integer}, text: {type: string}}",
    )
    return project


FLOW = """\
    list: {uses: ./some, with: {count: "${parameters.count}"}}
    each: {uses: ./double, for_each: "${list.items}", with: {n: "${item.n}", name: "${item.name}"}}
    all: {uses: ./total, with: {numbers: "${each.twice}", pages: "${each.page}"}}
    """


def test_an_instance_for_each_item_and_none_for_an_empty_list(lists: Project) -> None:
    flow = lists.workflow(FLOW, head="parameters: {count: 3}\n")
    told = lists.run(flow)
    assert [name for name in told["by"] if name.startswith("each")] == ["each[0]", "each[1]", "each[2]"]
    assert told["by"]["all"]["outputs"] == {"sum": 6, "text": "item 0 item 1 item 2"}
    told = lists.run(flow, "-p", "count=0")
    assert told["status"] == "succeeded"
    assert told["by"]["all"]["outputs"] == {"sum": 0, "text": ""}
    assert lists.run(flow, "-p", "count=2")["by"]["each[0]"]["cached"]


def test_items_of_a_parameter_and_a_condition_on_each(lists: Project) -> None:
    tasks = 'each: {uses: ./double, for_each: "${parameters.list}", with: {n: "${item}"}, when: "${item} > 1"}'
    flow = lists.workflow(tasks, head="parameters: {list: {type: list, items: {type: integer}, default: [1, 2, 3]}}\n")
    told = lists.run(flow)
    assert [one["status"] for one in told["tasks"]] == ["skipped", "succeeded", "succeeded"]


def test_plan_waits_for_the_list_and_then_knows_it(lists: Project) -> None:
    flow = lists.workflow(FLOW, head="parameters: {count: 2}\n")
    assert "waits for list" in lists.call("plan", flow).stdout
    lists.run(flow, "--until", "list")
    told = lists.call("plan", flow).stdout
    assert "each[0]" in told and "each[1]" in told and "waits for each" in told


@pytest.mark.parametrize(
    ("task", "code"),
    [
        ('{uses: ./double, for_each: "${list.item}", with: {n: 1}}', "L302"),
        ('{uses: ./double, for_each: "${parameters.count}", with: {n: 1}}', "L401"),
        ('{uses: ./double, for_each: "here", with: {n: 1}}', "L401"),
        ('{uses: ./double, with: {n: "${item.n}"}}', "L306"),
        ('{uses: ./double, for_each: "${list.items}", matrix: {a: [1]}, with: {n: 1}}', "L104"),
        ('{uses: ./double, for_each: "${parameters.names}", with: {n: "${item}"}}', "L401"),
    ],
)
def test_what_cannot_be_gone_through(lists: Project, task: str, code: str) -> None:
    head = "parameters: {count: 3, names: {type: list, items: {type: string}, default: []}}\n"
    tasks = f'list: {{uses: ./some, with: {{count: "${{parameters.count}}"}}}}\neach: {task}'
    assert code in [one[0] for one in lists.mistakes(lists.workflow(tasks, head=head))]
