"""Observed state: what one control plane tells of the whole cluster, and what probes tell of hosts, as frozen types."""
