"""The kubelet's systemd unit, this host's part of its configuration, and which API server it talks to."""

from __future__ import annotations

from kubewright.documents.inputs import PATCHES_DIRECTORY
from kubewright.documents.model import Resource
from kubewright.documents.render import to_yaml
from kubewright.documents.system import OsFamily, file, unit
from kubewright.settings.model import ClusterSettings, HostSettings
from kubewright.topology.model import Endpoint

UNIT = "kubelet.service"

# As in the Kubernetes project's packages; the engine is started first, so that a boot has no failed attempt.
_UNIT = """\
[Unit]
Description=kubelet: The Kubernetes Node Agent
Documentation=https://kubernetes.io/docs/
Wants=network-online.target containerd.service
After=network-online.target containerd.service

[Service]
ExecStart={bin_dir}/kubelet
Restart=always
StartLimitInterval=0
RestartSec=10

[Install]
WantedBy=multi-user.target
"""

_DROP_IN = """\
[Service]
Environment="KUBELET_KUBECONFIG_ARGS={kubeconfigs}"
Environment="KUBELET_CONFIG_ARGS=--config=/var/lib/kubelet/config.yaml"
# Written by kubeadm: KUBELET_KUBEADM_ARGS.
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
# For overrides by hand: KUBELET_EXTRA_ARGS.
EnvironmentFile=-{override}
ExecStart=
ExecStart={bin_dir}/kubelet $KUBELET_KUBECONFIG_ARGS $KUBELET_CONFIG_ARGS $KUBELET_KUBEADM_ARGS $KUBELET_EXTRA_ARGS
"""

_KUBECONFIGS = "--bootstrap-kubeconfig={0}/bootstrap-kubelet.conf --kubeconfig={0}/kubelet.conf"

_OVERRIDE: dict[OsFamily, str] = {"debian": "/etc/default/kubelet", "redhat": "/etc/sysconfig/kubelet"}


def service(cluster: ClusterSettings, os_family: OsFamily) -> tuple[Resource, ...]:
    """Return unit file, kubeadm's drop-in and the unit, enabled; kubeadm starts it for the first time."""
    drop_in = _DROP_IN.format(
        kubeconfigs=_KUBECONFIGS.format(cluster.kube_config_dir), bin_dir=cluster.bin_dir, override=_OVERRIDE[os_family]
    )
    return (
        file(f"/etc/systemd/system/{UNIT}", _UNIT.format(bin_dir=cluster.bin_dir), restarts=(UNIT,)),
        file(f"/etc/systemd/system/{UNIT}.d/10-kubeadm.conf", drop_in, restarts=(UNIT,)),
        unit(UNIT, state="member"),
    )


def patches(host: HostSettings) -> tuple[Resource, ...]:
    """Return the patch that kubeadm merges into the cluster's KubeletConfiguration on this host, if it has one."""
    if not host.kubelet_node_config_extra_args:
        return ()
    path = f"{PATCHES_DIRECTORY}/kubeletconfiguration+merge.yaml"
    return (file(path, to_yaml(host.kubelet_node_config_extra_args)),)


def kubeconfig_server(cluster: ClusterSettings, endpoint: Endpoint) -> Resource:
    """Point a worker's kubelet to the endpoint, away from the control plane that it joined through."""
    path = f"{cluster.kube_config_dir}/kubelet.conf"
    return {
        "type": "kubeconfig_server",
        "id": f"kubeconfig_server:{path}",
        "path": path,
        "server": endpoint.url,
        "restarts": [UNIT],
    }
