"""Supported versions and what each needs, as data."""

from kubewright.catalog.loader import load

__all__ = ["load"]
