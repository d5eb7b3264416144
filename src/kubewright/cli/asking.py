"""What the live cluster and its hosts say of addresses, for verbs that change nothing."""

from __future__ import annotations

import dataclasses

from kubewright.cli.options import Options
from kubewright.cli.running import execute
from kubewright.engine.flow import find_cluster, known_addresses
from kubewright.engine.inputs import Inputs
from kubewright.errors import KubewrightError
from kubewright.topology import KnownAddresses


def asked(options: Options) -> tuple[dict[str, KnownAddresses], KubewrightError | None]:
    """Return what the live cluster says, and the hosts that it does not know; or why nobody could be asked."""
    run, error = execute("topology", options)
    if error is not None:
        return {}, error
    inputs = Inputs.load(run)
    known = known_addresses(run, inputs, find_cluster(run, inputs).cluster)
    # The run remembers what hosts say: what was said just now is not from an earlier one.
    return {
        host: dataclasses.replace(each, cached=None) if each.gathered and each.gathered == each.cached else each
        for host, each in known.items()
    }, None
