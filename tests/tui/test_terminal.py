"""The command in a real pseudo-terminal, against a stand-in server on loopback."""

from __future__ import annotations

import base64
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sretool.tui import views
from tests.bench.bench_dash import stand_in
from tests.support.terminal import COLOUR_CODE, Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

PROGRAM = [sys.executable, "-c", "import sys; from sretool.cli.main import main; sys.exit(main())"]
_PATIENCE = 20
"""Seconds; only a broken program needs them."""


@pytest.fixture(scope="module")
def options() -> Iterator[list[str]]:
    with stand_in(7) as found:
        yield found


def _environment(**more: str) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("SRETOOL_", "NO_COLOR"))}
    return kept | {"TERM": "xterm-256color", "COLORTERM": "truecolor"} | more


def _dash(options: list[str], *arguments: str, **more: str) -> Terminal:
    return Terminal([*PROGRAM, *options, "dash", *arguments], 80, 24, _environment(**more))


def _live(lines: list[str]) -> bool:
    return "svc-0000/availability" in lines[3] and "x" in lines[3]


def test_it_draws_survives_signals_of_the_keyboard_and_ends_on_q(options: list[str]) -> None:
    with _dash(options, "--refresh", "1s") as terminal:
        terminal.wait_for(_live, _PATIENCE, "live figures")
        assert COLOUR_CODE.search(terminal.written)
        # In one burst, as over a slow line.
        terminal.send("/0003\rp")
        terminal.wait_for(
            lambda lines: "PAUSED" in lines[0] and "svc-0003" in lines[3], _PATIENCE, "pause after the filter"
        )
        assert "svc-0000" not in terminal.text().split("ALERTS")[0].partition("SERVICE")[2]
        terminal.send("p")
        terminal.send("\x1b")
        terminal.wait_for(_live, _PATIENCE, "everything again")
        terminal.send("\x03")
        terminal.read(0.3)
        terminal.resize(100, 30)
        os.kill(terminal.pid, signal.SIGWINCH)
        terminal.wait_for(lambda lines: "3d" in lines[2], _PATIENCE, "more columns at 100 cells")
        terminal.send("q")
        assert terminal.wait_for_end(_PATIENCE) == 0


def test_no_color_leaves_no_colour_code(options: list[str]) -> None:
    with _dash(options, NO_COLOR="1") as terminal:
        terminal.wait_for(_live, _PATIENCE, "live figures")
        terminal.send("?")
        terminal.wait_for(lambda lines: "KEYS" in lines[1], _PATIENCE, "help")
        assert COLOUR_CODE.findall(terminal.written) == []
        assert "▲" in terminal.text()


def test_with_everything_down_it_opens_says_so_and_stays() -> None:
    folder = os.path.join(os.path.dirname(__file__), "..", "..", "sretool", "systems", "amas")
    nowhere = [
        "--catalog",
        folder,
        "--prometheus",
        "http://127.0.0.1:9",
        "--alertmanager",
        "http://127.0.0.1:9",
    ]
    with _dash(nowhere, "--refresh", "1s") as terminal:
        terminal.wait_for(lambda lines: "PROM LOST" in lines[0], _PATIENCE, "the loss")
        terminal.wait_for(lambda lines: "never answered" in lines[1], _PATIENCE, "the verdict")
        # The first frame is drawn before all of the screen is.
        terminal.wait_for(lambda _: "forgetting-alert-delivery" in terminal.text(), _PATIENCE, "the rows")
        terminal.read(1.5)
        assert os.waitpid(terminal.pid, os.WNOHANG) == (0, 0)


