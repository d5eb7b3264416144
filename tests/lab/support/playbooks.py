"""The collection's playbooks by plain ``ansible-playbook``."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tests.lab.support.commands import Result, run
from tests.lab.support.lab import DEPLOY_SECONDS, TestLab


def playbook(lab: TestLab, directory: Path, name: str, *arguments: str) -> Result:
    """Run a playbook of the collection as a user of Ansible does, from an empty directory."""
    for variable in ("ANSIBLE_CONFIG", "ANSIBLE_COLLECTIONS_PATH"):
        assert variable not in os.environ, f"{variable} is set, which would hide that it is needed"
    program = shutil.which("ansible-playbook")
    assert program
    command = (program, "-i", str(lab.inventory), f"kubewright.cluster.{name}", *arguments)
    return lab.note(run(("env", f"--chdir={directory}", *command), timeout=DEPLOY_SECONDS))
