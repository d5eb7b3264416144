"""What somebody may do by hand to a cluster of ``cp1`` and ``w1``: to each resource type, and to objects."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from tests.lab.support.drift import Drift
from tests.lab.support.lab import TestLab

LABEL = "example.net/rack"
"""A label that the inventory gives to the worker."""

Table = Callable[[TestLab], list[Drift]]
"""Drifts that can be told apart, so that they can be there at the same time."""

_BIN = "/usr/local/bin"
_CNI = "/opt/cni/bin"
_SSL = "/etc/kubernetes/ssl"
_MANIFESTS = "/etc/kubernetes/manifests"
_SCHEDULER = f"{_MANIFESTS}/kube-scheduler.yaml"
_DROP_IN = "/etc/systemd/system/kubelet.service.d/10-kubeadm.conf"
_UNIT_FILE = "/etc/systemd/system/kubelet.service"
_IMAGES = "ctr --namespace=k8s.io images"
_KUBELET = ("kubelet",)

_KUBECTL = "kubectl --kubeconfig=/etc/kubernetes/admin.conf"
_RBAC = "rbac.authorization.k8s.io/v1"
_ROLE = "node-role.kubernetes.io/control-plane"

_ANOTHER = "printf x >> {0}"
"""A program that goes on to work, and is another one by its digest."""

_DAMAGED = "echo damaged > {0}.new && chmod 755 {0}.new && mv {0}.new {0}"
"""Nothing that could be executed, in the place of what may be running."""


def _file(path: str, by_hand: str, look: str = "", *, restarts: tuple[str, ...] = ()) -> Drift:
    """A file of the worker."""
    look = look or f"cat {path}"
    return Drift(id=f"file:{path}", host="w1", by_hand=by_hand, look=look, touches=(path,), restarts=restarts)


def _program(name: str, host: str, damage: str, *, restarts: tuple[str, ...] = ()) -> Drift:
    """A program that is a file of its own."""
    path = f"{_BIN}/{name}"
    look = f"sha256sum {path}"
    by_hand = damage.format(path)
    return Drift(id=f"binary:{name}", host=host, by_hand=by_hand, look=look, touches=(path,), restarts=restarts)


def _directory(path: str, by_hand: str) -> Drift:
    return Drift(id=f"directory:{path}", host="w1", by_hand=f"{by_hand} {path}", look=f"stat -c '%a %U' {path}")


def quiet(lab: TestLab) -> list[Drift]:
    """Whatever of a node can be mended without a restart."""
    references = lab.read("w1", "sh", "-c", f"{_IMAGES} ls -q").split()
    image = next(name for name in references if "/haproxy:" in name)
    modules, sysctls = "/etc/modules-load.d/kubewright.conf", "/etc/sysctl.d/99-kubewright.conf"
    network, balancer = "/etc/cni/net.d/10-flannel.conflist", "/etc/kubernetes/haproxy/haproxy.cfg"
    return [
        Drift(
            id="packages:system",
            host="w1",
            by_hand="dpkg --purge socat",
            look="dpkg-query -W -f '${db:Status-Status}' socat",
            touches=("packages",),
        ),
        Drift(
            id=f"kernel_modules:{modules}",
            host="w1",
            by_hand=f"rm {modules}",
            look=f"cat {modules}",
            touches=(modules,),
        ),
        Drift(
            id=f"sysctls:{sysctls}",
            host="w1",
            by_hand=f"rm {sysctls}; sysctl -w net.ipv4.ip_forward=0",
            look=f"cat {sysctls}; sysctl -n net.ipv4.ip_forward",
            touches=(sysctls,),
        ),
        _directory(_CNI, "chmod 700"),
        _directory("/etc/kubernetes/patches", "rmdir"),
        _file(network, f"echo >> {network}"),
        _file(balancer, f"sed -i 's/maxconn 4000/maxconn 3999/' {balancer}"),
        _file(f"{_MANIFESTS}/haproxy.yaml", f"chmod 644 {_MANIFESTS}/haproxy.yaml", f"stat -c %a {_MANIFESTS}/*"),
        Drift(
            id="archive:cni-plugins",
            host="w1",
            by_hand=f"printf x >> {_CNI}/portmap; chown nobody {_CNI}/host-local",
            look=f"sha256sum {_CNI}/portmap; stat -c %U {_CNI}/host-local",
            touches=(f"{_CNI}/portmap", f"{_CNI}/host-local"),
        ),
        Drift(
            id=f"image:{image}",
            host="w1",
            by_hand=f"{_IMAGES} rm {image}",
            look=f"{_IMAGES} ls | awk '$1 == \"{image}\" {{ print $3, /cri-containerd.pinned=pinned/ }}'",
        ),
        Drift(
            id="unit:kubelet.service",
            host="w1",
            by_hand="systemctl disable kubelet",
            look="systemctl is-enabled kubelet",
            touches=("/etc/systemd/system/multi-user.target.wants/kubelet.service",),
        ),
        Drift(
            id="hosts_block:/etc/hosts",
            host="w1",
            by_hand="sed -i '/ cp1.cluster.local /d' /etc/hosts",
            look="cat /etc/hosts",
            touches=("/etc/hosts",),
        ),
        _program("kubectl", "cp1", _ANOTHER),
        Drift(
            id="private_files:kubeadm",
            host="cp1",
            by_hand=f"chmod 644 {_SCHEDULER} /etc/kubernetes/admin.conf; chown nobody {_SSL}/ca.key",
            look=f"stat -c '%n %a %U' {_SCHEDULER} /etc/kubernetes/admin.conf {_SSL}/ca.key",
            touches=(_SCHEDULER, "/etc/kubernetes/admin.conf", f"{_SSL}/ca.key"),
        ),
    ]


def restarting(lab: TestLab) -> list[Drift]:
    """What the kubelet of a member, and a control plane's own parts, are configured by."""
    kubelet_conf, configuration = "/etc/kubernetes/kubelet.conf", "/var/lib/kubelet/config.yaml"
    flags = "/var/lib/kubelet/kubeadm-flags.env"
    elsewhere = f"https://{lab.nodes['cp1'].address}:6443"
    return [
        _file(_DROP_IN, f"echo '# by hand' >> {_DROP_IN}", restarts=_KUBELET),
        Drift(
            id=f"kubeconfig_server:{kubelet_conf}",
            host="w1",
            by_hand=f"sed -i 's#server: .*#server: {elsewhere}#' {kubelet_conf}",
            look=f"grep server: {kubelet_conf}",
            touches=(kubelet_conf,),
            restarts=_KUBELET,
        ),
        Drift(
            id=f"kubelet_configuration:{configuration}",
            host="w1",
            by_hand=f"sed -i 's/^maxPods: .*/maxPods: 50/' {configuration}",
            look=f"cat {configuration}",
            touches=(configuration,),
            restarts=_KUBELET,
        ),
        Drift(
            id=f"kubelet_configuration:{flags}",
            host="w1",
            by_hand=f"sed -i 's/--node-ip/--v=3 --node-ip/' {flags}",
            look=f"cat {flags}; tr '\\0' ' ' < /proc/$(pgrep -x kubelet)/cmdline",
            shows="--v=3",
            touches=(flags,),
            restarts=_KUBELET,
        ),
        Drift(
            id="certificate:apiserver",
            host="cp1",
            by_hand=f"cp {_SSL}/apiserver-kubelet-client.crt {_SSL}/apiserver.crt",
            look=f"openssl x509 -noout -ext subjectAltName -in {_SSL}/apiserver.crt | tr , '\\n' | sort",
            touches=(f"{_SSL}/apiserver.crt", f"{_SSL}/apiserver.key"),
        ),
        Drift(
            id="certificate:etcd/peer",
            host="cp1",
            by_hand=f"chmod 644 {_SSL}/etcd/peer.key",
            look=f"stat -c %a {_SSL}/etcd/peer.key",
            touches=(f"{_SSL}/etcd/peer.key",),
        ),
        Drift(
            id="static_pod:kube-scheduler",
            host="cp1",
            by_hand=(
                f"sed 's/^    - kube-scheduler$/&\\n    - --v=3/' {_SCHEDULER} > /root/manifest"
                f" && chmod 600 /root/manifest && mv /root/manifest {_SCHEDULER}"
            ),
            look="tr '\\0' ' ' < /proc/$(pgrep -x kube-scheduler)/cmdline",
            shows="--v=3",
            touches=(_SCHEDULER,),
            restarts=("kube-scheduler",),
            pods=("kube-system/kube-scheduler-cp1",),
        ),
    ]