@pytest.mark.parametrize("term", ["dumb", "xterm"])
def test_without_a_terminal_to_draw_on_the_table_is_printed_once(options: list[str], term: str) -> None:
    done = subprocess.run(
        [*PROGRAM, *options, "dash"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
        env=_environment(TERM=term),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "IT IS US  svc-0000/availability burns" in done.stdout
    assert "\x1b" not in done.stdout
    assert "live screen" in done.stderr


def test_without_prometheus_nothing_is_printed_but_the_error() -> None:
    folder = os.path.join(os.path.dirname(__file__), "..", "..", "sretool", "systems", "amas")
    done = subprocess.run(
        [*PROGRAM, "--catalog", folder, "--prometheus", "http://127.0.0.1:9", "dash"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
        env=_environment(),
        check=False,
    )
    assert done.returncode == 3
    assert done.stdout == ""


def test_help_needs_no_textual() -> None:
    code = "import sys; from sretool.cli import dash; print(sorted(m for m in sys.modules if m == 'textual'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_offered_themes_are_those_there_are() -> None:
    from sretool.cli.looks import THEMES
    from sretool.tui.themes import THEME_NAMES

    assert sorted(f"sre-{name}" for name in THEMES) == sorted(THEME_NAMES)


@pytest.mark.parametrize("theme", ["dark", "ansi"])
def test_no_color_holds_for_views_dialogs_and_the_palette(options: list[str], theme: str) -> None:
    with _dash(options, "--theme", theme, NO_COLOR="1") as terminal:
        terminal.wait_for(_live, _PATIENCE, "live figures")
        for view in views.VIEWS:
            terminal.send(view.key)
            terminal.wait_for(lambda lines: "? help" in lines[-1], _PATIENCE, view.name)
        terminal.send("1\x10")
        terminal.wait_for(lambda lines: any("SLOs, alerts" in line for line in lines), _PATIENCE, "palette")
        terminal.send("\x1b")
        terminal.wait_for(_live, _PATIENCE, "the overview again")
        assert COLOUR_CODE.findall(terminal.written) == []


def test_an_empty_no_color_asks_for_nothing(options: list[str]) -> None:
    with _dash(options, NO_COLOR="") as terminal:
        terminal.wait_for(lambda lines: _live(lines) and "? help" in lines[-1], _PATIENCE, "live figures")
        assert COLOUR_CODE.findall(terminal.written)


def test_a_copy_goes_to_the_terminals_clipboard(options: list[str]) -> None:
    with _dash(options) as terminal:
        terminal.wait_for(_live, _PATIENCE, "live figures")
        terminal.send("y")
        terminal.wait_for(lambda lines: any("copied:" in line for line in lines), _PATIENCE, "the toast")
        found = re.search(rb"\x1b\]52;c;([A-Za-z0-9+/=]+)\x07", terminal.written)
        assert found is not None
        text = base64.b64decode(found.group(1)).decode()
        assert text.startswith("svc-")
        assert "PromQL: " in text


def test_contexts_change_without_leaving_the_terminal(options: list[str], tmp_path: Path) -> None:
    prometheus, catalog = (options[options.index(name) + 1] for name in ("--prometheus", "--catalog"))
    folder = tmp_path / "sretool"
    folder.mkdir()
    (folder / "config.toml").write_text(
        f"""
lang = "en"
context = "test"
[keys]
pause = "z"
[contexts.test]
prometheus = "{prometheus}"
catalog = "{catalog}"
[contexts.prod-eu]
prometheus = ["{prometheus}"]
catalog = ["{catalog}"]
production = true
"""
    )
    environment = _environment(XDG_CONFIG_HOME=str(tmp_path))
    with Terminal([*PROGRAM, "dash"], 80, 24, environment) as terminal:
        terminal.wait_for(_live, _PATIENCE, "live figures")
        assert terminal.lines()[0].startswith(" test ")
        terminal.send(":ctx pro\t\r")
        terminal.wait_for(lambda lines: "PROD prod-eu" in lines[0] and _live(lines), _PATIENCE, "prod-eu")
        terminal.send("z")
        terminal.wait_for(lambda lines: "PAUSED" in lines[0], _PATIENCE, "the reader's key")
        terminal.send("q")
        assert terminal.wait_for_end(_PATIENCE) == 0


def test_a_configuration_with_problems_is_told_with_its_lines(tmp_path: Path) -> None:
    folder = tmp_path / "sretool"
    folder.mkdir()
    file = folder / "config.toml"
    file.write_text('[keys]\nakc = "A"\nack = "s"\n[contexts.x]\nprometheus = "http://127.0.0.1:1"\n')
    catalog = Path(__file__).parents[2] / "sretool/systems/amas"
    command = [*PROGRAM, "--context", "x", "--catalog", str(catalog), "dash"]
    environment = _environment(XDG_CONFIG_HOME=str(tmp_path))
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=_PATIENCE)
    assert done.returncode == 2
    assert f"{file}:2: keys: there is no key akc; did you mean ack?" in done.stderr
    assert f"{file}:3: keys: s already means silence" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_dashboard_speaks_the_language_of_the_environment(options: list[str]) -> None:
    with _dash(options, LC_ALL="zh_CN.UTF-8") as terminal:
        terminal.wait_for(lambda lines: any("剩余预算" in line for line in lines), _PATIENCE, "Chinese")
    with _dash(options, "--lang", "en", LC_ALL="zh_CN.UTF-8") as terminal:
        terminal.wait_for(lambda lines: any("BUDGET LEFT" in line for line in lines), _PATIENCE, "English")
