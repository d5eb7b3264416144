"""Plans of removals and resets, compared with files that people read in reviews."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from kubewright.observe.model import ObservedCluster
from kubewright.plan import Plan
from kubewright.plan.removal import Leaving, Removal, plan_removal, plan_reset
from kubewright.plan.rules.disruption import Budget
from kubewright.plan.situation import Situation
from tests.golden.conftest import Golden
from tests.golden.plan.test_plans import MEMBERS, live, rendered, topology

DEAD = "no SSH connection: connect to host 10.7.0.2 port 22: No route to host"


def leaving(name: str, cluster: ObservedCluster, **changes: Any) -> Leaving:
    """A host that is to leave, as the cluster tells of it; it carries kubewright's manifest."""
    values: dict[str, Any] = {
        "known": True,
        "carries": True,
        "node": next(node for node in cluster.nodes if node.name == name),
        "members": tuple(member for member in cluster.etcd_members if member.name == name),
        "recorded": True,
        **changes,
    }
    return Leaving(name, name, **values)


def removal(*hosts: Leaving, cluster: ObservedCluster, offline: bool = False) -> Plan:
    """The plan; whoever stays has to be told of it."""
    gone = {host.name for host in hosts}
    shape = topology()
    shape = replace(shape, hosts=tuple(host for host in shape.hosts if host.name not in gone))
    names = tuple(host.name for host in shape.hosts)
    base = Situation(
        verb="remove",
        version="1.37.2",
        topology=shape,
        cluster_name="factory",
        scope=(),
        cluster=cluster,
        fan_out=dict.fromkeys(names, "all that stay"),
    )
    return plan_removal(Removal(base, hosts, offline=offline))


def remove_worker_with_budgets() -> Plan:
    cluster = live(topology(), *MEMBERS)
    worker = leaving(
        "worker1",
        cluster,
        pods=("kube-system/coredns-5d78c9869d-7xk2p", "press/bare", "shop/web-1", "shop/web-2"),
        lost_pods=("press/bare",),
        budgets=(
            Budget("kube-system/coredns", ("kube-system/coredns-5d78c9869d-7xk2p",), 1, 2, max_unavailable="1"),
            Budget("shop/web", ("shop/web-1", "shop/web-2"), 0, 5, min_available="80%"),
        ),
    )
    return removal(worker, cluster=cluster)


def remove_first_control_plane() -> Plan:
    cluster = replace(live(topology(), *MEMBERS), via="cp2")
    return removal(leaving("cp1", cluster, pods=("kube-system/coredns-5d78c9869d-7xk2p",)), cluster=cluster)


def remove_dead_control_plane() -> Plan:
    cluster = live(topology(), *MEMBERS)
    members = tuple(replace(member, healthy=member.name != "cp2") for member in cluster.etcd_members)
    nodes = tuple(replace(node, ready=node.name != "cp2") for node in cluster.nodes)
    cluster = replace(cluster, nodes=nodes, etcd_members=members)
    return removal(leaving("cp2", cluster, carries=False), cluster=cluster, offline=True)


def remove_node_that_left_the_inventory() -> Plan:
    cluster = live(topology(3), *MEMBERS, "worker3")
    reason = f"it could not be looked at ({DEAD})"
    worker = leaving("worker3", cluster, known=False, carries=False, not_cleaned=reason, pods=("shop/web-1",))
    return removal(worker, cluster=cluster)


def reset_with_a_silent_host() -> Plan:
    hosts = tuple(Leaving(name, name, known=True, carries=True) for name in MEMBERS if name != "cp2")
    bare = Leaving("worker3", "worker3", known=True)
    silent = Leaving("cp2", "cp2", known=True, unreachable=DEAD)
    return plan_reset("factory", "1.37.2", (*hosts, bare, silent))


PLANS = (
    remove_worker_with_budgets,
    remove_first_control_plane,
    remove_dead_control_plane,
    remove_node_that_left_the_inventory,
    reset_with_a_silent_host,
)


@pytest.mark.parametrize("make", PLANS, ids=lambda make: make.__name__)
def test_are_as_in_the_golden_files(make: Callable[[], Plan], golden: Golden) -> None:
    golden(f"plan/{make.__name__.replace('_', '-')}", rendered(make()))


@pytest.mark.parametrize("make", PLANS, ids=lambda make: make.__name__)
def test_come_back_from_json(make: Callable[[], Plan]) -> None:
    assert Plan.from_json(json.loads(json.dumps(make().to_json()))) == make()
