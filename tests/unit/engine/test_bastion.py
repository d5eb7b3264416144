"""Which way SSH goes."""

from __future__ import annotations

import shlex

import pytest

from kubewright.engine.bastion import Bastion, bastion_for, has_own_way
from kubewright.errors import BadInputError

GROUPS = {"bastion": ["gate", "other"], "kube_node": ["w1"]}
HOSTVARS = {"gate": {"ansible_host": "192.0.2.1", "ansible_port": 2222, "ansible_user": "jump"}, "w1": {}}


def words(option: str) -> list[str]:
    """What SSH runs: the option as Ansible splits it, and the command in it as a shell does."""
    flag, setting = shlex.split(option)
    assert flag == "-o"
    name, _, command = setting.partition("=")
    assert name == "ProxyCommand"
    return shlex.split(command)


class TestWhich:
    def test_the_first_of_the_group_whatever_it_is_called(self) -> None:
        assert bastion_for("w1", GROUPS, HOSTVARS) == Bastion("192.0.2.1", "2222", "jump")

    def test_not_for_a_bastion_and_not_without_one(self) -> None:
        assert bastion_for("gate", GROUPS, HOSTVARS) is None
        assert bastion_for("w1", {"kube_node": ["w1"]}, HOSTVARS) is None

    def test_its_name_where_it_has_no_address(self) -> None:
        found = bastion_for("w1", {"bastion": ["gate.example"]}, {"gate.example": {}})
        assert found == Bastion("gate.example")


class TestOption:
    def test_everything(self) -> None:
        option = Bastion("gate", "2222", "jump", "/my keys/id", "-o UserKnownHostsFile=/tmp/a%b", check_host_key=False)
        assert words(option.option("/usr/bin/ssh")) == [
            *("/usr/bin/ssh", "-o", "BatchMode=yes"),
            *("-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"),
            *("-p", "2222", "-l", "jump", "-i", "/my keys/id", "-o", "UserKnownHostsFile=/tmp/a%%b"),
            *("-W", "[%h]:%p", "gate"),
        ]

    def test_the_rest_is_sshs_own_configuration(self) -> None:
        assert words(Bastion("gate").option()) == ["ssh", "-o", "BatchMode=yes", "-W", "[%h]:%p", "gate"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("", False),
        ("-o ControlMaster=auto", False),
        ("-o ProxyJump=a", True),
        ("-oProxyCommand='ssh -W %h:%p a'", True),
        ("-J a", True),
        ("-o proxyjump=a", True),
        ("-o 'ProxyJump a'", True),
    ],
)
def test_a_host_with_a_way_of_its_own(arguments: str, expected: bool) -> None:
    assert has_own_way(arguments) is expected


def test_a_quotation_that_does_not_end() -> None:
    with pytest.raises(BadInputError, match="SSH arguments"):
        has_own_way("-o 'ProxyJump")