def engine(_lab: TestLab) -> list[Drift]:
    """The container engine's configuration, and the program that lists its images."""
    path, ctr = "/etc/containerd/config.toml", f"{_BIN}/ctr"
    return [
        _file(path, f"echo '# by hand' >> {path}", restarts=("containerd",)),
        Drift(
            id="archive:containerd",
            host="w1",
            by_hand=_DAMAGED.format(ctr),
            look=f"sha256sum {ctr}",
            touches=(ctr,),
            restarts=("containerd",),
        ),
    ]


def damaged_kubelet(_lab: TestLab) -> list[Drift]:
    """The program of a kubelet that runs, and its unit's file, without which it is no longer enabled."""
    return [
        _program("kubelet", "w1", _DAMAGED, restarts=_KUBELET),
        _file(_UNIT_FILE, f"rm {_UNIT_FILE} && systemctl daemon-reload", restarts=_KUBELET),
        Drift(id="unit:kubelet.service", host="w1", by_hand="true", look="systemctl is-enabled kubelet"),
    ]


def damaged_kubeadm(_lab: TestLab) -> list[Drift]:
    """The program that is asked what a member should be configured by."""
    return [_program("kubeadm", host, _DAMAGED) for host in ("cp1", "w1")]


def stopped(unit: str) -> list[Drift]:
    """A unit of the worker that does not run; its Node is not Ready then, and gets and loses taints by itself."""
    return [
        Drift(
            id=f"unit:{unit}.service",
            host="w1",
            by_hand=f"systemctl stop {unit}",
            look=f"systemctl is-active {unit}",
            touches=(f"unit {unit}.service",),
            stirs=("object Node//w1",),
        )
    ]


