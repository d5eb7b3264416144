"""Validate what Kubespray ships: run by hand over a checkout, which is not part of the project.

``python -m tests.manual.kubespray_files CHECKOUT [RELEASE…]``, where CHECKOUT is a clone with tags (its work tree is
not read). For each release: the sample inventory with each variable file of the test suite, and each inventory in it.
Prints a line a release, and what went wrong. A report with errors in the inventory is an answer; a traceback is none.
"""

from __future__ import annotations

import collections
import io
import json
import re
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml
from tests.manual.kubespray_names import FilesLoader

from kubewright.cli.validate import judged
from kubewright.errors import KubewrightError
from kubewright.inventory import load
from kubewright.report.validate import Validation
from kubewright.settings import State

_OLDEST = (2, 20)
_FOLDERS = ("inventory", "tests", "contrib")
_SUPPORTED = {
    "kube_version": "1.37.2",
    "kube_network_plugin": "flannel",
    "etcd_deployment_type": "kubeadm",
    "kube_proxy_mode": "iptables",
}
_HOSTS = {
    "": """[kube_control_plane]
node1 ansible_host=192.0.2.1 ip=10.9.0.1 etcd_member_name=etcd1
[etcd]
node1
[kube_node]
node2 ansible_host=192.0.2.2 ip=10.9.0.2
""",
    "older names": """[kube-master]
node1 ansible_host=192.0.2.1 ip=10.9.0.1
[etcd:children]
kube-master
[kube-node]
node2 ansible_host=192.0.2.2
[calico-rr]
[k8s-cluster:children]
kube-master
kube-node
calico-rr
""",
}


def main(checkout: str, releases: Sequence[str]) -> int:
    """Return 1 if anything but a report came out."""
    failures = 0
    for release in releases or list(_releases(checkout)):
        with tempfile.TemporaryDirectory() as folder:
            _unpack(checkout, release, Path(folder))
            failures += _run(release, Path(folder))
    return int(failures > 0)


def _run(release: str, folder: Path) -> int:
    started = time.monotonic()
    counts: collections.Counter[str] = collections.Counter()
    unknown: set[str] = set()
    causes: collections.Counter[str] = collections.Counter()
    for title, sources, extra in _cases(folder):
        try:
            report = judged(load(sources, extra_vars=extra), folder / "state", strict=False)
        except KubewrightError as error:
            report = Validation((error,))
        except Exception as error:  # noqa: BLE001  what is looked for
            counts["tracebacks"] += 1
            print(f"  {title}: {type(error).__name__}: {error}")
            continue
        counts["with errors" if report.errors else "without errors"] += 1
        causes.update(error.cause.split(" ")[0] for error in report.errors)
        unknown |= {f"{each.verdict.name}{each.verdict.detail}" for each in report.of_state(State.UNKNOWN)}
        if not report.findings and report.errors:
            counts["not loaded"] += 1
            print(f"  {title}: {str(report.errors[0])[:200]}")
    seconds = time.monotonic() - started
    told = ", ".join(f"{count} {what}" for what, count in sorted(counts.items()))
    print(f"{release}: {counts['with errors'] + counts['without errors']} reports in {seconds:.0f} s: {told}")
    if causes:
        print(f"  errors by setting: {', '.join(f'{name} {count}' for name, count in causes.most_common())}")
    if unknown:
        print(f"  unknown: {', '.join(sorted(unknown))}")
    return counts["tracebacks"]


def _cases(folder: Path) -> Iterator[tuple[str, list[str], list[str]]]:
    """Yield a title, inventory sources and extra variables."""
    sample = folder / "inventory" / "sample"
    for kind, text in _HOSTS.items():
        hosts = sample / f"hosts{len(kind)}.ini"
        hosts.write_text(text)
        yield f"sample, {kind or 'plain'}", [str(hosts)], []
        yield f"sample, {kind or 'plain'}, with what must be given", [str(hosts)], [json.dumps(_SUPPORTED)]
    files = sorted((folder / "tests" / "files").glob("*.yml"))
    for file in files:
        hosts = sample / f"{file.stem}.ini"
        hosts.write_text(_layout(file))
        yield file.name, [str(hosts)], [f"@{file}"]
    for found in _inventories(folder):
        yield str(found.relative_to(folder)), [str(found)], []


def _layout(file: Path) -> str:
    """Return the hosts that a test's variable file asks for; two where it names a mode only."""
    values = next(iter(yaml.load_all(file.read_text(), Loader=FilesLoader)), None) or {}
    layout = values.get("cluster_layout")
    if not isinstance(layout, list):
        return _HOSTS["older names"]
    groups: dict[str, list[str]] = {}
    for number, host in enumerate(layout, 1):
        for group in host["node_groups"]:
            groups.setdefault(group, []).append(f"host{number} ansible_host=192.0.2.{number} ip=10.9.0.{number}")
    return "".join(f"[{group}]\n" + "\n".join(hosts) + "\n" for group, hosts in groups.items())


def _inventories(folder: Path) -> Iterator[Path]:
    """Yield inventories as they are, and those that templates of the terraform contributions make, filled in."""
    yield folder / "inventory" / "local" / "hosts.ini"
    for template in sorted((folder / "contrib" / "terraform").glob("*/templates/inventory*.tpl")):
        made = template.with_suffix(".ini")
        made.write_text(_filled(template.read_text()))
        yield made
    for template in sorted((folder / "tests" / "templates").glob("inventory*.j2")):
        made = template.with_suffix(".ini")
        made.write_text(re.sub(r"{%.*?%}|{{.*?}}", "", template.read_text(), flags=re.DOTALL))
        yield made


def _filled(template: str) -> str:
    """Return a terraform template with hosts in the place of its variables."""
    text = re.sub(r"%{.*?}", "", template)

    def value(match: re.Match[str]) -> str:
        name = match[0].lower()
        if "connection" in name or "public_ip" in name or "all" in name:
            return "node1 ansible_host=192.0.2.1 ip=10.9.0.1"
        if "fqdn" in name:
            return "apiserver_loadbalancer_domain_name=api.example"
        return "node1"

    return re.sub(r"\${.*?}", value, text)


def _releases(checkout: str) -> Iterator[str]:
    tags = subprocess.run(["git", "-C", checkout, "tag"], check=True, capture_output=True, text=True).stdout.split()
    found = [match for tag in tags if (match := re.fullmatch(r"v(\d+)\.(\d+)\.(\d+)", tag))]
    wanted = [match for match in found if (int(match[1]), int(match[2])) >= _OLDEST]
    yield from (match[0] for match in sorted(wanted, key=lambda match: tuple(map(int, match.groups()))))
    yield "HEAD"


def _unpack(checkout: str, release: str, folder: Path) -> None:
    command = ["git", "-C", checkout, "archive", release, *_FOLDERS]
    archive = subprocess.run(command, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(folder, filter="data")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
