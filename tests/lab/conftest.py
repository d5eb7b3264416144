"""Fixtures of the flows on real nodes: one lab at a time, and what is worth reading when one of them fails."""

from __future__ import annotations

import os
import random
from collections.abc import Generator

import pytest

from tests.lab.support.lab import TestLab

EVIDENCE_LIMIT = 40_000
"""Characters of evidence that are printed for one failure."""

_SEED = pytest.StashKey[int]()

_FAILED_STEPS = pytest.StashKey[dict[str, str]]()
"""File of a flow → name of its first step that failed."""


def pytest_configure(config: pytest.Config) -> None:
    """Know the markers of flows, and draw the seed."""
    config.stash[_SEED] = int(os.environ.get("KUBEWRIGHT_TEST_SEED") or random.SystemRandom().randrange(2**31))
    config.addinivalue_line("markers", "full: run only where KUBEWRIGHT_TEST_FULL is set, as make test-all does")
    config.addinivalue_line("markers", "flow: the tests of the module are the steps of one flow, in their order")


def pytest_report_header(config: pytest.Config) -> str:
    """Print the seed before the first test, so that a run that dies can be repeated too."""
    return f"KUBEWRIGHT_TEST_SEED={config.stash[_SEED]}"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the steps of a flow in the order in which they are written; leave out full counts that nobody asked for."""
    if not os.environ.get("KUBEWRIGHT_TEST_FULL"):
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("full")])
        items[:] = [item for item in items if not item.get_closest_marker("full")]
    items.sort(key=lambda item: item.location[:2] if item.get_closest_marker("lab") else ("", 0))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave out the steps after a failed one, and say so: they would only wait for what cannot come."""
    failed = item.config.stash.setdefault(_FAILED_STEPS, {}).get(str(item.path))
    if failed and item.get_closest_marker("flow"):
        pytest.skip(f"an earlier step of this flow failed: {failed}")


@pytest.fixture(scope="session")
def kubernetes_version() -> str:
    """The Kubernetes version that the labs are deployed with."""
    return os.environ.get("KUBEWRIGHT_TEST_KUBERNETES") or "1.37.2"


@pytest.fixture(scope="session")
def keep_labs() -> bool:
    """Whether labs are left up, to look at them; the next test module that uses the same name takes them down."""
    return bool(os.environ.get("KUBEWRIGHT_TEST_KEEP"))


@pytest.fixture(scope="session")
def chance(pytestconfig: pytest.Config) -> random.Random:
    """Chance with a seed that is printed, and can be given by ``KUBEWRIGHT_TEST_SEED``."""
    return random.Random(pytestconfig.stash[_SEED])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add to a failure what kubewright and the nodes said last."""
    report = yield
    if report.failed:
        item.config.stash.setdefault(_FAILED_STEPS, {}).setdefault(str(item.path), item.name)
        for name, value in getattr(item, "funcargs", {}).items():
            if isinstance(value, TestLab):
                report.sections.append((f"evidence of {name}", _evidence(value)))
    return report


def _evidence(lab: TestLab) -> str:
    try:
        return lab.evidence()[-EVIDENCE_LIMIT:]
    except Exception as error:  # noqa: BLE001 - a lab that is gone must not hide the failure itself
        return f"no evidence to be had: {error}"
