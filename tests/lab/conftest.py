"""Fixtures of the flows on real nodes: one lab at a time, and what is worth reading when one of them fails."""

from __future__ import annotations

import os
import random
from collections.abc import Generator

import pytest

from tests.lab.support.lab import TestLab

EVIDENCE_LIMIT = 40_000
"""Characters of evidence that are printed for one failure."""


@pytest.fixture(scope="session")
def kubernetes_version() -> str:
    """The Kubernetes version that the labs are deployed with."""
    return os.environ.get("KUBEWRIGHT_TEST_KUBERNETES") or "1.37.2"


@pytest.fixture(scope="session")
def full_counts() -> bool:
    """Whether the kills are tried at all moments, not at three."""
    return bool(os.environ.get("KUBEWRIGHT_TEST_FULL"))


@pytest.fixture(scope="session")
def keep_labs() -> bool:
    """Whether labs are left up, to look at them; the next test module that uses the same name takes them down."""
    return bool(os.environ.get("KUBEWRIGHT_TEST_KEEP"))


@pytest.fixture(scope="session")
def chance() -> random.Random:
    """Chance with a seed that is printed, and can be given by ``KUBEWRIGHT_TEST_SEED``."""
    seed = int(os.environ.get("KUBEWRIGHT_TEST_SEED") or random.SystemRandom().randrange(2**31))
    print(f"\nKUBEWRIGHT_TEST_SEED={seed}", flush=True)
    return random.Random(seed)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add to a failure what kubewright and the nodes said last."""
    report = yield
    if report.failed:
        for name, value in getattr(item, "funcargs", {}).items():
            if isinstance(value, TestLab):
                report.sections.append((f"evidence of {name}", _evidence(value)))
    return report


def _evidence(lab: TestLab) -> str:
    try:
        return lab.evidence()[-EVIDENCE_LIMIT:]
    except Exception as error:  # noqa: BLE001 - a lab that is gone must not hide the failure itself
        return f"no evidence to be had: {error}"
