"""Tests of what talks to the API, etcd and kubeadm on a node."""
