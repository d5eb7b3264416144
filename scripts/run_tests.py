"""Run the stages of the test suite one after another and close with one line that counts every test.

``scripts/run_tests.py lint unit artifacts lab`` is what ``make test`` runs. A stage that fails does not keep the later
ones from running, except that no lab runs without artifacts. The exit code is 0 only if every stage passed and at least
one test ran in each stage that has tests.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "build" / "tests"
CHECKED = ("src", "tests", "scripts", "bench")
TESTED_VERSION = "1.37.2"
SECOND_VERSION = "1.36.3"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a stage came to: whether it passed, its tests by outcome, its duration in seconds, and of which files."""

    name: str
    succeeded: bool
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    inputs: str = ""


def run(command: Sequence[str], **environment: str) -> int:
    """Run a command from the top of the checkout, its output going where ours goes; return its exit code."""
    print(f"+ {' '.join(command)}", flush=True)
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, check=False).returncode


def count(report: Path) -> tuple[int, int, int]:
    """Count passed, failed (errors too) and skipped tests in a JUnit report."""
    suites = ET.parse(report).getroot().iter("testsuite")
    tests = failed = skipped = 0
    for suite in suites:
        tests += int(suite.get("tests", 0))
        failed += int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        skipped += int(suite.get("skipped", 0))
    # A test that fails and whose teardown fails too is one test and two failures.
    return max(tests - failed - skipped, 0), failed, skipped


def pytest(name: str, arguments: Sequence[str], **environment: str) -> Outcome:
    """Run pytest and count by its own report; a pytest that could not report has failed without a count."""
    report = RESULTS / f"{name}.xml"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.unlink(missing_ok=True)
    status = run(
        [sys.executable, "-m", "pytest", f"--junitxml={report}", "-o", "junit_family=xunit2", *arguments], **environment
    )
    passed, failed, skipped = count(report) if report.exists() else (0, 0, 0)
    return Outcome(name=name, succeeded=status == 0, passed=passed, failed=failed, skipped=skipped)


def lint() -> Outcome:
    """Check format, style, types and the import contracts; every tool runs, whatever the others found."""
    present = [folder for folder in CHECKED if (ROOT / folder).is_dir()]
    commands = (
        ["ruff", "format", "--check", *present],
        ["ruff", "check", *present],
        ["mypy", *present],
        ["lint-imports"],
    )
    failures = [command[0] for command in commands if run(command) != 0]
    if failures:
        print(f"lint failed: {', '.join(failures)}", flush=True)
    return Outcome(name="lint", succeeded=not failures)


def unit() -> Outcome:
    """Run what needs no node, on both cores."""
    return pytest("unit", ["-q", "-n", "2"])


def fuzz(*, full: bool = False) -> Outcome:
    """Read inventories that are wrong in every way: 300 through the command, in full 10,000 in process."""
    if full:
        return pytest(
            "fuzz-full", ["-q", "-n", "2", "tests/fuzz/test_in_process.py"], KUBEWRIGHT_TEST_MUTATIONS="10000"
        )
    return pytest("fuzz", ["-q", "-n", "2", "tests/fuzz/test_command.py"], KUBEWRIGHT_TEST_COMMANDS="300")


def artifacts(version: str = TESTED_VERSION) -> Outcome:
    """Get the artifacts of a Kubernetes version ready in the user's cache; progress is shown by the command."""
    status = run(["kubewright", "artifacts", "build", "--kubernetes", version])
    return Outcome(name=f"artifacts {version}", succeeded=status == 0)


def lab(name: str, flows: Sequence[str], *, version: str = TESTED_VERSION, full: bool = False) -> Outcome:
    """Run flows on real nodes: in the order of the files, in one process, for one lab runs at a time."""
    arguments = ["-v", "-p", "no:randomly", "-p", "no:xdist", "-m", "lab", "--durations=15", *map(_file, flows)]
    return pytest(name, arguments, KUBEWRIGHT_TEST_KUBERNETES=version, KUBEWRIGHT_TEST_FULL="1" if full else "")


def _file(flow: str) -> str:
    return f"tests/lab/test_{flow}.py"


@dataclasses.dataclass(frozen=True)
class Stage:
    """What a stage does, and on which files and folders of the checkout its outcome depends."""

    work: Callable[[], Outcome]
    inputs: tuple[str, ...]


EVERYTHING = (".",)
PRODUCT = ("src", "scripts", "pyproject.toml", "uv.lock", "Makefile")
LAB = (*PRODUCT, "tests/__init__.py", "tests/lab/__init__.py", "tests/lab/conftest.py", "tests/lab/support")


def part(name: str, *flows: str, version: str = TESTED_VERSION, full: bool = True) -> tuple[str, Stage]:
    """A stage of flows on real nodes, in ``make test-all`` with all that is marked ``full``."""
    inputs = (*LAB, *map(_file, flows))
    return name, Stage(lambda: lab(name, flows, version=version, full=full), inputs)


