"""The process of ``ansible-playbook`` that the command line starts: the very program, on a leash and quick.

``python -m kubewright.engine.ansible_process PARENT_PID ARGUMENT…``; the arguments are those of ``ansible-playbook``.
"""

from __future__ import annotations

import sys

from kubewright.engine.leash import hold
from kubewright.quick import run_quickly
from kubewright.quick_ini import ini_read_quickly
from kubewright.quick_yaml import ansible_yaml_remembered


def playbook() -> None:
    """Be ``ansible-playbook``; its arguments are in ``sys.argv``."""
    with ansible_yaml_remembered():
        from ansible.cli.playbook import main  # noqa: PLC0415  imported as the process should import

        with ini_read_quickly():
            main()


if __name__ == "__main__":
    parent = int(sys.argv[1])
    sys.argv[:2] = ["ansible-playbook"]
    sys.exit(hold(parent, lambda: run_quickly(playbook)))
