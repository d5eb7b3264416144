"""What all tests share: property tests that are the same on every run and do not fail because a machine is slow."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("kubewright", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("kubewright")
