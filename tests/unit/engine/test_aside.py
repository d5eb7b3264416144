"""Work beside remote calls: how it ended is told, whatever ended it."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from kubewright.engine.aside import begin_aside, has_failed_aside, wait_for_aside
from kubewright.engine.record import Run
from kubewright.errors import BadInputError, StepFailedError

# The process of the tests has threads, from 3.12 on Python warns of a fork then; an action's process has none.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


class TestWaitForAside:
    def test_nothing_was_begun(self, run: Run) -> None:
        wait_for_aside(run, "made")

    def test_the_work_is_done_by_another_process_meanwhile(self, run: Run) -> None:
        def work() -> None:
            assert run.wait_for("go", 10) is not None
            run.write("made", os.getpid())

        begin_aside(run, "made", work)
        assert not run.has("made")
        run.write("go", {})
        wait_for_aside(run, "made")
        assert run.read("made") != os.getpid()

    def test_its_error_is_raised_with_all_that_it_tells(self, run: Run) -> None:
        error = BadInputError("hosts.ini:3", "kube_version is x", "Name one that there is")

        def work() -> None:
            raise error

        begin_aside(run, "made", work)
        with pytest.raises(BadInputError) as raised:
            wait_for_aside(run, "made")
        assert str(raised.value) == str(error)
        assert has_failed_aside(run, "made")

    def test_a_mistake_of_ours_is_told_with_its_place(self, run: Run) -> None:
        nothing: dict[str, str] = {}
        begin_aside(run, "made", lambda: nothing["missing"])
        with pytest.raises(StepFailedError, match=r"test_aside\.py[\s\S]*KeyError: 'missing'"):
            wait_for_aside(run, "made")

    def test_killed(self, run: Run) -> None:
        def work() -> None:
            run.write("process", os.getpid())
            time.sleep(60)

        begin_aside(run, "made", work)
        os.kill(run.wait_for("process", 10), signal.SIGKILL)
        with pytest.raises(StepFailedError, match="was killed"):
            wait_for_aside(run, "made")

    def test_is_not_ended_with_the_action_that_began_it(self, run: Run) -> None:
        action = os.fork()
        if not action:
            try:
                os.setsid()
                begin_aside(run, "made", lambda: run.write("made", run.wait_for("go", 10)))
                os.killpg(0, signal.SIGTERM)
            finally:
                os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(action, 0)[1]) == -signal.SIGTERM
        run.write("go", 5)
        assert wait_for_aside(run, "made")
        assert run.read("made") == 5


class TestHasFailedAside:
    def test_does_not_wait(self, run: Run) -> None:
        begin_aside(run, "made", lambda: run.wait_for("go", 10))
        assert not has_failed_aside(run, "made")
        run.write("go", {})
        run.write("made", {})
        wait_for_aside(run, "made")
