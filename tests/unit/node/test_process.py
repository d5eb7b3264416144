"""Commands that cannot even be started are told by their status, as a shell does."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.kubewright.cluster.plugins.module_utils.errors import NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System


class TestRun:
    def test_an_absent_program(self) -> None:
        done = System().run("no-such-program-anywhere")
        assert (done.status, done.complaint) == (127, "no-such-program-anywhere: command not found")

    @pytest.mark.parametrize(
        ("content", "mode", "complaint"),
        [
            ("", 0o755, "Exec format error"),
            ("no program any more", 0o755, "Exec format error"),
            ("#!/bin/sh\n", 0o644, "Permission denied"),
        ],
        ids=["empty", "garbage", "not executable"],
    )
    def test_a_damaged_program(self, tmp_path: Path, content: str, mode: int, complaint: str) -> None:
        program = tmp_path / "damaged-program"
        program.write_text(content)
        program.chmod(mode)
        system = System(search=[str(tmp_path)])
        done = system.run("damaged-program")
        assert (done.ok, done.status) == (False, 126)
        assert done.complaint == f"damaged-program: cannot be executed: {complaint}"
        with pytest.raises(NodeError, match="cannot be executed"):
            system.must("damaged-program")
