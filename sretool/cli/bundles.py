"""Evidence in one file: `sretool runs bundle` makes it, `sretool chaos verify FILE` looks at it anywhere."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sretool.cli import diagnostics, output
from sretool.cli.diagnostics import FAILED, NO_DATA, OK
from sretool.errors import RunUnreadable, UsageError

if TYPE_CHECKING:
    from sretool.adapters.store.runs import StoredRun
    from sretool.cli.chaos_verify import Finding, Verified
    from sretool.cli.context import Settings

_SUFFIX = ".tar"


@click.command(short_help="A run as one file of evidence.")
@click.argument("run", metavar="RUN")
@click.option(
    "--out",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write here, not to the name of its folder with .tar.",
)
@click.pass_obj
def bundle(settings: Settings, run: str, out: Path | None) -> None:
    """A run as one file of evidence: events, inputs, reports and seal, and the runs that were its steps.

    RUN is `last` or the beginning of its id or of its folder's name. The same run gives the same bytes.
    `sretool chaos verify FILE` judges it again anywhere and finds what was changed in it; who has the digest
    that is told here knows that it is this bundle and no other.
    """
    from sretool import wiring
    from sretool.adapters.store import bundle as files
    from sretool.cli import chaos_verify
    from sretool.core.runs.model import RunState

    store = wiring.runs(settings.project, settings.environment or {})
    found = store.open(run)
    parts = (found, *chaos_verify.descendants(store, found))
    for each in parts:
        if each.record.state is RunState.RUNNING:
            raise UsageError(f"{each.record.id} is still running", remedy="bundle it when it is over")
    for damaged in store.damaged:
        diagnostics.tell(f"if this was a step of it, it is left out: {damaged.folder}: {damaged.problem}")
    out = out or Path(f"{found.folder.name}{_SUFFIX}")
    try:
        made = files.write([each.folder for each in parts], found.record.started, out)
    except OSError as error:
        raise UsageError(f"cannot write {out}: {error.strerror}") from error
    steps = f" of {len(parts)} runs" if len(parts) > 1 else ""
    diagnostics.talk(f"{made.files} files{steps}, {made.size / 2**20:.1f} MiB, seal {made.seal}")
    click.echo(out)


# --- looked at again --------------------------------------------------------------------------------------


def is_meant(text: str) -> bool:
    """Whether this is a bundle's file rather than a run's name."""
    return "/" in text or text.endswith(_SUFFIX) or Path(text).is_file()


@dataclass(slots=True)
class _Looked:
    """What was found in a bundle."""

    seal: str
    """Digest of the seal over all of it."""
    files: int
    runs: list[tuple[StoredRun, Verified]] = field(default_factory=list)
    """The experiments and game days in it."""
    others: list[StoredRun] = field(default_factory=list)
    """Runs that nobody judges again."""
    findings: list[Finding] = field(default_factory=list)
    """What is wrong with the bundle, beside what is with its runs."""

    @property
    def code(self) -> int:
        from sretool.cli import chaos_verify

        codes = [each.code for _, each in self.runs] or [NO_DATA]
        return chaos_verify.worst([*codes, *([FAILED] if self.findings else [])])


def verify(file: Path, seal: str | None, output_format: str) -> int:
    """Say what is in a bundle and what of it is wrong; the exit code."""
    import tempfile

    if not file.exists():
        raise UsageError(
            f"there is no file {file}", remedy="give a run's id, or a file of `sretool runs bundle`"
        )
    with tempfile.TemporaryDirectory(prefix="sretool-bundle-") as folder:
        try:
            looked = _look(file, Path(folder), seal)
        except RunUnreadable as error:
            raise RunUnreadable(output.plain(error.message), remedy=error.remedy) from None
        except (OSError, RecursionError) as error:
            why = error.strerror if isinstance(error, OSError) else "something in it is nested too deeply"
            raise RunUnreadable(f"{file} is no bundle of ours: it cannot be read: {why}") from error
    if output_format == "json":
        _write_json(file, looked)
    else:
        _say(file, looked)
    return looked.code


def _look(file: Path, folder: Path, wanted: str | None) -> _Looked:
    from sretool.adapters.store import bundle, seal
    from sretool.cli import chaos_verify

    found = bundle.unpack(file, folder)
    digest = seal.digest(folder)
    assert digest is not None, "nothing is unpacked without"
    looked = _Looked(digest, sum(1 for _ in seal.names(folder)))
    try:
        differences = seal.differences(folder)
    except RunUnreadable as error:
        raise RunUnreadable(f"{file}: {error.message.removeprefix(f'{folder}/')}") from None
    findings = [chaos_verify.Finding(each.file, each.text, each.line) for each in differences]
    for run in found:
        stored = _stored(run, looked, findings)
        if stored is None:
            continue
        if stored.record.kind not in chaos_verify.KINDS:
            looked.others.append(stored)
            continue
        verified = chaos_verify.look_at(stored)
        if not verified.judged and not verified.findings:
            looked.others.append(stored)
            continue
        looked.runs.append((stored, verified))
        told = {(f"{run.name}/{each.file}", each.line) for each in verified.findings}
        findings = [each for each in findings if (each.file, each.line) not in told]
    there = [each for each, _ in looked.runs] + looked.others
    for _, verified in looked.runs:
        verified.findings += chaos_verify.of_steps(there, verified)
    seals = [digest, *(each.seal for _, each in looked.runs if each.seal is not None)]
    meant = wanted.lower().removeprefix("sha256:") if wanted is not None else ""
    if not any(each.startswith(meant) for each in seals):
        text = f"is another one: its digest is {digest}, not {wanted}"
        findings.append(chaos_verify.Finding(seal.FILE, text))
    looked.findings = findings
    return looked


def _stored(folder: Path, looked: _Looked, findings: list[Finding]) -> StoredRun | None:
    """None, and a finding, where its run.json cannot be read."""
    from sretool.adapters.store.runs import StoredRun
    from sretool.adapters.store.writer import RECORD
    from sretool.cli.chaos_verify import Finding
    from sretool.core.runs import lines
    from sretool.core.runs.model import RunState

    try:
        record = lines.decode_record((folder / RECORD).read_bytes())
    except FileNotFoundError:
        findings.append(Finding(f"{folder.name}/{RECORD}", "is missing"))
        return None
    except RunUnreadable as error:
        findings.append(Finding(f"{folder.name}/{RECORD}", error.message))
        return None
    if record.state is RunState.RUNNING:
        # Bundled after it broke off.
        record = replace(record, state=RunState.LOST)
    return StoredRun(folder, record)


def _say(file: Path, looked: _Looked) -> None:
    from sretool.cli import chaos_verify

    click.echo(f"bundle {file}")
    runs = [each for each, _ in looked.runs] + looked.others
    if not looked.findings and not any(each.findings for _, each in looked.runs):
        click.echo(f"  ok      files: {looked.files}, all as bundled")
    chaos_verify.say_wrong(looked.findings)
    click.echo(f"  seal    {looked.seal}")
    for run, verified in looked.runs:
        click.echo()
        chaos_verify.say(run, verified, "was not undone when it was bundled")
        chaos_verify.tell_version(run.record, verified)
    for run in looked.others:
        record = run.record
        word = record.verdict.outcome.value if record.verdict is not None else record.state.value
        about = f"\n{record.kind.value} {record.title}  {record.id}\n  {word} by its own words"
        click.echo(output.plain(about))
    if not looked.runs:
        diagnostics.talk("no experiment is in it" if runs else "no run is in it")


def _write_json(file: Path, looked: _Looked) -> None:
    from sretool.cli import chaos_verify

    runs = [chaos_verify.document(*each) | {"folder": each[0].folder.name} for each in looked.runs]
    output.write_json(
        {
            "bundle": file,
            "seal": looked.seal,
            "files": looked.files,
            "ok": looked.code == OK,
            "findings": [asdict(each) for each in looked.findings],
            "runs": runs,
            "not_judged": [each.record.id for each in looked.others],
        }
    )
