#!/usr/bin/python
# Copyright: the kubewright authors
# SPDX-License-Identifier: Apache-2.0
"""Do one piece of kubewright's work on a node."""

from __future__ import annotations

from typing import Callable

from ansible.module_utils.basic import AnsibleModule, _load_params

from ansible_collections.kubewright.cluster.plugins.module_utils import entry

DOCUMENTATION = r"""
module: node
short_description: Do one piece of kubewright's work on a node
version_added: 0.1.0
description:
  - Exactly one option is given, which names the call and has its arguments. Each call and its arguments are described
    at the top of C(module_utils/calls/NAME.py).
  - It is one module, because Ansible packs each module anew in each run, which takes longer than most calls.
  - Calls that change a node hold the node's lock. They take C(run), the run that they belong to, and C(lock_timeout),
    the seconds to wait for another holder of the lock.
author: The kubewright authors (@kubewright)
options:
  check_node:
    description: Check from the node that it is a working part of the cluster.
    type: dict
  check_pods:
    description: Make and remove short-lived pods that answer by their own address.
    type: dict
  clean_node:
    description: Take from the node what kubewright put there.
    type: dict
  clean_up:
    description: Remove what only a run needed and record what it achieved. The result may hold a secret.
    type: dict
  cluster_state:
    description: Tell the state of the whole cluster from a control plane.
    type: dict
  converge:
    description: Make the node what its document says.
    type: dict
  join_prepare:
    description: Make a living control plane ready for joins. The result holds secrets.
    type: dict
  keep_snapshot:
    description: Keep a copy of etcd's data on a control plane.
    type: dict
  kubeadm_init:
    description: Make the first control plane with kubeadm.
    type: dict
  kubeadm_join:
    description: Join the node to the cluster with kubeadm. The arguments hold secrets.
    type: dict
  objects:
    description: Apply objects, labels and taints of Nodes, and the record.
    type: dict
  probe:
    description: Look at the node and change nothing, not even on machines that are another's.
    type: dict
  remove_node:
    description: Take a node out of the cluster, from a living control plane that stays.
    type: dict
  run_lock:
    description: Take, renew, give up or show the cluster's lock.
    type: dict
attributes:
  check_mode:
    support: partial
    description: Calls that can say what they would do say it and change nothing; the others are skipped.
  diff_mode:
    support: partial
    description: C(converge) tells unified differences of all text files but secrets.
"""

EXAMPLES = r"""
- name: Look at the node
  kubewright.cluster.node:
    probe: {}
  register: probed

- name: Tell what would change
  kubewright.cluster.node:
    converge:
      document: "{{ node_document }}"
      urls: ["http://192.0.2.10:8089"]
  check_mode: true
"""

RETURN = r"""
error:
  description: Subject, cause, remedy and exit code of what went wrong.
  type: dict
  returned: failure
waited:
  description: Seconds that the node's lock was waited for.
  type: float
  returned: success of a call that takes it
waited_for:
  description: The holder of the lock that was waited for.
  type: dict
  returned: success of a call that takes it
"""


def _check_node() -> entry.Call:
    from ansible_collections.kubewright.cluster.plugins.module_utils.calls.check_node import CALL  # noqa: PLC0415

    return CALL


def _check_pods() -> entry.Call:
    from ansible_collections.kubewright.cluster.plugins.module_utils.calls.check_pods import CALL  # noqa: PLC0415

    return CALL


def _clean_node() -> entry.Call:
    from ansible_collections.kubewright.cluster.plugins.module_utils.calls.clean_node import CALL  # noqa: PLC0415

    return CALL


def _clean_up() -> entry.Call:
    from ansible_collections.kubewright.cluster.plugins.module_utils.calls.clean_up import CALL  # noqa: PLC0415

    return CALL


def _cluster_state() -> entry.Call:
    from ansible_collections.kubewright.cluster.plugins.module_utils.calls.cluster_state import CALL  # noqa: PLC0415

    return CALL


def _converge() -> entry.Call:
    from ansible_collections.kubewright.cluster.plugins.module_utils.calls.converge import CALL  # noqa: PLC0415

    return CALL


def _join_prepare() -> entry.Call:
    from ansible_collections.kubewright.cluster.plugins.module_utils.calls.join_prepare import CALL  # noqa: PLC0415

    return CALL


def _keep_snapshot() -> entry.Call:
    from ansible_collections.kubewright.cluster.plugins.module_utils.calls.keep_snapshot import CALL  # noqa: PLC0415

    return CALL


def _kubeadm_init() -> entry.Call:
    from ansible_collections.kubewright.cluster.plugins.module_utils.calls.kubeadm_init import CALL  # noqa: PLC0415

    return CALL


def _kubeadm_join() -> entry.Call:
    from ansible_collections.kubewright.cluster.plugins.module_utils.calls.kubeadm_join import CALL  # noqa: PLC0415

    return CALL


def _objects() -> entry.Call:
    from ansible_collections.kubewright.cluster.plugins.module_utils.calls.objects import CALL  # noqa: PLC0415

    return CALL


def _probe() -> entry.Call:
    from ansible_collections.kubewright.cluster.plugins.module_utils.calls.probe import CALL  # noqa: PLC0415

    return CALL


def _remove_node() -> entry.Call:
    from ansible_collections.kubewright.cluster.plugins.module_utils.calls.remove_node import CALL  # noqa: PLC0415

    return CALL


def _run_lock() -> entry.Call:
    from ansible_collections.kubewright.cluster.plugins.module_utils.calls.run_lock import CALL  # noqa: PLC0415

    return CALL


CALLS: dict[str, Callable[[], entry.Call]] = {
    "check_node": _check_node,
    "check_pods": _check_pods,
    "clean_node": _clean_node,
    "clean_up": _clean_up,
    "cluster_state": _cluster_state,
    "converge": _converge,
    "join_prepare": _join_prepare,
    "keep_snapshot": _keep_snapshot,
    "kubeadm_init": _kubeadm_init,
    "kubeadm_join": _kubeadm_join,
    "objects": _objects,
    "probe": _probe,
    "remove_node": _remove_node,
    "run_lock": _run_lock,
}
"""By name what imports the call: a node loads the one that is asked for, of which each part takes a while."""


def _refuse() -> None:
    """Fail as a module does that has not been given one of what it needs, or several."""
    names = sorted(CALLS)
    AnsibleModule({name: {"type": "dict"} for name in names}, required_one_of=[names], mutually_exclusive=[names])


def main() -> None:
    """Run the call that is named."""
    # The arguments of calls differ, so that which one it is has to be known before they are read. This function of
    # Ansible's is there for modules of that kind.
    given = [name for name in _load_params() if name in CALLS]
    if len(given) != 1:
        _refuse()
    entry.run(given[0], CALLS[given[0]]())


if __name__ == "__main__":
    main()
