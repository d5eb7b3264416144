"""The ``kubewright`` command's process."""

from __future__ import annotations

import sys

from kubewright.quick import run_quickly

PLAYED = frozenset({"plan", "deploy", "scale", "apply", "remove", "reset", "status", "check", "unlock", "kubectl"})
"""Verbs that run a playbook."""


def run() -> None:
    """Run the command."""
    if PLAYED.intersection(sys.argv[1:2]) and "--help" not in sys.argv:
        from kubewright.engine import early  # noqa: PLC0415  needed by these only

        early.begin()
    run_quickly(_main)


def _main() -> None:
    from kubewright.cli.main import main  # noqa: PLC0415  imported as the process should import

    main()


if __name__ == "__main__":
    run()
