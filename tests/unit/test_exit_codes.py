"""The documented exit codes are the ones in the code."""

from __future__ import annotations

import re
from pathlib import Path

from kubewright.errors import ERRORS_BY_EXIT_CODE, ExitCode, KubewrightError

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "exit-codes.md"


def documented() -> dict[int, str]:
    """Code → name, from the table of the document."""
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \|", DOCUMENT.read_text(), flags=re.MULTILINE)
    return {int(code): name for code, name in rows}


class TestDocument:
    """docs/exit-codes.md."""

    def test_names_every_code_and_no_other(self) -> None:
        assert documented() == {code.value: code.name for code in ExitCode}

    def test_lists_them_in_order(self) -> None:
        assert list(documented()) == sorted(documented())


class TestErrors:
    """The exception tree."""

    def test_every_error_that_users_see_has_a_code_of_its_own(self) -> None:
        below = [kind for kind in KubewrightError.__subclasses__() if kind.__module__ == KubewrightError.__module__]
        kinds: list[type[KubewrightError]] = [KubewrightError, *below]
        assert len({kind.exit_code for kind in kinds}) == len(kinds)

    def test_codes_that_crossed_a_process_boundary_are_understood(self) -> None:
        understood = {ExitCode(code) for code in ERRORS_BY_EXIT_CODE}
        not_errors = {ExitCode.DONE, ExitCode.DIFFERENCES, ExitCode.USAGE, ExitCode.INTERRUPTED}
        assert understood == set(ExitCode) - not_errors
