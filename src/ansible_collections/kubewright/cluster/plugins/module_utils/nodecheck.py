"""Check from this node that it is a working part of the cluster."""

from __future__ import annotations

import time
import urllib.parse
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable

from ansible_collections.kubewright.cluster.plugins.module_utils import checkpods, clusterstate, dns, kubeconfig
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.kubeapi import ApiError, Client
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System

_INTERVAL = 0.2
_REQUEST_TIMEOUT = 3.0

Probe = Callable[[], str]
"""Asks once: what was found, or raises :class:`_NotYetError`."""


class _NotYetError(Exception):
    """The check does not hold now."""


def check(system: System, params: dict[str, Any]) -> list[dict[str, Any]]:
    """Every check as {check, ok, detail, seconds, remedy}, in a fixed order.

    Each is tried again until it holds or the deadline has passed.

    Args:
        system: the node.
        params: node_name, endpoint (URL), dns_server, dns_domain, peers ([{name, ip}]), deadline (seconds).

    """
    probes = _probes(system, params)
    deadline = time.monotonic() + params["deadline"]
    with ThreadPoolExecutor(max_workers=len(probes)) as pool:
        futures = [pool.submit(_until, name, probe, remedy, deadline) for name, probe, remedy in probes]
        return [future.result() for future in futures]


def _probes(system: System, params: dict[str, Any]) -> list[tuple[str, Probe, str]]:
    endpoint, server = params["endpoint"], params["dns_server"]
    name = "kubernetes.default.svc.%s" % params["dns_domain"]
    probes: list[tuple[str, Probe, str]] = [
        (
            "Node Ready",
            lambda: _node_ready(system, endpoint, params["node_name"]),
            "Look at: journalctl -u kubelet, and kubectl describe node %s" % params["node_name"],
        ),
        (
            "API through %s" % endpoint,
            lambda: _api_answers(system, endpoint),
            "Look at the local load balancer's log under /var/log/pods, and at the API servers behind it",
        ),
    ]
    if server:
        probes.append(
            (
                "cluster DNS through %s" % server,
                lambda: _dns_answers(server, name),
                "Look at the pods of CoreDNS and kube-proxy in kube-system",
            )
        )
    return probes + [_peer_probe(peer["name"], peer["ip"]) for peer in params["peers"]]


def _peer_probe(name: str, address: str) -> tuple[str, Probe, str]:
    return (
        "pod %s at %s" % (name, address),
        lambda: _pod_answers(address),
        "Look at the network plugin's pods on both nodes; its traffic (flannel vxlan: UDP 8472) must pass between them",
    )


def _until(name: str, probe: Probe, remedy: str, deadline: float) -> dict[str, Any]:
    started = time.monotonic()
    while True:
        try:
            detail, ok = probe(), True
        except (_NotYetError, ApiError, NodeError, dns.DnsError) as error:
            detail, ok = str(error), False
        now = time.monotonic()
        if ok or now >= deadline:
            return {
                "check": name,
                "ok": ok,
                "detail": detail,
                "seconds": round(now - started, 2),
                "remedy": "" if ok else remedy,
            }
        time.sleep(_INTERVAL)


def _client(system: System, endpoint: str) -> Client:
    config = kubeconfig.load(system, kubeconfig.KUBELET_CONF)
    return Client(system, config, server=endpoint, timeout=_REQUEST_TIMEOUT)


def _node_ready(system: System, endpoint: str, name: str) -> str:
    node = _client(system, endpoint).get("/api/v1/nodes/" + urllib.parse.quote(name))
    if clusterstate.ready(node):
        return "Ready"
    conditions = (node.get("status") or {}).get("conditions") or []
    messages = [entry.get("message", "") for entry in conditions if entry["type"] == "Ready"]
    raise _NotYetError("not Ready: %s" % (messages[0] if messages else "the kubelet has not reported yet"))


def _api_answers(system: System, endpoint: str) -> str:
    answer = _client(system, endpoint).text("/readyz")
    if answer != "ok":
        raise _NotYetError("answered %r" % answer[:200])
    return "ok"


def _dns_answers(server: str, name: str) -> str:
    for tcp in (False, True):
        response = dns.ask(server, name, tcp=tcp)
        if response.code or not response.addresses:
            raise _NotYetError("%s for %s with %d addresses" % (response.code_name, name, len(response.addresses)))
    return "%s is %s" % (name, ", ".join(response.addresses))


def _pod_answers(address: str) -> str:
    # The whoami plugin answers any name; that an answer came is what counts.
    response = dns.ask(address, "kubewright.check", port=checkpods.PORT)
    return "answered %s" % response.code_name
