"""What has to be so of a host that left, and how a host is taken out of a lab's inventory."""

from __future__ import annotations

from tests.lab.support.lab import TestLab


def assert_clean(lab: TestLab, node: str) -> None:
    """Nothing of Kubernetes is on the node; what is somebody else's is."""
    for unit in ("kubelet", "containerd"):
        assert lab.execute(node, "systemctl", "is-active", unit).stdout.strip() in ("inactive", "unknown"), unit
    paths = (
        "/etc/kubernetes",
        "/etc/kubewright",
        "/etc/cni/net.d",
        "/var/lib/kubelet",
        "/var/lib/etcd",
        "/var/lib/kubewright",
        "/run/flannel",
        "/usr/local/bin/kubelet",
        "/etc/systemd/system/kubelet.service",
        "/etc/containerd/config.toml",
    )
    left = [path for path in paths if lab.execute(node, "test", "-e", path).exit_code == 0]
    assert left == [], f"left on {node}: {left}"
    links = lab.read(node, "ip", "-o", "link")
    assert not [name for name in ("flannel.1", "cni0", "veth") if f" {name}" in links], links
    rules = lab.read(node, "iptables-save")
    assert not [line for line in rules.splitlines() if "KUBE-" in line or "FLANNEL-" in line or "CNI-" in line], rules
    assert "/var/lib/kubelet" not in lab.read(node, "cat", "/proc/mounts")
    assert "kubewright" not in lab.read(node, "cat", "/etc/hosts").lower()
    assert lab.execute(node, "pgrep", "-f", "containerd-shim|kube-proxy|flanneld|kube-apiserver|etcd").exit_code == 1


def take_out_of_inventory(lab: TestLab, *names: str) -> None:
    """Remove hosts from all groups of the lab's hosts file, as a person does with an editor; the nodes stay."""
    path = lab.inventory / "hosts.ini"
    lines = path.read_text().splitlines(keepends=True)
    staying = [line for line in lines if (line.split() or [""])[0] not in names]
    assert len(staying) < len(lines), f"{path} has none of {names}"
    path.write_text("".join(staying))
