"""The order of a plan's stages, and what its steps cost."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

import ansible_collections.kubewright.cluster as collection
from kubewright.plan import Stage

FLOWS = Path(next(iter(collection.__path__))) / "playbooks" / "flow"


@pytest.mark.parametrize("flow", ["run", "remove"])
def test_playbooks_carry_stages_out_in_their_order(flow: str) -> None:
    """Tasks are named as the stages whose steps they carry out."""
    plays = yaml.safe_load((FLOWS / f"{flow}.yml").read_text())
    tasks = [task["name"] for task in plays[-1]["tasks"][0]["block"]]
    headings = [stage.heading for stage in Stage]
    found = [name for name in tasks if name in headings]
    assert found == sorted(found, key=headings.index)
    assert Stage.SNAPSHOT.heading in found
    assert len(found) > 1
