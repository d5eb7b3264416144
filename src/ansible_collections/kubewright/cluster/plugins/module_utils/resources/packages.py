"""Packages of the distribution: Debian's by apt, Red Hat's by dnf."""

from __future__ import annotations

from typing import Any, Optional

from ansible_collections.kubewright.cluster.plugins.module_utils.errors import NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.process import Completed, System
from ansible_collections.kubewright.cluster.plugins.module_utils.resources.base import Change, Resource

_APT_LOCK_SECONDS = 300
_TIMEOUT = 1200.0
_APT_ENVIRONMENT = {"DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_MODE": "l"}
_KEEP_CONFIGURATION = ("-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold")


class Packages(Resource):
    """``names`` of packages that are installed, in any version; none is ever removed.

    ``environment`` has variables that the package manager gets in addition, such as those of a proxy.
    """

    type = "packages"

    @property
    def environment(self) -> dict[str, str]:
        """What the package manager gets in addition to its own environment."""
        return {str(name): str(value) for name, value in self.spec.get("environment", {}).items()}

    @property
    def names(self) -> list[str]:
        """The packages' names."""
        return [str(name) for name in self.need("names")]

    def find(self) -> Any:
        """Return the names that are installed."""
        installed = _dpkg_installed(self.system, self.names)
        return _rpm_installed(self.system, self.names) if installed is None else installed

    def diff(self, found: Any) -> Optional[Change]:
        """Return what is to be installed."""
        missing = [name for name in self.names if name not in found]
        if not missing:
            return None
        action = "update" if found else "create"
        return self.change(action, sorted(found), sorted(self.names), "install packages " + ", ".join(missing))

    def apply(self, change: Change) -> None:
        """Install what is missing, waiting for another package manager that is at work."""
        missing = [name for name in change.after if name not in change.before]
        if self.system.run("apt-get", "--version").ok:
            _apt_install(self.system, missing, self.environment)
        else:
            _dnf_install(self.system, missing, self.environment)
        left = [name for name in missing if name not in self.find()]
        if left:
            raise NodeError("packages", "%s not installed although the package manager succeeded" % ", ".join(left))
        self.remember(**self.details())

    def details(self) -> dict[str, Any]:
        """Return the names."""
        return {"names": sorted(self.names)}


def _dpkg_installed(system: System, names: list[str]) -> Optional[list[str]]:
    """Those that dpkg has installed; None where there is no dpkg."""
    # Exits with 1 when it does not know one of them and still tells of the others.
    done = system.run("dpkg-query", "--show", "--showformat", "${binary:Package} ${db:Status-Status}\\n", *names)
    if done.status in (126, 127):
        return None
    installed = set()
    for line in done.stdout.splitlines():
        name, _, status = line.partition(" ")
        if status.strip() == "installed":
            installed.add(name.split(":")[0])
    return [name for name in names if name in installed]


def _rpm_installed(system: System, names: list[str]) -> list[str]:
    done = system.run("rpm", "-q", "--queryformat", "%{NAME}\\n", *names)
    if done.status == 127:
        raise NodeError("packages", "neither dpkg nor rpm is on the node", "Use a Debian or Red Hat like system")
    installed = set(done.stdout.split("\n"))
    return [name for name in names if name in installed]


def _apt_install(system: System, names: list[str], environment: dict[str, str]) -> None:
    if not any(system.path("/var/lib/apt/lists").glob("*_Packages*")):
        _apt_update(system, environment)
        _succeed(_apt_repaired(system, names, environment), names)
        return
    done = _apt_repaired(system, names, environment)
    if not done.ok:
        # Usually lists so old that the versions in them are no longer to be had.
        _apt_update(system, environment)
        done = _apt_repaired(system, names, environment)
    _succeed(done, names)


def _apt_repaired(system: System, names: list[str], environment: dict[str, str]) -> Completed:
    """Install; where an earlier run was interrupted in the middle of dpkg's work, finish that and install again."""
    done = _apt(system, environment, "install", "--yes", "--no-install-recommends", *_KEEP_CONFIGURATION, *names)
    if done.ok or "dpkg --configure -a" not in done.stderr:
        return done
    repair = ("dpkg", "--force-confdef", "--force-confold", "--configure", "-a")
    system.must(*repair, timeout=_TIMEOUT, env=_APT_ENVIRONMENT)
    return _apt(system, environment, "install", "--yes", "--no-install-recommends", *_KEEP_CONFIGURATION, *names)


def _apt_update(system: System, environment: dict[str, str]) -> None:
    done = _apt(system, environment, "update")
    if not done.ok:
        raise NodeError(
            "packages", "apt-get update failed: %s" % done.complaint, "Check the node's package sources and network"
        )


def _apt(system: System, environment: dict[str, str], *arguments: str) -> Completed:
    lock = "DPkg::Lock::Timeout=%d" % _APT_LOCK_SECONDS
    return system.run(
        "apt-get", "-q", "-o", lock, *arguments, timeout=_TIMEOUT, env=dict(_APT_ENVIRONMENT, **environment)
    )


def _dnf_install(system: System, names: list[str], environment: dict[str, str]) -> None:
    tool = "dnf" if system.run("dnf", "--version").ok else "yum"
    weak = ("--setopt=install_weak_deps=False",) if tool == "dnf" else ()
    done = system.run(tool, "install", "--assumeyes", "--quiet", *weak, *names, timeout=_TIMEOUT, env=environment)
    _succeed(done, names)


def _succeed(done: Completed, names: list[str]) -> None:
    if not done.ok:
        cause = "installing %s failed: %s" % (", ".join(names), done.complaint)
        raise NodeError("packages", cause, "Check the node's package sources and network")
