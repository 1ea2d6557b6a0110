"""`sretool chaos verify`: whether a run is as it was written, and its verdict what its events say."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from sretool import __version__
from sretool.cli import bundles, diagnostics, output
from sretool.cli.diagnostics import FAILED, NO_DATA, NOT_UNDONE, OK
from sretool.errors import RunUnreadable, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sretool.adapters.store.runs import RunStore, StoredRun
    from sretool.cli.context import Settings
    from sretool.core.plans.chaos.recheck import Rechecked
    from sretool.core.runs.events import RunEvent
    from sretool.core.runs.model import RunRecord

PLAN: Final = "plan.json"
"""Among the inputs of an experiment."""
KINDS: Final = ("chaos", "gameday")
"""Kinds of runs that can be verified by themselves."""
_HAVE_STEPS: Final = ("gameday",)


@dataclass(frozen=True, slots=True)
class Finding:
    file: str
    """In the run's folder."""
    text: str
    line: int | None = None


@dataclass(slots=True)
class Verified:
    """What was looked at, and what is wrong with it."""

    passed: list[tuple[str, str]] = field(default_factory=list)
    """What was looked at and is in order, and in which words."""
    findings: list[Finding] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    """Faults that are still to be undone."""
    rechecked: Rechecked | None = None
    judged: bool = True
    """False: what it came to is not judged again, by its nature."""
    seal: str | None = None
    """Digest of the seal; None: there is none."""
    happened: list[RunEvent] = field(default_factory=list)
    """Its events."""

    def note(self, name: str, words: str, found: list[Finding]) -> None:
        self.findings += found
        if not found:
            self.passed.append((name, words))

    @property
    def code(self) -> int:
        if self.findings:
            return FAILED
        if self.left:
            return NOT_UNDONE
        if not self.judged:
            return OK
        return OK if self.rechecked is not None and self.rechecked.recorded is not None else NO_DATA


@click.command()
@click.argument("run", metavar="RUN|FILE")
@click.option("--seal", metavar="DIGEST", help="The digest of its seal, or its beginning, noted elsewhere.")
@output.format_option
@click.pass_context
def verify(ctx: click.Context, run: str, seal: str | None, output_format: str) -> None:
    """Work out the verdict of a run again, offline, and find what was changed in its folder since.

    RUN is `last` or the beginning of its id or of its folder's name, or a FILE that `sretool runs bundle` has
    made, wherever that was. Inputs, events, reports and all other files are held against their digests, and
    what differs is told with file and line. The seal holds these digests; whoever can write the folder can
    write a new seal, so note its digest elsewhere and give it with --seal. Of a game day the runs that were
    its steps are looked at as well.

    Exit codes: 0 everything is as it was written, whatever the verdict; 1 something differs; 5 something is
    still to be undone; 6 the run broke off and has no verdict, or no experiment is in the bundle.
    """
    from sretool import wiring
    from sretool.core.runs.model import RunKind, RunState

    if bundles.is_meant(run):
        ctx.exit(bundles.verify(Path(run), seal, output_format))
    settings: Settings = ctx.obj
    store = wiring.runs(settings.project, settings.environment or {})
    found = store.open(run)
    record = found.record
    if record.kind not in KINDS:
        raise UsageError(
            f"{record.id} is a {record.kind.value} run, and only experiments and game days can be verified",
            remedy=f"sretool runs show {record.id} tells what there is",
        )
    if record.state is RunState.RUNNING:
        raise UsageError(f"{record.id} is still running", remedy="verify it when it is over")
    verified = look_at(found, seal)
    steps = [(each, look_at(each)) for each in descendants(store, found)]
    verified.findings += of_steps([each for each, _ in steps], verified)
    if output_format == "json":
        steps_told = {"steps": [document(*each) for each in steps]} if record.kind is RunKind.GAMEDAY else {}
        output.write_json(document(found, verified) | steps_told)
    else:
        say(found, verified)
        for each in steps:
            click.echo()
            say(*each)
    for run_, its in ((found, verified), *steps):
        tell_version(run_.record, its)
    ctx.exit(worst([verified.code, *(each.code for _, each in steps)]))


