"""Typed cluster and host settings under Kubespray's names, with defaults, bounds and documentation."""