FLOWS = sorted(path.stem.removeprefix("test_") for path in (ROOT / "tests" / "lab").glob("test_*.py"))
STAGES: dict[str, Stage] = {
    "lint": Stage(lint, EVERYTHING),
    "unit": Stage(unit, EVERYTHING),
    "fuzz": Stage(fuzz, (*PRODUCT, "tests/__init__.py", "tests/fuzz")),
    "fuzz-full": Stage(lambda: fuzz(full=True), (*PRODUCT, "tests/__init__.py", "tests/fuzz")),
    "artifacts": Stage(artifacts, PRODUCT),
    "artifacts-second": Stage(lambda: artifacts(SECOND_VERSION), PRODUCT),
    **dict(
        (
            part("lab", *FLOWS, full=False),
            # The parts of `make test-all`; each takes less than an hour on two cores once its artifacts are there.
            part("lab-full-kills", "kills"),
            part("lab-full-changes", "lock", "plan", "remove", "remove_control_plane", "secrets", "troubles"),
            part("lab-full-rollout", "rollout"),
            part("lab-full-drift", "drift"),
            part("lab-variants", "variants", "variants_five", "init", "old_inventory"),
            # The flows that meet the version; what the lab does itself, bad input and old inventories are the same.
            part(
                "lab-second",
                *("grow", "control_planes", "configuration", "plain_ansible"),
                version=SECOND_VERSION,
                full=False,
            ),
        )
    ),
}


def digest_of(inputs: Sequence[str]) -> str:
    """Digest of files as they are now, committed or not: a result counts only for what it was made with."""

    def git(*arguments: str) -> bytes:
        return subprocess.run(["git", *arguments, "--", *inputs], cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout

    state = git("ls-files", "--stage") + git("diff", "HEAD")
    for name in git("ls-files", "--others", "--exclude-standard").decode().splitlines():
        state += name.encode() + (ROOT / name).read_bytes()
    return hashlib.sha256(state).hexdigest()[:16]


def resumed(name: str) -> Outcome:
    """Run a stage unless it passed before on the very same files, as far as it depends on them."""
    record = RESULTS / "resume" / f"{name}-{digest_of(STAGES[name].inputs)}.json"
    if record.exists():
        print(f"{name}: passed before on the same files, not run again (make clean-tests forgets it)", flush=True)
        return Outcome(**json.loads(record.read_text()))
    outcome = timed(name)
    if outcome.succeeded:
        record.parent.mkdir(parents=True, exist_ok=True)
        record.write_text(json.dumps(dataclasses.asdict(outcome)))
    return outcome


def timed(name: str) -> Outcome:
    """Run a stage and note how long it took, and the digest of the files on which it depends."""
    started, inputs = time.monotonic(), digest_of(STAGES[name].inputs)
    return dataclasses.replace(STAGES[name].work(), seconds=time.monotonic() - started, inputs=inputs)


def closing(outcomes: Sequence[Outcome]) -> str:
    """One line that counts the tests of all stages; a stage without tests that failed is told by the exit code."""
    passed, failed, skipped = (
        sum(getattr(outcome, field) for outcome in outcomes) for field in ("passed", "failed", "skipped")
    )
    return f"{passed} passed, {failed} failed, {skipped} skipped"


def run_stages(names: Sequence[str], *, resume: bool) -> list[Outcome]:
    """Run the stages in order; without artifacts the lab's are left out, and said so."""
    outcomes: list[Outcome] = []
    missing_artifacts = False
    for name in names:
        if missing_artifacts and name.startswith("lab"):
            print(f"{name}: not run, because its artifacts are missing", flush=True)
            outcomes.append(Outcome(name=name, succeeded=False))
            continue
        print(f"\n=== {name}", flush=True)
        outcome = resumed(name) if resume else timed(name)
        outcomes.append(outcome)
        missing_artifacts = not outcome.succeeded if name.startswith("artifacts") else missing_artifacts
    return outcomes


def main() -> int:
    """Parse the stages, run them and close."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("stages", nargs="+", choices=sorted(STAGES))
    parser.add_argument("--resume", action="store_true", help="leave out stages that passed before on the same files")
    arguments = parser.parse_args()
    outcomes = run_stages(arguments.stages, resume=arguments.resume)
    print()
    for outcome in outcomes:
        tests = closing([outcome]) if outcome.passed + outcome.failed + outcome.skipped else ""
        state = "ok    " if outcome.succeeded else "FAILED"
        print(f"{state}  {outcome.name:<18} {outcome.seconds:7.1f} s  of {outcome.inputs:<16}  {tests}".rstrip())
    print(closing(outcomes), flush=True)
    return 0 if all(outcome.succeeded for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
