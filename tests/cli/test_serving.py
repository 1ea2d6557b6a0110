"""What each tab of `dash --serve` runs."""

from __future__ import annotations

import shlex
from datetime import timedelta
from pathlib import Path

from sretool.cli import serving
from sretool.cli.context import Settings


def test_a_tab_gets_the_options_that_were_given_and_is_readonly() -> None:
    settings = Settings(
        project=Path(),
        catalog=(Path("my slos"), Path("b.yaml")),
        prometheus="http://p:9090/x?",
        lab=None,
        environment={},
    )
    looks = serving.looks_of(timedelta(seconds=90), "sre-light", None, "zh", only_ascii=True)
    words = shlex.split(serving.command_of(settings, ["alerts", *looks]))
    assert words[0] == "exec"
    assert words[words.index("--catalog") :] == [
        "--catalog", "my slos", "--catalog", "b.yaml", "--prometheus", "http://p:9090/x?", "dash", "alerts",
        "--refresh", "1m30s", "--theme", "sre-light", "--lang", "zh", "--ascii", "--readonly",
    ]  # fmt: skip


def test_shell_signs_in_options_stay_words() -> None:
    settings = Settings(project=Path(), prometheus="http://p/$(touch x);`id`", environment={})
    assert "http://p/$(touch x);`id`" in shlex.split(serving.command_of(settings, ["overview"]))


def test_only_textuals_web_driver_counts_as_served() -> None:
    assert serving.is_served({"TEXTUAL_DRIVER": "textual.drivers.web_driver:WebDriver"})
    assert not serving.is_served({"TEXTUAL_DRIVER": "textual.drivers.linux_driver:LinuxDriver"})
    assert not serving.is_served({})
