"""Schedules that could never start anything are mistakes."""

from __future__ import annotations

import pytest

from tests.conftest import Project


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        ('{cron: ["0 6 * * 1", "*/15 8-18 1,15 JAN-mar mon-fri"], timezone: Europe/Zurich}', None),
        ('{cron: ["@daily"], catch_up: 1h, concurrency: replace}', None),
        ('{cron: ["60 6 * * 1"]}', "'60' is no minute"),
        ('{cron: ["0 6 * * 8"]}', "'8' is no day of the week"),
        ('{cron: ["0 6-4 * * *"]}', "'6-4' is no hour"),
        ('{cron: ["*/0 * * * *"]}', "is no minute"),
        ('{cron: ["0 6 * *"]}', "five fields are expected"),
        ('{cron: ["@noon"]}', "five fields are expected"),
        ("{cron: []}", "at least 1"),
        ('{cron: ["@daily"], timezone: Mars/Olympus}', "no time zone"),
        ('{cron: ["@daily"], concurrency: never}', "forbid"),
    ],
)
def test_a_schedule(adding: Project, schedule: str, said: str | None) -> None:
    flow = adding.workflow("a: {uses: ./add, with: {value: 1}}", head=f"schedule: {schedule}\n")
    told = adding.call("validate", flow, code=2 if said else 0)
    assert said is None or said in told.stderr
