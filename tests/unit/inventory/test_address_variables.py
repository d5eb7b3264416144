"""Address variables of one host, as a playbook of the user's own gets them."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubewright.errors import BadInputError
from kubewright.inventory.variables import host_address


def address(folder: Path, variable: str, **variables: str) -> str | list[str]:
    return host_address("w1", variable, {"ansible_inventory_sources": [str(folder)], **variables})


def test_what_others_use_needs_no_address_that_the_host_binds(tmp_path: Path) -> None:
    assert address(tmp_path, "main_access_ip", access_ip="198.51.100.4") == "198.51.100.4"
    assert address(tmp_path, "main_access_ips", access_ip="198.51.100.4") == ["198.51.100.4"]


@pytest.mark.parametrize("variable", ["main_ip", "main_ips"])
def test_what_it_binds_is_not_made_of_what_others_use(tmp_path: Path, variable: str) -> None:
    with pytest.raises(BadInputError, match=r"main_ip is not known.*Set ip for w1"):
        address(tmp_path, variable, access_ip="198.51.100.4")


def test_an_address_of_no_use_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="a loopback address"):
        address(tmp_path, "main_access_ip", ip="192.0.2.4", access_ip="127.0.0.1")
