"""The ``kubewright`` command's process."""

from __future__ import annotations

from kubewright.quick import run_quickly


def run() -> None:
    """Run the command."""
    run_quickly(_main)


def _main() -> None:
    from kubewright.cli.main import main  # noqa: PLC0415  imported as the process should import

    main()


if __name__ == "__main__":
    run()
