"""Filter ``kubewright.cluster.host_address``: what the address variables of the vars and inventory plugins evaluate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

from kubewright.errors import KubewrightError
from kubewright.inventory.variables import host_address

DOCUMENTATION = """
name: host_address
short_description: One of a host's addresses
description:
  - Gives the address from the host's own variables, else what earlier runs of kubewright found. No fact is used, so
    that the value is the same in every play and under any limit.
  - The plugins C(kubewright.cluster.topology) (vars and inventory) make variables with it; a playbook uses those.
options:
  _input:
    description: The host's name in the inventory.
    type: str
    required: true
  variable:
    description: Which address.
    type: str
    choices: [main_ip, main_access_ip, main_ips, main_access_ips]
    required: true
  _variables:
    description: By keyword, the host's variables C(ip), C(access_ip), C(ip6), C(access_ip6), C(ipv4_stack),
      C(ipv6_stack) and C(ansible_inventory_sources), as far as it has them.
    type: dict
positional: variable
author: kubewright
"""

EXAMPLES = """
- name: The address at which the other hosts reach this one
  ansible.builtin.debug:
    msg: "{{ inventory_hostname | kubewright.cluster.host_address('main_access_ip', ip=ip) }}"
"""

RETURN = """
_value:
  description: An address; a list of addresses for C(main_ips) and C(main_access_ips).
  type: raw
"""


class FilterModule:
    """The collection's filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return them by name."""
        return {"host_address": _host_address}


def _host_address(host: str, variable: str, **variables: Any) -> Any:
    try:
        return host_address(host, variable, variables)
    except KubewrightError as error:
        raise AnsibleFilterError(str(error)) from error
