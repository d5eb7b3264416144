"""What the kubeadm on this node makes of a configuration, without anything being changed.

kubeadm's own phases write into a directory of their own in a dry run (``KUBEADM_INIT_DRYRUN_DIR``, cmd/init.go), and
print the objects that they would upload. So what a file or an object should be is never guessed here.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path
from typing import Iterator, Mapping, Optional, Sequence

from ansible_collections.kubewright.cluster.plugins.module_utils import files, kubeadm
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.frozen import frozen
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System

FILES = ("etcd", "control-plane", "kubelet-start")
"""Phases that write what lies on a control plane's disk."""
KUBELET = ("kubelet-start",)
"""The phase that writes the kubelet's configuration."""
OBJECTS = ("kubelet-start", "upload-config", "addon")
"""Phases that upload kubeadm's objects; the first one comes before them in ``kubeadm init`` and may complete them."""

_PHASES = (
    "preflight",
    "certs",
    "kubeconfig",
    "etcd",
    "control-plane",
    "kubelet-start",
    "wait-control-plane",
    "upload-config",
    "upload-certs",
    "mark-control-plane",
    "bootstrap-token",
    "kubelet-finalize",
    "addon",
    "show-join-command",
)
_TIMEOUT = 60.0
_NO_COLLECTION = {"GOGC": "off", "GOMEMLIMIT": "256MiB"}
"""So short a run ends before garbage matters, and to collect it takes Go a quarter of its time."""
_PATCHES = re.compile(r"^patches:\n  directory: (\S+)$", re.MULTILINE)
_ATTACHED = "[dryrun] Attached object:\n"

# kubeadm wants to read one before it prints what it would upload; it asks nobody.
_NOBODY = """\
apiVersion: v1
kind: Config
clusters: [{name: none, cluster: {server: "https://127.0.0.1:1"}}]
contexts: [{name: none, context: {cluster: none, user: none}}]
current-context: none
users: [{name: none, user: {}}]
"""


@frozen
class Rendered:
    """Files by name (``kube-apiserver.yaml``, ``config.yaml``, …), and what kubeadm printed."""

    files: Mapping[str, str]
    output: str

    def object_data(self, name: str) -> dict[str, str]:
        """The data of the ConfigMap ``name`` that would be uploaded, by key.

        Raises:
            NodeError: kubeadm would upload none.

        """
        for text in self._attached(config_maps=True):
            if re.search(r"^  name: %s$" % re.escape(name), text, re.MULTILINE):
                return _block_scalars(text)
        raise NodeError("kubeadm init", "would upload no ConfigMap %s" % name, "Look at kubeadm's version on this node")

    def other_objects(self) -> list[str]:
        """The YAML of each object but ConfigMaps that would be uploaded, in their order."""
        # A blank line ends it, as there are none within.
        return [text.split("\n\n", 1)[0] + "\n" for text in self._attached(config_maps=False)]

    def _attached(self, *, config_maps: bool) -> Iterator[str]:
        for text in self.output.split(_ATTACHED)[1:]:
            if bool(re.search(r"^kind: ConfigMap$", text, re.MULTILINE)) is config_maps:
                yield text


def _block_scalars(text: str) -> dict[str, str]:
    """The texts under ``data:`` of a printed ConfigMap, which kubeadm writes as block scalars."""
    found = {}
    for match in re.finditer(r"^  (\S+): \|(-?)\n((?:    .*\n|\n)+)", text, re.MULTILINE):
        lines = [line[4:] for line in match.group(3).splitlines()]
        content = "\n".join(lines).rstrip("\n")
        found[match.group(1)] = content if match.group(2) else content + "\n"
    return found


def render(
    system: System,
    configuration: str,
    phases: Sequence[str],
    *,
    patches: Optional[Mapping[str, Optional[str]]] = None,
) -> Rendered:
    """Run the phases of ``kubeadm init`` dry.

    Args:
        system: the node.
        configuration: YAML for ``kubeadm init``.
        phases: which of them; see :data:`FILES` and :data:`OBJECTS`.
        patches: contents of patch files by name that stand for those on the disk; None for one that counts as absent.

    Raises:
        NodeError: kubeadm failed.

    """
    base = system.path(files.SECRETS_DIRECTORY)
    base.mkdir(mode=0o755, parents=True, exist_ok=True)
    directory = Path(tempfile.mkdtemp(prefix="render-", dir=str(base)))
    try:
        configuration = _with_patches(system, configuration, directory / "patches", patches or {})
        target = directory / "files"
        target.mkdir(mode=0o700)
        (target / "admin.conf").write_text(_NOBODY, encoding="utf-8")
        source = directory / "kubeadm.yaml"
        source.write_text(configuration, encoding="utf-8")
        argv = ["kubeadm", "init", "--dry-run", "--skip-token-print", "--config", str(source)]
        argv += ["--skip-phases", ",".join(phase for phase in _PHASES if phase not in phases)]
        environment = {**kubeadm.NO_PROXY, **_NO_COLLECTION, "KUBEADM_INIT_DRYRUN_DIR": str(target)}
        done = system.run(*argv, timeout=_TIMEOUT, env=environment)
        if not done.ok:
            raise kubeadm.failure("kubeadm init --dry-run (%s)" % ", ".join(phases), done)
        written = {path.name: files.read_text(path) or "" for path in target.iterdir() if path.is_file()}
        return Rendered({name: text for name, text in written.items() if name != "admin.conf"}, done.stdout)
    finally:
        shutil.rmtree(str(directory))


def sweep(system: System) -> None:
    """Remove the directories that killed runs left. Only a holder of the node lock may."""
    for path in system.path(files.SECRETS_DIRECTORY).glob("render-*"):
        shutil.rmtree(str(path))


def _with_patches(system: System, configuration: str, directory: Path, given: Mapping[str, Optional[str]]) -> str:
    """The configuration with a directory that has the patches as they will be."""
    match = _PATCHES.search(configuration)
    if match is None:
        return configuration
    directory.mkdir(mode=0o700)
    existing = system.path(match.group(1))
    texts: dict[str, Optional[str]] = {
        path.name: files.read_text(path) for path in (existing.iterdir() if existing.is_dir() else ()) if path.is_file()
    }
    for name, text in {**texts, **given}.items():
        if text is not None and not name.startswith("."):
            (directory / name).write_bytes(text.encode("utf-8", "surrogateescape"))
    return _PATCHES.sub("patches:\n  directory: %s" % directory, configuration)
