"""Whatever is in an inventory, reading it ends in time with a result or with an error of the documented kinds."""

from __future__ import annotations

import os
import shutil
import signal
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import pytest

from kubewright.engine.inputs import read_inputs
from kubewright.engine.request import Request
from kubewright.errors import ExitCode, KubewrightError
from kubewright.inventory import Inventory, load
from kubewright.inventory.known import group_names, known_of
from kubewright.inventory.remembered import Remembered
from kubewright.report.topology import survey_json
from kubewright.topology import read_settings, survey
from tests.fuzz.mutations import make

NUMBER = int(os.environ.get("KUBEWRIGHT_TEST_MUTATIONS", "200"))
PER_TEST = 50
SECONDS = 10
FIRST = int(os.environ.get("KUBEWRIGHT_TEST_FIRST_MUTATION", "0"))


class OverTimeError(BaseException):
    """Reading took too long; not an Exception, so that nothing on the way takes it for one of its own."""


@contextmanager
def deadline(seconds: int) -> Iterator[None]:
    """Raise in whatever is done when so much processor time was used; other tests use the machine, too."""

    def ring(_number: int, _frame: FrameType | None) -> None:
        raise OverTimeError

    before = signal.signal(signal.SIGPROF, ring)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def read_everything(source: Path) -> None:
    """What ``deploy``, ``topology`` and ``validate`` read of an inventory; the errors of one do not hide another's."""
    try:
        inventory = load([str(source)])
    except KubewrightError as error:
        check(error)
        return
    for what in (read_topology, lambda loaded: read_inputs(loaded, Request("deploy"), "/nowhere")):
        try:
            what(inventory)
        except KubewrightError as error:
            check(error)


def read_topology(inventory: Inventory) -> None:
    settings, stack = read_settings(inventory.by_name)
    names = group_names(inventory)
    survey_json(survey(names, settings, known_of(names.all, Remembered()), stack))


def check(error: KubewrightError) -> None:
    """A documented exit code that says whose fault it is, and a text that can be printed."""
    assert error.exit_code is ExitCode.BAD_INPUT, error
    assert "Traceback" not in str(error)
    str(error).encode()


def outcome(number: int, folder: Path) -> str:
    """Empty, or what went wrong with the inventory of this number."""
    source = make(number, folder)
    try:
        with deadline(SECONDS):
            read_everything(source)
    except OverTimeError:
        return f"{number}: over {SECONDS} s\n{traceback.format_exc(limit=-4)}"
    except Exception:  # noqa: BLE001  all of them are what is looked for
        return f"{number}: {traceback.format_exc(limit=-4)}"
    finally:
        shutil.rmtree(folder)
    return ""


@pytest.mark.parametrize("first", range(FIRST, FIRST + NUMBER, PER_TEST))
def test_mutated_inventories(first: int, tmp_path: Path) -> None:
    outcomes = [outcome(number, tmp_path / str(number)) for number in range(first, first + PER_TEST)]
    wrong = [text for text in outcomes if text]
    assert not wrong, f"{len(wrong)} of {PER_TEST}:\n" + "\n".join(wrong[:10])
