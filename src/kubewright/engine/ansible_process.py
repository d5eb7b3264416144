"""The process of ``ansible-playbook`` that the command line starts: the very program, quick to start and to end."""

from __future__ import annotations

import sys

from kubewright.quick import run_quickly


def _main() -> None:
    from ansible.cli.playbook import main  # noqa: PLC0415  imported as the process should import

    main()


if __name__ == "__main__":
    sys.argv[0] = "ansible-playbook"
    run_quickly(_main)
