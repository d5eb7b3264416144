"""What every node must know of the others, kept once for all hosts that must know the same.

It depends on what a host is (control plane or not) and on its platform, never on the host itself. So it is rendered
once a kind, however many hosts there are, and a run with a limit renders no whole document of a host that it does not
touch.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from kubewright.documents import NodeDocument
from kubewright.engine.record import Run

_FILE = "fan_out"


def write_fan_out(run: Run, kinds: Mapping[str, NodeDocument], hosts: Mapping[str, str]) -> None:
    """Write it.

    Args:
        run: the run.
        kinds: kind of host → the document of any host of that kind.
        hosts: host → its kind.

    """
    parts = {kind: list(document.fan_out_only().resources) for kind, document in kinds.items()}
    told = {kind: {"resources": resources, "digest": digest(resources)} for kind, resources in parts.items()}
    run.write(_FILE, {"kinds": told, "hosts": dict(hosts)})


def fan_out_digests(run: Run) -> dict[str, str]:
    """Digest of what each host must know of the others, by host: all hosts whose platform is known."""
    written = run.read(_FILE)
    return {host: str(written["kinds"][kind]["digest"]) for host, kind in written["hosts"].items()}


def fan_out_document(run: Run, host: str) -> dict[str, Any]:
    """The part of a host's document that depends on the others, as the node side takes it."""
    written = run.read(_FILE)
    resources = written["kinds"][written["hosts"][host]]["resources"]
    return NodeDocument(host, tuple(resources)).to_json()


def digest(value: object) -> str:
    """SHA-256 of a JSON value in canonical form."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
