"""How a run ended, judged from its journal and from how Ansible ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubewright.engine.motor import TAIL_LINES, Outcome, judge
from kubewright.engine.record import Run
from kubewright.errors import BadInputError, StepFailedError, UnreachableError

DONE = Outcome("successful", 0, "")
FAILED = Outcome("failed", 2, "fatal: [cp1]: FAILED!")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    made = Run(tmp_path)
    made.write("inputs", {})
    return made


class TestSuccess:
    def test_nothing_is_wrong(self, run: Run) -> None:
        assert judge(DONE, run) is None

    def test_no_action_ran_because_no_host_matched(self, tmp_path: Path) -> None:
        error = judge(DONE, Run(tmp_path))
        assert isinstance(error, BadInputError)
        assert "no hosts" in error.cause

    def test_a_failure_in_the_journal_counts_though_ansible_went_on(self, run: Run) -> None:
        run.fail(StepFailedError("check pod 1", "it did not start"), stage="check")
        assert isinstance(judge(DONE, run), StepFailedError)


class TestFailure:
    def test_the_only_one_is_it(self, run: Run) -> None:
        run.fail(UnreachableError("host cp1", "no SSH connection", "Check it"), host="cp1")
        error = judge(FAILED, run)
        assert isinstance(error, UnreachableError)
        assert (error.subject, error.cause, error.remedy) == ("host cp1", "no SSH connection", "Check it")

    @pytest.mark.parametrize("remedy", ["", "Check it"])
    def test_the_first_decides_and_all_are_told(self, run: Run, remedy: str) -> None:
        run.fail(UnreachableError("host w1", "no SSH connection", remedy), host="w1")
        run.fail(StepFailedError("host w2", "kubeadm join failed", "Look there"), host="w2")
        error = judge(FAILED, run)
        assert isinstance(error, UnreachableError)
        assert error.subject == "host w1"
        assert remedy in error.remedy
        assert "host w2: kubeadm join failed. Look there" in error.remedy

    def test_what_ansible_alone_knows_is_shown_by_its_last_lines(self, run: Run) -> None:
        lines = [f"line {number}" for number in range(TAIL_LINES + 10)]
        error = judge(Outcome("failed", 4, "\n".join(lines)), run)
        assert isinstance(error, StepFailedError)
        assert error.cause.splitlines()[1:] == lines[-TAIL_LINES:]
        assert "failed (4)" in error.cause

    def test_a_timeout_is_no_success(self, run: Run) -> None:
        assert isinstance(judge(Outcome("timeout", 0, ""), run), StepFailedError)
