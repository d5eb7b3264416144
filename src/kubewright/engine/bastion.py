"""The way through a bastion: what SSH is told for hosts that are reached through the inventory's group ``bastion``."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kubewright.errors import BadInputError

GROUP = "bastion"
_OWN_WAY = ("proxyjump", "proxycommand")


@dataclass(frozen=True)
class Bastion:
    """How SSH reaches the bastion. Empty texts leave it to SSH's own configuration."""

    address: str
    port: str = ""
    user: str = ""
    private_key: str = ""
    arguments: str = ""
    check_host_key: bool = True

    def option(self, executable: str = "ssh") -> str:
        """Return the SSH option that goes through it, quoted as one of Ansible's lists of arguments.

        A ProxyCommand and no ProxyJump: SSH would not give a jump host the key and the arguments of the command line.

        Raises:
            BadInputError: a quotation in the bastion's arguments does not end.

        """
        words = [executable, "-o", "BatchMode=yes"]
        words += [] if self.check_host_key else ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
        words += ["-p", self.port] if self.port else []
        words += ["-l", self.user] if self.user else []
        words += ["-i", self.private_key] if self.private_key else []
        words += _split(self.arguments)
        # SSH reads % in a ProxyCommand: the target's %h and %p are meant, and nothing in the other words.
        kept = shlex.join(words).replace("%", "%%")
        return f"-o {shlex.quote(f'ProxyCommand={kept} -W [%h]:%p {shlex.quote(self.address)}')}"


def bastion_for(
    host: str, groups: Mapping[str, Sequence[str]], hostvars: Mapping[str, Mapping[str, Any]]
) -> Bastion | None:
    """Return the bastion that a host is reached through: the first of the group, whatever its name is.

    None where there is none, and for a bastion itself.
    """
    members = list(groups.get(GROUP, ()))
    if not members or host in members:
        return None
    name = members[0]
    variables = hostvars[name]
    return Bastion(
        address=_first(variables, "ansible_host", "ansible_ssh_host") or name,
        port=_first(variables, "ansible_port", "ansible_ssh_port"),
        user=_first(variables, "ansible_user", "ansible_ssh_user"),
        private_key=_first(variables, "ansible_ssh_private_key_file", "ansible_private_key_file"),
        arguments=" ".join(
            text for key in ("ansible_ssh_common_args", "ansible_ssh_extra_args") if (text := _first(variables, key))
        ),
    )


def has_own_way(arguments: str) -> bool:
    """Whether SSH arguments say how a host is reached.

    Raises:
        BadInputError: a quotation in them does not end.

    """
    words = [word.lower() for word in _split(arguments)]
    return any(word == "-j" or word.removeprefix("-o").startswith(_OWN_WAY) for word in words)


def _split(arguments: str) -> list[str]:
    try:
        return shlex.split(arguments)
    except ValueError as error:
        remedy = "Correct ansible_ssh_common_args or ansible_ssh_extra_args"
        raise BadInputError("SSH arguments", f"{arguments} cannot be split into words: {error}", remedy) from error


def _first(variables: Mapping[str, Any], *names: str) -> str:
    return next((str(variables[name]) for name in names if variables.get(name)), "")
