"""Where binaries and images come from: publishers, a mirror, a bundle, or builds from Go modules; and the cache that keeps them."""

from kubewright.artifacts.progress import TOTAL, Report, silent
from kubewright.artifacts.resolve import cached_file, resolve

__all__ = ["TOTAL", "Report", "cached_file", "resolve", "silent"]
