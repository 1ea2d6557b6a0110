"""Whom an alert reaches by Alertmanager's routes."""

from __future__ import annotations

import pytest

from sretool.core.alerting.routing import reached
from sretool.errors import UsageError

CONFIG = """
route:
  receiver: default
  group_by: [alertname]
  repeat_interval: 4h
  routes:
    - matchers: ['severity="page"']
      receiver: phone
      continue: true
      repeat_interval: 1h
      routes:
        - matchers: ['service=~"shop|cart"', 'env!="dev"']
          group_wait: 1s
    - match: {severity: page}
      receiver: chat
      mute_time_intervals: [night]
    - match_re: {service: 'a.*'}
      receiver: team-a
      active_time_intervals: [day]
receivers: [{name: default}]
"""


@pytest.mark.parametrize(
    ("labels", "receivers"),
    [
        pytest.param({}, ["default"], id="nothing fits"),
        pytest.param({"severity": "page"}, ["phone", "chat"], id="goes on"),
        pytest.param({"severity": "page", "service": "api"}, ["phone", "chat"], id="ends the walk"),
        pytest.param({"service": "api"}, ["team-a"], id="a regular expression"),
        pytest.param({"service": "xapi"}, ["default"], id="is anchored"),
    ],
)  # fmt: skip
def test_the_walk_down_the_routes(labels: dict[str, str], receivers: list[str]) -> None:
    assert [each.receiver for each in reached(CONFIG, labels)] == receivers


def test_what_a_route_says_and_what_it_has_from_above() -> None:
    phone, chat = reached(CONFIG, {"severity": "page", "service": "shop"})
    assert phone.path == ('severity="page"', 'service=~"shop|cart", env!="dev"')
    assert (phone.receiver, phone.group_wait, phone.repeat_interval) == ("phone", "1s", "1h")
    assert phone.group_by == ("alertname",)
    assert (chat.not_in, chat.repeat_interval) == (("night",), "4h")
    assert reached(CONFIG, {"service": "a1"})[0].only_in == ("day",)


@pytest.mark.parametrize("text", ["", "a: b", "route: [", "route: {routes: [1]}"])
def test_what_is_no_configuration(text: str) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        reached(text, {})
