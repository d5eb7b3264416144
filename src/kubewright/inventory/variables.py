"""A host's addresses as Ansible variables, for playbooks of the user's own.

The variables are templates that Ansible evaluates where they are used, each with its own host's variables. Thereby
``hostvars[other].main_access_ip`` has its value whoever is in the play or in ``--limit``, and facts play no part.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kubewright.errors import BadInputError
from kubewright.inventory.known import known_of
from kubewright.inventory.model import InventoryHost
from kubewright.inventory.remembered import Remembered, remembered, state_directory
from kubewright.inventory.values import ADDRESS_FILTER, to_builtin
from kubewright.places import inventory_directory
from kubewright.settings import Settings
from kubewright.topology import ADDRESS_VARIABLES, Stack, read_settings, resolve

READ = (
    *("ip", "access_ip", "ip6", "access_ip6", "ipv4_stack", "ipv6_stack", "enable_dual_stack_networks"),
    *("cluster_name", "kubewright_fact_max_age", "kubewright_state_directory", "ansible_inventory_sources"),
)
"""The host's own variables that its addresses depend on."""

_ELSEWHERE = ("kubewright_state_directory", "ansible_inventory_sources")


def templates() -> dict[str, str]:
    """Return the variables for the group ``all``, as templates that Ansible may evaluate."""
    from ansible.template import trust_as_template  # noqa: PLC0415  slow to import

    arguments = ", ".join(f"{name}={name} | default(none)" for name in READ)
    return {
        name: trust_as_template(f"{{{{ inventory_hostname | {ADDRESS_FILTER}('{name}', {arguments}) }}}}")
        for name in ADDRESS_VARIABLES
    }


def host_address(host: str, variable: str, variables: Mapping[str, Any]) -> str | list[str]:
    """Return one of a host's address variables, a list for those in the plural.

    Args:
        host: its name in the inventory.
        variable: one of :data:`kubewright.topology.ADDRESS_VARIABLES`.
        variables: those of :data:`READ` that the host has; ``None`` is as if one were not given.

    Raises:
        BadInputError: nothing gives the address, with the host, the variable and the remedy; or it is none that other
            hosts can use.

    """
    if variable not in ADDRESS_VARIABLES:
        raise BadInputError(variable, "it is no variable of a host's addresses", f"Use {', '.join(ADDRESS_VARIABLES)}")
    given = {name: to_builtin(value) for name, value in variables.items() if value is not None}
    own = {name: value for name, value in given.items() if name not in _ELSEWHERE}
    settings, stack = read_settings({host: InventoryHost(host, (), own, frozenset(own))})
    in_plural = variable.endswith("s")
    wanted = stack if in_plural else _first_family(stack)
    found = resolve(host, settings, known_of((host,), _memory(given, settings))[host], wanted)
    addresses = found.main_access_ips if "access" in variable else found.main_ips
    lacking = found.missing if len(addresses) < len(wanted.families) else ()
    if errors := (*lacking, *found.errors):
        raise errors[0]
    return [address.value for address in addresses] if in_plural else addresses[0].value


def _first_family(stack: Stack) -> Stack:
    return Stack(ipv4=True, ipv6=False) if stack.ipv4 else stack


def _memory(variables: Mapping[str, Any], settings: Settings) -> Remembered:
    sources = variables.get("ansible_inventory_sources") or ()
    directory = inventory_directory([str(source) for source in sources])
    given = variables.get("kubewright_state_directory")
    folder = Path(str(given)) if given else state_directory(directory, settings.cluster.cluster_name)
    return remembered(folder, max_age=settings.cluster.kubewright_fact_max_age)