def _node(name: str, by_hand: str) -> Drift:
    """Labels and taints of a Node."""
    look = f"{_KUBECTL} get node {name} -o jsonpath='{{.metadata.labels}} {{.spec.taints}}'"
    return Drift(id=f"object:Node/{name}", host="cp1", by_hand=by_hand, look=look, touches=(f"object Node//{name}",))


def _object(version: str, kind: str, name: str, by_hand: str, look: str, *, namespace: str = "kube-system") -> Drift:
    """An object; ``by_hand`` and ``look`` follow ``kubectl -n NAMESPACE``."""
    kubectl = f"{_KUBECTL} -n {namespace}" if namespace else _KUBECTL
    return Drift(
        id=f"object:{version}/{kind}/{namespace}/{name}",
        host="cp1",
        by_hand=f"{kubectl} {by_hand}",
        look=f"{kubectl} {look}",
        touches=(f"object {kind}/{namespace}/{name}",),
    )


def _text(name: str, old: str, new: str) -> Drift:
    """A text in a ConfigMap, as ``kubectl edit`` changes it. Only its line is looked at: others may change places."""
    key, _, _ = old.partition(" ")
    replace = f"get configmap {name} -o yaml | sed 's/{old}/{new}/' | {_KUBECTL} replace -f -"
    return _object("v1", "ConfigMap", name, replace, f"get configmap {name} -o yaml | grep '{key}'")


def _daemon_set(name: str, namespace: str, label: str) -> Drift:
    """A DaemonSet that was deleted; its pods go with it."""
    kubectl = f"{_KUBECTL} -n {namespace}"
    pods = f"pods: $({kubectl} get pods -l {label} -o name | wc -l)"
    ready = f"ready: $({kubectl} get daemonset {name} -o jsonpath='{{.status.numberReady}}')"
    return Drift(
        id=f"object:apps/v1/DaemonSet/{namespace}/{name}",
        host="cp1",
        by_hand=f"{kubectl} delete daemonset {name}",
        look=f'echo "{pods} {ready}"',
        shows="pods: 0 ready: \n",
        touches=(f"object DaemonSet/{namespace}/{name}",),
        pods=(f"{namespace}/{name}-",),
    )


def objects(_lab: TestLab) -> list[Drift]:
    """Labels, taints, add-ons, and what kubeadm keeps in the cluster."""
    scaled = "get deployment coredns -o jsonpath='{.spec.replicas} {.status.availableReplicas}'"
    rules, service = "-o jsonpath='{.rules}'", "-o jsonpath='{.spec.clusterIP} {.spec.ports}'"
    access, kubelets = "kubeadm:kubelet-config", "get configmap kubelet-config -o yaml | grep -c maxPods"
    return [
        _node("w1", f"{_KUBECTL} label node w1 {LABEL}=r9 --overwrite"),
        _node("cp1", f"{_KUBECTL} taint node cp1 {_ROLE}:NoSchedule- && {_KUBECTL} label node cp1 {_ROLE}-"),
        _text("coredns", "ttl 30", "ttl 5"),
        dataclasses.replace(
            _object("apps/v1", "Deployment", "coredns", "scale deployment coredns --replicas=1", scaled),
            shows="1 1",
            pods=("kube-system/coredns-",),
        ),
        _object("v1", "Service", "kube-dns", "delete service kube-dns", f"get service kube-dns {service}"),
        _object(
            _RBAC,
            "ClusterRole",
            "flannel",
            "delete clusterrole flannel",
            f"get clusterrole flannel {rules}",
            namespace="",
        ),
        _daemon_set("kube-flannel-ds", "kube-flannel", "app=flannel"),
        _text("kubeadm-config", "encryptionAlgorithm: RSA-2048", "encryptionAlgorithm: RSA-3072"),
        _object("v1", "ConfigMap", "kubelet-config", "delete configmap kubelet-config", kubelets),
        _object(_RBAC, "Role", access, f"delete role {access}", f"get role {access} {rules}"),
        _text("kube-proxy", "mode: iptables", "mode: nftables"),
        _daemon_set("kube-proxy", "kube-system", "k8s-app=kube-proxy"),
    ]
