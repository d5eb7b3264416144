"""Where a host may fetch artifacts from."""

from __future__ import annotations

from typing import Any

import pytest

from kubewright.engine.actions.converging import artifact_urls
from kubewright.settings import ClusterSettings

OFFER = {"port": 8089, "path": "secret"}
CONTROLLER = "http://192.0.2.1:8089/secret"
MIRROR = "http://files.example/blobs"


def cluster(**settings: Any) -> ClusterSettings:
    return ClusterSettings(
        kube_network_plugin="flannel", kube_proxy_mode="iptables", etcd_deployment_type="kubeadm", **settings
    )


@pytest.mark.parametrize(
    ("settings", "client", "offer", "wanted"),
    [
        ({}, "192.0.2.1", OFFER, [CONTROLLER]),
        ({}, "2001:db8::1", OFFER, ["http://[2001:db8::1]:8089/secret"]),
        ({}, None, OFFER, []),
        ({}, "192.0.2.1", {}, []),
        ({"kubewright_artifact_urls": (f"{MIRROR}/",)}, "192.0.2.1", OFFER, [MIRROR, CONTROLLER]),
        ({"kubewright_artifact_urls": (MIRROR,)}, None, {}, [MIRROR]),
        (
            {"kubewright_artifact_urls": (MIRROR,), "kubewright_artifact_delivery": "controller"},
            "192.0.2.1",
            OFFER,
            [CONTROLLER],
        ),
        ({"kubewright_artifact_urls": (MIRROR,), "kubewright_artifact_delivery": "ssh"}, "192.0.2.1", OFFER, []),
    ],
)
def test_what_the_settings_name_comes_before_the_controller(
    settings: dict[str, Any], client: str | None, offer: dict[str, Any], wanted: list[str]
) -> None:
    assert artifact_urls(cluster(**settings), client, offer) == wanted
