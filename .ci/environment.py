"""Builds the locked virtual environment: `python3 .ci/environment.py .venv`.

Runs under the Python the environment is for, with its standard library only. Does nothing where the folder
already holds what requirements.lock and pyproject.toml say.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
OLDEST = (3, 11)


def main() -> int:
    if sys.version_info < OLDEST:
        wanted = ".".join(map(str, OLDEST))
        return fail(f"Python {sys.version.split()[0]} is too old", f"install Python {wanted} or newer")
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".venv").absolute()
    stamp, state = folder / ".locked", fingerprint()
    python = folder / "bin" / "python"
    if stamp.exists() and stamp.read_text() == state and python.exists():
        return 0
    print(f"environment: building {folder} with Python {sys.version.split()[0]}", file=sys.stderr)
    try:
        stamp.unlink(missing_ok=True)
        create(folder, python)
        install(python)
    except subprocess.CalledProcessError as error:
        command = " ".join(map(str, error.cmd[:4]))
        return fail(f"`{command} …` failed", "what it said is above; is a package index reachable?")
    stamp.write_text(state)
    return 0


def fail(message: str, remedy: str) -> int:
    print(f"environment: {message}\n  → {remedy}", file=sys.stderr)
    return 1


def fingerprint() -> str:
    """Changes with the interpreter, the lock, what the package says about itself and where it is."""
    parts = [sys.version.encode(), bytes(ROOT), LOCK.read_bytes(), (ROOT / "pyproject.toml").read_bytes()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def create(folder: Path, python: Path) -> None:
    """An environment with pip; one of another interpreter is replaced."""
    if (folder / "pyvenv.cfg").exists() and not same_interpreter(python):
        shutil.rmtree(folder)
    if importlib.util.find_spec("ensurepip") is not None:
        run(sys.executable, "-m", "venv", folder)
        return
    wheel = pip_wheel()
    if wheel is None:
        minor = sys.version_info.minor
        raise SystemExit(
            fail(
                "this Python cannot make environments with pip", f"sudo apt-get install python3.{minor}-venv"
            )
        )
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    # A wheel is a zip file that Python can run from.
    run(python, wheel / "pip", "install", "--quiet", "--no-index", "--no-deps", wheel)


def same_interpreter(python: Path) -> bool:
    show = [str(python), "-c", "import sys; print(sys.version)"]
    try:
        done = subprocess.run(show, capture_output=True, text=True, check=False)
    except OSError:
        return False
    return bool(done.stdout == sys.version + "\n")


def pip_wheel() -> Path | None:
    """Debian's pip, where `make packages` put it for a user who may not install packages."""
    data = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return next((data / "sretool/prefix/usr/share/python-wheels").glob("pip-*.whl"), None)


def install(python: Path) -> None:
    """What the lock says, to the hash; uv itself comes from there, too."""
    pip = (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes")
    with tempfile.TemporaryDirectory() as temporary:
        only_uv = Path(temporary) / "uv.txt"
        only_uv.write_text(entry("uv"))
        run(*pip, "--requirement", only_uv)
    uv = (python, "-m", "uv", "pip", "install", "--quiet", "--python", python)
    try:
        run(*uv, "--require-hashes", "--compile-bytecode", "--requirement", LOCK)
    except subprocess.CalledProcessError:
        # An index that only pip is configured for: pip.conf, PIP_INDEX_URL.
        print("environment: uv could not install the lock, trying pip", file=sys.stderr)
        run(*pip, "--requirement", LOCK)
    run(*uv, "--no-deps", "--no-build-isolation", "--editable", ROOT)


def entry(name: str) -> str:
    """The lock's lines about one package: the version and its hashes."""
    found = re.search(rf"^{name}==.*\n(?:[ #].*\n)*", LOCK.read_text(), re.MULTILINE)
    if found is None:
        raise SystemExit(fail(f"{LOCK.name} has no {name}", "renew it with `make lock`"))
    return found.group()


def run(*argv: str | Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    subprocess.run([str(part) for part in argv], check=True, env=environment, cwd=ROOT)


if __name__ == "__main__":
    sys.exit(main())
