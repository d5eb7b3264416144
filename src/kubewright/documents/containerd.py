"""The container engine: containerd's configuration (version 3) and its systemd unit."""

from __future__ import annotations

from kubewright.catalog.model import ArtifactSet
from kubewright.documents.inputs import image_reference
from kubewright.documents.model import Resource
from kubewright.documents.system import directory, file, unit
from kubewright.settings.model import ClusterSettings
from kubewright.topology.model import Topology
from kubewright.topology.proxy import environment

UNIT = "containerd.service"

_CONFIG = """\
version = 3

[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = '{sandbox}'

[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = {restrict_oom_score_adj}

  [plugins.'io.containerd.cri.v1.runtime'.cni]
    bin_dirs = ['/opt/cni/bin']
    conf_dir = '/etc/cni/net.d'

  [plugins.'io.containerd.cri.v1.runtime'.containerd]
    default_runtime_name = 'runc'

    [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
      runtime_type = 'io.containerd.runc.v2'

      [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
        BinaryName = '{runc}'
        SystemdCgroup = {systemd_cgroup}
"""

# The directives are those of the unit in containerd's own releases. Where systemd may not set a limit
# or OOM score (a node that is itself a container), it takes the nearest value allowed.
_UNIT = """\
[Unit]
Description=containerd container runtime
Documentation=https://containerd.io
After=network.target dbus.service

[Service]
ExecStartPre=-/sbin/modprobe overlay
ExecStart={bin_dir}/containerd
Type=notify
Delegate=yes
KillMode=process
Restart=always
RestartSec=5
LimitNPROC=infinity
LimitCORE=infinity
TasksMax=infinity
OOMScoreAdjust=-999

[Install]
WantedBy=multi-user.target
"""


def configuration(cluster: ClusterSettings, artifacts: ArtifactSet) -> Resource:
    """Return ``/etc/containerd/config.toml``."""
    content = _CONFIG.format(
        sandbox=image_reference(artifacts, "pause"),
        restrict_oom_score_adj=_toml(cluster.kubewright_containerd_restrict_oom_score_adj),
        runc=_runc(cluster, artifacts),
        systemd_cgroup=_toml(cluster.kubelet_cgroup_driver == "systemd"),
    )
    return file("/etc/containerd/config.toml", content, restarts=(UNIT,))


def service(cluster: ClusterSettings) -> tuple[Resource, ...]:
    """Return the unit file and the running unit."""
    content = _UNIT.format(bin_dir=cluster.bin_dir)
    return file(f"/etc/systemd/system/{UNIT}", content, restarts=(UNIT,)), unit(UNIT, state="started")


def proxy(topology: Topology, cluster: ClusterSettings) -> tuple[Resource, ...]:
    """Return the drop-in that has the engine pull images through the proxy, where there is one.

    Only root can read it and it is never shown, for the URL can hold a password.
    """
    variables = environment(topology, cluster)
    if not variables:
        return ()
    # A percent sign begins one of systemd's own specifiers.
    lines = (f'Environment="{name}={value.replace("%", "%%")}"' for name, value in variables.items())
    content = "\n".join(("[Service]", *lines)) + "\n"
    folder = f"/etc/systemd/system/{UNIT}.d"
    drop_in = file(f"{folder}/http-proxy.conf", content, mode="0600", restarts=(UNIT,))
    return directory(folder), {**drop_in, "secret": True}


def _runc(cluster: ClusterSettings, artifacts: ArtifactSet) -> str:
    """Path of runc where it is an artifact; a bare name, found in PATH, where it is the distribution's package."""
    for artifact in artifacts.artifacts:
        if artifact.name == "runc" and not artifact.packages:
            return artifact.destination.replace("{bin_dir}", cluster.bin_dir)
    return "runc"


def _toml(value: bool) -> str:
    return "true" if value else "false"
