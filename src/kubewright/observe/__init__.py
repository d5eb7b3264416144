"""Observed state: what one control plane tells of the whole cluster, and what probes tell of hosts, as frozen types."""

from kubewright.observe.parse import answers, parse_cluster, parse_host

__all__ = ["answers", "parse_cluster", "parse_host"]