def worst(codes: Iterable[int]) -> int:
    """Of several runs: what differs before what is still in, before what nobody could judge."""
    there = set(codes)
    return next((each for each in (FAILED, NOT_UNDONE, NO_DATA) if each in there), OK)


def descendants(store: RunStore, run: StoredRun) -> list[StoredRun]:
    """The runs that were its steps, and theirs, oldest first."""
    found: list[StoredRun] = []
    if run.record.kind in _HAVE_STEPS:
        for each in store.children(run):
            found += [each, *descendants(store, each)]
    return found


def of_steps(runs: Iterable[StoredRun], verified: Verified) -> list[Finding]:
    """What its events say of its steps, and the runs beside it do not."""
    from sretool.adapters.store import writer
    from sretool.core.runs.events import StepEnded, StepRun

    there = {each.folder.name: each.record for each in runs}
    of_step: dict[str, RunRecord] = {}
    found = []
    for each in verified.happened:
        match each.what:
            case StepRun(step, folder) if folder in there:
                of_step[step] = there[folder]
            case StepRun(step, folder):
                found.append(Finding(writer.EVENTS, f"the run of its step {step} is not there: {folder}"))
            case StepEnded(step, chaos=chaos, load=load) if step in of_step:
                measures = of_step[step].measures
                told = chaos is not None or load is not None
                if told and (chaos, load) != (measures.chaos, measures.load):
                    text = f"what step {step} measured is not what its run {of_step[step].id} says"
                    found.append(Finding(writer.EVENTS, text))
            case _:
                pass
    return found


def tell_version(record: RunRecord, verified: Verified) -> None:
    """Where something differs, perhaps because another sretool has judged."""
    judged_by = record.versions.get("sretool")
    if verified.findings and judged_by not in (None, __version__):
        diagnostics.talk(f"it was judged by sretool {judged_by}, this is {__version__}: rules may differ")


def look_at(run: StoredRun, seal: str | None = None) -> Verified:
    """A run that is over or broke off."""
    from sretool.adapters.store import writer

    verified = Verified()
    inputs = len(run.record.inputs)
    words = f"{inputs} file{'s' if inputs != 1 else ''} as recorded"
    verified.note("inputs", words, _inputs(run))
    happened, broken = _events(run.folder)
    verified.note("events", f"{len(happened)}, every line can be read", broken)
    verified.happened = happened
    rechecked = verified.rechecked = _rechecked(run.record, happened)
    verified.judged = rechecked is not None
    if rechecked is not None:
        problems = [_problem(text) for text in rechecked.problems]
        if rechecked.recorded is not None and rechecked.verdict is not None:
            verified.note("verdict", f"{rechecked.verdict.outcome.value}, the same from the events", problems)
        else:
            verified.findings += problems
    _look_at_release(run, happened, verified)
    _look_at_result(run, happened, verified)
    _look_at_plan(run, happened, verified)
    _look_at_undo(run.folder, verified)
    _look_at_seal(run.folder, verified, seal)
    verified.findings.sort(key=lambda each: (each.file != writer.RECORD, each.file, each.line or 0))
    return verified


def _rechecked(record: RunRecord, happened: list[RunEvent]) -> Rechecked | None:
    """None where nobody judges such a run again."""
    from sretool.core.plans.chaos import recheck as of_experiments
    from sretool.core.plans.gameday import recheck as of_game_days
    from sretool.core.runs.model import RunKind

    if record.kind is RunKind.CHAOS:
        return of_experiments.recheck(record, happened)
    if record.kind is RunKind.GAMEDAY and of_game_days.planned(happened):
        return of_game_days.recheck(record, happened)
    return None


