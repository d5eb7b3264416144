"""Take down every lab of this checkout."""

from __future__ import annotations

from kubewright.lab import Lab, lab_names


def main() -> None:
    """Take them down one after another."""
    names = lab_names()
    for name in names:
        print(f"taking down lab {name}", flush=True)
        Lab(name).down()
    if not names:
        print("this checkout has no lab")


if __name__ == "__main__":
    main()
