"""The process of ``ansible-playbook`` that the command line starts: the very program, quick to start and to end."""

from __future__ import annotations

import sys

from kubewright.quick import run_quickly
from kubewright.quick_ini import ini_read_quickly


def _main() -> None:
    from ansible.cli.playbook import main  # noqa: PLC0415  imported as the process should import

    with ini_read_quickly():
        main()


if __name__ == "__main__":
    sys.argv[0] = "ansible-playbook"
    run_quickly(_main)