def _look_at_release(run: StoredRun, happened: list[RunEvent], verified: Verified) -> None:
    """Whether what was found out about a release follows from the events, by the plan that is kept."""
    from sretool.adapters.store import writer
    from sretool.cli import gameday_release
    from sretool.core.plans.gameday import release
    from sretool.core.runs.events import Checked
    from sretool.core.runs.model import RunKind

    if run.record.kind is not RunKind.GAMEDAY:
        return
    told = [each.what.check for each in happened if isinstance(each.what, Checked)]
    last = {each.name: each for each in told if each.name.startswith(release.PREFIX)}
    judged = gameday_release.of_run(run.folder, run.record, happened) if last else None
    if judged is None:
        return
    wrong = [
        Finding(writer.EVENTS, f"check {each.name!r} is told otherwise than the other events say")
        for each in release.checks(judged)
        if last.get(each.name, each) != each
    ]
    verified.note("release", f"{judged.decision.value}, the same from the events", wrong)


def _look_at_result(run: StoredRun, happened: list[RunEvent], verified: Verified) -> None:
    """Whether what rounds or a search for a dose found follows from the events."""
    from sretool.cli import gameday_recheck
    from sretool.core.runs.model import RunKind

    found = gameday_recheck.wrong(run.folder, happened) if run.record.kind is RunKind.GAMEDAY else None
    if found is not None:
        name, problems = found
        verified.note(
            "result", f"{name}, the same from the events", [Finding(name, each) for each in problems]
        )


def _problem(text: str) -> Finding:
    """A problem begins with whoever says something else."""
    from sretool.adapters.store import writer

    if text.startswith(writer.RECORD):
        return Finding(writer.RECORD, text.removeprefix(f"{writer.RECORD} "))
    return Finding(writer.EVENTS, text)


