"""Print the reference page: ``python -m kubewright.settings > docs/settings.md``."""

from __future__ import annotations

import sys

from kubewright.settings.reference import reference_page

sys.stdout.write(reference_page())
