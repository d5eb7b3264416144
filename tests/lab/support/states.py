"""The cluster's state as programs read it from ``status``."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from kubewright.errors import ExitCode
from tests.lab.support.lab import TestLab


def status(lab: TestLab, exit_code: ExitCode = ExitCode.DONE) -> dict[str, Any]:
    """All that status tells, with ``state`` first; it has to end with this exit code."""
    done = lab.kubewright("status", "-o", "json")
    assert done.exit_code == exit_code, str(done)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def found_about(state: dict[str, Any], hosts: Collection[str]) -> set[str]:
    """Subjects of a state's findings that name one of these hosts, Nodes or etcd members."""
    subjects: list[str] = [finding["subject"] for finding in state["findings"]]
    return {subject for subject in subjects if set(subject.split()) & set(hosts)}
