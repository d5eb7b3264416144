"""Kubernetes cluster lifecycle over SSH, from an Ansible inventory."""

__version__ = "0.1.0"
