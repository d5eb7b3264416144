"""A machine below a temporary directory: real files, and commands that behave like systemd's, dpkg's, containerd's."""

from __future__ import annotations

import grp
import hashlib
import os
import pwd
import re
from pathlib import Path
from typing import Any

from ansible_collections.kubewright.cluster.plugins.module_utils.frozen import field, mutable
from ansible_collections.kubewright.cluster.plugins.module_utils.manifest import Manifest
from ansible_collections.kubewright.cluster.plugins.module_utils.process import Completed, System
from ansible_collections.kubewright.cluster.plugins.module_utils.resources.base import Context
from ansible_collections.kubewright.cluster.plugins.module_utils.transfer import Store

OWNER = f"{pwd.getpwuid(os.geteuid()).pw_name}:{grp.getgrgid(os.getegid()).gr_name}"
"""Whoever runs the tests: who need not be root."""
_TERM = re.compile(r'([^,=]+)=="([^"]*)"')
"""One condition of a containerd filter."""


@mutable
class FakeSystem(System):
    """Commands change this state and are noted; ``failing`` maps the start of a command line to its complaint."""

    installed: set[str] = field(default_factory=set)
    running: set[str] = field(default_factory=set)
    enabled: set[str] = field(default_factory=set)
    images: dict[str, tuple[str, bool]] = field(default_factory=dict)
    loadable: set[str] = field(default_factory=set)
    commands: list[str] = field(default_factory=list)
    failing: dict[str, str] = field(default_factory=dict)
    environments: dict[str, dict[str, str]] = field(default_factory=dict)
    """What a program was last given in addition to its environment."""

    def run(
        self, *argv: str, stdin: str | None = None, timeout: float = 600, env: dict[str, str] | None = None
    ) -> Completed:
        line = " ".join(argv)
        self.commands.append(line)
        self.environments[argv[0]] = dict(env or {})
        for start, complaint in self.failing.items():
            if line.startswith(start):
                return Completed(argv, 1, "", complaint)
        handler = getattr(self, "_" + argv[0].replace("-", "_"), None)
        if handler is None:
            return Completed(argv, 127, "", f"{argv[0]}: command not found")
        status, output = handler(*argv[1:])
        return Completed(argv, status, output, "" if status == 0 else output)

    def acts(self, *programs: str) -> list[str]:
        """Commands that change something, of these programs or of all."""
        looks = (
            "systemctl show",
            "systemctl is-active",
            "dpkg-query",
            "apt-get --version",
            "ctr --namespace k8s.io images ls",
        )
        return [
            line
            for line in self.commands
            if not line.startswith(looks) and (not programs or line.split()[0] in programs)
        ]

    def _systemctl(self, verb: str, *rest: str) -> tuple[int, str]:
        name = rest[-1].removesuffix(".service") if rest else ""
        if verb == "show":
            active = "active" if name in self.running else "inactive"
            return (
                0,
                f"LoadState=loaded\nActiveState={active}\nUnitFileState={'enabled' if name in self.enabled else ''}\n",
            )
        if verb == "is-active":
            return (0, "active\n") if name in self.running else (3, "inactive\n")
        if verb in {"start", "restart"}:
            self.running.add(name)
        if verb == "enable":
            self.enabled.add(name)
        if verb == "disable":
            self.enabled.discard(name)
        return 0, ""

    def _dpkg_query(self, *arguments: str) -> tuple[int, str]:
        return 0, "".join(f"{name} installed\n" for name in arguments[2:] if name in self.installed)

    def _apt_get(self, *arguments: str) -> tuple[int, str]:
        if "install" in arguments:
            self.installed.update(arguments[arguments.index("--no-install-recommends") + 5 :])
        return 0, ""

    def _dpkg(self, *arguments: str) -> tuple[int, str]:
        self.failing.clear()
        return 0, ""

    def _modprobe(self, *arguments: str) -> tuple[int, str]:
        name = arguments[-1]
        if name not in self.loadable:
            return 1, f"modprobe: FATAL: Module {name} not found"
        (self.path("/sys/module") / name).mkdir(parents=True)
        return 0, ""

    def _ctr(self, *arguments: str) -> tuple[int, str]:
        if "containerd" not in self.running:
            return 1, "ctr: failed to dial"
        verb = arguments[3]
        if verb == "import":
            content = Path(arguments[-1]).read_text()
            # The fake's archives hold the reference of their image.
            self.images[content.split()[0]] = (
                "sha256:" + hashlib.sha256(content.encode()).hexdigest(),
                "--label" in arguments,
            )
        if verb == "label":
            digest, _ = self.images[arguments[4]]
            self.images[arguments[4]] = (digest, True)
        if verb == "ls" and "--quiet" in arguments:
            asked = [dict(_TERM.findall(each)) for each in arguments[arguments.index("--quiet") + 1 :]]
            found = [name for name, image in self.images.items() if any(_fits(name, image, terms) for terms in asked)]
            return 0, "".join(f"{name}\n" for name in found)
        rows = ["REF TYPE DIGEST SIZE PLATFORMS LABELS"]
        for reference, (digest, pinned) in self.images.items():
            label = "io.cri-containerd.pinned=pinned" if pinned else "-"
            rows.append(f"{reference} application/vnd.oci.image.manifest.v1+json {digest} 1.2 MiB linux/amd64 {label}")
        return 0, "\n".join(rows) + "\n"


def _fits(name: str, image: tuple[str, bool], terms: dict[str, str]) -> bool:
    """Whether an image has all that a filter asks for."""
    digest, pinned = image
    has = {"name": name, "target.digest": digest, 'labels."io.cri-containerd.pinned"': "pinned" if pinned else ""}
    return all(has[term] == value for term, value in terms.items())


def context_of(system: System) -> Context:
    """A fresh context, as each call of the module makes one."""
    return Context(system, Manifest(system), Store(system))


def staged(system: System, content: bytes) -> str:
    """Upload an artifact; its digest."""
    directory = system.path("/var/lib/kubewright/staging")
    directory.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256(content).hexdigest()
    (directory / digest).write_bytes(content)
    return digest


def document(*resources: dict[str, Any]) -> dict[str, Any]:
    """A node document with owners that the tests may set."""
    owned = {"file", "directory", "binary", "archive", "kernel_modules", "sysctls"}
    specs = [dict(item, owner=OWNER) if item["type"] in owned else item for item in resources]
    return {"format": 1, "host": "node1", "resources": specs}
