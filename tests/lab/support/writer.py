"""Something that writes to etcd all the time and counts what etcd acknowledged: none of it may be lost."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from tests.lab.support.cluster import ETCD_CERTIFICATES, Cluster

UNIT = "etcd-writer"
FOLDER = "/run/etcd-writer"
PREFIX = "/etcd-writer/"

# A write that is not acknowledged within its time is not counted; it may have happened all the same.
_WRITE = f"""
mkdir -p {FOLDER}
number=0
while :; do
  number=$((number + 1))
  if etcdctl --command-timeout=3s --endpoints=https://127.0.0.1:2379 --cacert={ETCD_CERTIFICATES}/ca.crt \\
    --cert={ETCD_CERTIFICATES}/healthcheck-client.crt --key={ETCD_CERTIFICATES}/healthcheck-client.key \\
    put {PREFIX}$number written >/dev/null 2>&1
  then echo $number >>{FOLDER}/acknowledged
  fi
  sleep 0.1
done
"""


@contextlib.contextmanager
def writer(cluster: Cluster) -> Iterator[None]:
    """Have a unit on the control plane write, and see at the end that everything acknowledged is there."""
    lab, node = cluster.lab, cluster.control_plane
    lab.read(node, "systemd-run", f"--unit={UNIT}", "--collect", "--quiet", "bash", "-c", _WRITE)
    try:
        yield
    finally:
        lab.execute(node, "systemctl", "stop", UNIT)
    acknowledged = set(lab.read(node, "cat", f"{FOLDER}/acknowledged").split())
    assert acknowledged, "etcd acknowledged nothing, so that this shows nothing"
    keys = cluster.etcdctl("get", PREFIX, "--prefix", "--keys-only").split()
    lost = acknowledged - {key.removeprefix(PREFIX) for key in keys}
    assert not lost, f"{len(lost)} of {len(acknowledged)} acknowledged writes are lost, the first is {min(lost)}"
    cluster.etcdctl("del", PREFIX, "--prefix")
    lab.read(node, "rm", "-r", FOLDER)
