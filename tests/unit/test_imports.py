"""What is not imported: each command and each action begins with nothing, and imports take most of a short run."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

DECIDING = {"kubewright.settings", "kubewright.topology", "kubewright.documents", "kubewright.plan.compute", "jinja2"}


@pytest.mark.parametrize(
    ("module", "without"),
    [
        ("kubewright.cli.change", {*DECIDING, "ansible", "httpx"}),
        ("kubewright.cli.plan", {*DECIDING, "ansible", "httpx"}),
        ("kubewright.cli.remove", {*DECIDING, "ansible", "httpx"}),
        ("kubewright.engine.actions.looking", {"httpx", "rich", "jinja2.ext", "ansible_runner"}),
    ],
)
def test_importing(module: str, without: set[str]) -> None:
    code = f"import json, sys, {module}; print(json.dumps(list(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, text=True)
    loaded = set(json.loads(done.stdout))
    assert module in loaded
    assert not loaded & without
