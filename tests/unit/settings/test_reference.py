"""The reference page."""

from __future__ import annotations

from pathlib import Path

from kubewright.settings import HONOURED_NAMES
from kubewright.settings.critical import CRITICAL
from kubewright.settings.reference import reference_page

PAGE = Path(__file__).parents[3] / "docs" / "settings.md"


def test_the_page_is_the_models() -> None:
    assert PAGE.read_text() == reference_page(), "run: python -m kubewright.settings > docs/settings.md"


def test_the_page_has_every_setting() -> None:
    assert all(f"| `{name}` |" in reference_page() for name in HONOURED_NAMES | CRITICAL.keys())
