from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import asyncio
from sretool.lab_apps import server

async def broken():
    raise KeyError("no such thing")

async def main():
    server.vital(broken(), "the watch")
    await asyncio.sleep(30)

server.run(main())
"""


def test_a_program_that_lost_a_vital_part_ends() -> None:
    process = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=20)
    assert process.returncode == 1
    assert "the watch failed, the program ends" in process.stderr
    assert "no such thing" in process.stderr
