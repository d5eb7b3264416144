"""Where binaries and images come from, and the cache that keeps them.

Sources are publishers, a mirror, a bundle, or builds from Go modules.
"""

from kubewright.artifacts.progress import TOTAL, Report, silent
from kubewright.artifacts.resolve import cached_file, recalled, resolve

__all__ = ["TOTAL", "Report", "cached_file", "recalled", "resolve", "silent"]
