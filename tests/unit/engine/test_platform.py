"""Which packages a member gets that is compared without being probed first."""

from __future__ import annotations

import pytest

from kubewright.engine.documenting import Platform, platform
from kubewright.engine.finding import Found
from kubewright.observe.model import ObservedCluster, ObservedNode
from kubewright.topology import Address, Host, Role, Source

ADDRESS = Address("192.0.2.1", Source.IP)
HOST = Host("w1", "w1", ADDRESS, ADDRESS, "192.0.2.1", frozenset({Role.WORKER}))


@pytest.mark.parametrize("image", ["Debian GNU/Linux 12 (bookworm)", "Ubuntu 24.04.1 LTS", "Linux Mint 22", ""])
def test_a_member_is_of_the_one_family_that_may_join(image: str) -> None:
    """A distribution derived from Debian does not always have Debian in its name."""
    node = ObservedNode(
        "w1", "192.0.2.1", True, "v1.37.2", False, labels={"kubernetes.io/arch": "arm64"}, os_image=image
    )
    cluster = ObservedCluster("cp1", "v1.37.2", {}, (node,), ())
    assert platform(None, HOST, Found(cluster, "", {})) == Platform("arm64", "debian")


def test_a_host_that_is_neither_probed_nor_a_member_has_none() -> None:
    assert platform(None, HOST, Found(None, "", {})) is None