def _inputs(run: StoredRun) -> list[Finding]:
    """Copies of inputs that are not what the run was made from."""
    from sretool.adapters.store import writer

    folder = run.folder / writer.INPUT
    there = {
        file.relative_to(run.folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }
    recorded = {each.sha256: each.path for each in run.record.inputs}
    found = [
        Finding(name, "is none of the files that the run was made from")
        for name, digest in there.items()
        if digest not in recorded
    ]
    found += [
        Finding(writer.INPUT, f"no copy of {path} with sha256 {digest[:12]}… is here")
        for digest, path in recorded.items()
        if digest not in there.values()
    ]
    return found


def _events(folder: Path) -> tuple[list[RunEvent], list[Finding]]:
    from sretool.adapters.store import writer
    from sretool.core.runs import lines

    happened: list[RunEvent] = []
    broken: list[Finding] = []
    try:
        data = (folder / writer.EVENTS).read_bytes()
    except FileNotFoundError:
        return [], [Finding(writer.EVENTS, "is missing")]
    whole, _, torn = data.rpartition(b"\n")
    for number, line in enumerate(whole.split(b"\n"), start=1):
        try:
            event = lines.decode(line)
        except RunUnreadable as error:
            broken.append(Finding(writer.EVENTS, error.message, number))
            continue
        if event is not None:
            happened.append(event)
    if torn:
        broken.append(Finding(writer.EVENTS, "ends within a line", whole.count(b"\n") + 2))
    return happened, broken


def _look_at_plan(stored: StoredRun, happened: list[RunEvent], verified: Verified) -> None:
    """Whether the plan that is kept is the one that was run."""
    from sretool.adapters.store import writer
    from sretool.core.runs.events import Started
    from sretool.core.runs.model import RunKind

    run = next((each.what.plan_hash for each in happened if isinstance(each.what, Started)), "")
    file = stored.folder / writer.INPUT / PLAN
    if not run or not file.is_file():
        return
    name = f"{writer.INPUT}/{PLAN}"
    try:
        data = file.read_bytes()
        of_day = stored.record.kind is RunKind.GAMEDAY
        kept = hashlib.sha256(data).hexdigest() if of_day else json.loads(data).get("hash")
    except (ValueError, AttributeError, RecursionError):
        verified.findings.append(Finding(name, "is no plan"))
        return
    wrong = [Finding(name, f"is the plan {str(kept)[:12]}, and {run[:12]} was run")] if kept != run else []
    verified.note("plan", f"{run[:12]}, the one that was run", wrong)


def _look_at_undo(folder: Path, verified: Verified) -> None:
    from sretool.undo.log import FILE, UndoLog

    try:
        entries = UndoLog(folder).read()
    except ValueError as error:
        line = str(error).removeprefix(f"{folder / FILE}:")
        number, _, rest = line.partition(": ")
        verified.findings.append(Finding(FILE, rest or line, int(number) if number.isdigit() else None))
        return
    verified.left = [each.entry.fault for each in entries if each.closed is None]
    if not verified.left:
        verified.passed.append(("faults", f"{len(entries)}, all undone" if entries else "none were logged"))


def _look_at_seal(folder: Path, verified: Verified, wanted: str | None) -> None:
    from sretool.adapters.store import seal

    verified.seal = seal.digest(folder)
    if verified.seal is None:
        # Load tests have none of their own.
        over = verified.rechecked is not None and verified.rechecked.recorded is not None
        if over or wanted is not None:
            text = "is missing: what was changed in other files cannot be told"
            verified.findings.append(Finding(seal.FILE, text))
        return
    if wanted is not None and not verified.seal.startswith(wanted.lower().removeprefix("sha256:")):
        text = f"is another one: its digest is {verified.seal}, not {wanted}"
        verified.findings.append(Finding(seal.FILE, text))
    try:
        found = seal.differences(folder)
    except RunUnreadable as error:
        verified.findings.append(Finding(seal.FILE, error.message.removeprefix(f"{folder / seal.FILE}: ")))
        return
    for each in found:
        if each.grown:
            verified.passed.append((each.file, each.text))
    changed = [Finding(each.file, each.text, each.line) for each in found if not each.grown]
    verified.note("files", "all as sealed", changed)


def say(
    run: StoredRun, verified: Verified, left: str = "not undone yet, `sretool chaos heal` does it"
) -> None:
    """`left`: what is told of a fault that is still to be undone."""
    record = run.record
    _echo(f"{record.kind.value} {record.title}  {record.id}")
    for name, words in verified.passed:
        _echo(f"  ok      {name}: {words}")
    for fault in verified.left:
        _echo(f"  LEFT    {fault}: {left}")
    say_wrong(verified.findings)
    if verified.seal is not None:
        _echo(f"  seal    {verified.seal}")
    rechecked = verified.rechecked
    if rechecked is not None and rechecked.verdict is not None:
        recorded = rechecked.recorded
        words = f"{rechecked.verdict.outcome.value}: {rechecked.verdict.reason}"
        if recorded is None:
            _echo(f"it broke off without a verdict; its events say {words}")
        else:
            _echo(words)
    elif not verified.judged:
        word = record.verdict.outcome.value if record.verdict is not None else record.state.value
        _echo(f"{word} by its own words")


def say_wrong(findings: Iterable[Finding]) -> None:
    for each in findings:
        place = each.file if each.line is None else f"{each.file}:{each.line}"
        _echo(f"  WRONG   {place}: {each.text}")


def _echo(text: str) -> None:
    """Whoever wrote the run may not have been us."""
    click.echo(output.plain(text))


def document(run: StoredRun, verified: Verified) -> dict[str, Any]:
    rechecked = verified.rechecked
    recorded = rechecked.recorded if rechecked is not None else run.record.verdict

    def told(verdict: Any) -> dict[str, str] | None:
        return None if verdict is None else {"outcome": verdict.outcome.value, "reason": verdict.reason}

    return {
        "run": run.record.id,
        "folder": run.folder,
        "ok": verified.code == OK,
        "recorded": told(recorded),
        "verdict": told(rechecked.verdict) if rechecked is not None else None,
        "seal": verified.seal,
        "left": verified.left,
        "findings": [asdict(each) for each in verified.findings],
    }
