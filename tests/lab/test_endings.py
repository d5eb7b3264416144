"""How runs end in which hosts fail, with the real command and the real playbooks and no node.

Only ``ssh`` is imitated (:mod:`bench.imitated_ssh`): a call fails on all hosts or on none.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from bench.controller import NEW, Imitation

pytestmark = pytest.mark.lab

STEP_FAILED = 7
SIZE = 6
FAILURE = {"subject": "disk", "cause": "it is read-only", "remedy": "Mount it", "exit_code": STEP_FAILED}
ADD = ("scale", "--limit", NEW)
REMOVE = ("remove", "--limit", NEW, "--yes")


@pytest.fixture
def imitation(tmp_path: Path) -> Imitation:
    """Six hosts, of which five are members that do not know of the one that comes or goes."""
    return Imitation(tmp_path, SIZE, many=True, hosts_file=True)


def events(imitation: Imitation, kind: str) -> list[dict[str, Any]]:
    """The events of this kind in the last run's journal."""
    lines = (imitation.last_run / "journal.jsonl").read_text().splitlines()
    return [event for event in map(json.loads, lines) if event["event"] == kind]


def assert_ended(imitation: Imitation, calls: tuple[str, ...], failed: list[str]) -> None:
    """These hosts failed, the lock was given up by the last call, once, and there is a report."""
    assert sorted(event["host"] for event in events(imitation, "failed")) == failed
    assert [call.split()[1] for call in calls].count("clean_up") == 1
    assert calls[-1].split()[1] == "clean_up"
    assert (imitation.last_run / "lock_released.json").exists()
    assert (imitation.last_run / "report.html").exists()


class TestAdded:
    """A worker joins, and five others are told of it."""

    def test_everybody_is_told_before_the_check(self, imitation: Imitation) -> None:
        imitation.settle([host for host in imitation.hosts if host != NEW], told=False)
        calls = imitation.run(*ADD).calls
        assert_ended(imitation, calls, [])
        names = [call.split()[1] for call in calls]
        told = [number for number, call in enumerate(calls) if call.endswith(" converge ") and NEW not in call]
        assert len(told) == SIZE - 1
        assert names.index("kubeadm_join") < told[0]
        assert told[-1] < names.index("check_node")

    def test_it_fails_and_nobody_is_told(self, imitation: Imitation) -> None:
        imitation.settle([host for host in imitation.hosts if host != NEW], told=False)
        imitation.answer("kubeadm_join", failed=True, error=FAILURE)
        calls = imitation.run(*ADD, expected=STEP_FAILED).calls
        assert_ended(imitation, calls, [NEW])
        assert [call.split()[0] for call in calls if call.split()[1] == "converge"] == [NEW] * 2


class TestRemoved:
    """A worker leaves, and five others are told of it: in a removal nothing else converges."""

    def test_everybody_is_told_at_last(self, imitation: Imitation) -> None:
        imitation.settle(imitation.hosts, told=False)
        calls = imitation.run(*REMOVE).calls
        assert_ended(imitation, calls, [])
        assert [call.split()[1] for call in calls][-SIZE:] == ["converge"] * (SIZE - 1) + ["clean_up"]

    def test_nobody_can_be_told(self, imitation: Imitation) -> None:
        imitation.settle(imitation.hosts, told=False)
        imitation.answer("converge", failed=True, error=FAILURE)
        calls = imitation.run(*REMOVE, expected=STEP_FAILED).calls
        assert_ended(imitation, calls, sorted(host for host in imitation.hosts if host != NEW))

    def test_it_cannot_be_drained(self, imitation: Imitation) -> None:
        imitation.settle(imitation.hosts, told=False)
        imitation.answer("remove_node", failed=True, error=FAILURE)
        calls = imitation.run(*REMOVE, expected=STEP_FAILED).calls
        assert_ended(imitation, calls, [NEW])
        assert not [call for call in calls if call.endswith(" converge ")], "nobody is told that it left"
