"""A serving certificate of the control plane: issued anew by kubeadm when the names that it is for change.

So is one whose key was lost or exchanged; a key that others can read is closed again.

The old pair stays until the new one is there in whole. API servers and etcd members read their pair again by
themselves (kube-apiserver's dynamic serving content, etcd's GetCertificate), so nothing is restarted.
"""

from __future__ import annotations

import ipaddress
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

from ansible_collections.kubewright.cluster.plugins.module_utils import (
    certificates,
    controlplane,
    etcd,
    files,
    kubeadm,
    kubeapi,
    markers,
    serving,
)
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.late import late
from ansible_collections.kubewright.cluster.plugins.module_utils.resources.base import Change
from ansible_collections.kubewright.cluster.plugins.module_utils.resources.rendered import Rendered

if TYPE_CHECKING:
    import ssl
else:
    ssl = late("ssl")

_NOT_HERE = "not a control plane"
_ISSUED = markers.DIRECTORY + "/certificates"
"""Where a new pair lies, in whole, until it is in its place."""

_SHOWN_SECONDS = 120.0
"""An API server looks at its files once a minute where the kernel does not tell it."""
_KEY_MODE = "0600"
_DIRECTORY = re.compile(r"^certificatesDir: .*$", re.MULTILINE)


class Certificate(Rendered):
    """``name`` (kubeadm's base name), ``phase``, ``authority`` (its base name), ``directory`` (certificatesDir).

    ``required`` are names and addresses that it has to be for, ``allowed`` further ones that it may be for; a new one
    is for all of them. ``address`` (host:port) is where its server shows it.
    """

    type = "certificate"

    @property
    def _name(self) -> str:
        return str(self.need("name"))

    def find(self) -> Any:
        """Return the names that it is for (None: there is none that can be read), and whether a new one lies ready.

        Also whether the key is its own, and the key's mode (None: there is no key).
        """
        if not self.applies() or not controlplane.is_control_plane(self.system):
            return _NOT_HERE
        key = files.attributes(self._target("key"))
        return {
            "names": _names_in(self._target("crt")),
            "ready": self._ready.exists(),
            "pair": _belong_together(self._target("crt"), self._target("key")),
            "key_mode": None if key is None else key["mode"],
        }

    def diff(self, found: Any) -> Optional[Change]:
        """Compare the names, and what lies beside them."""
        if found == _NOT_HERE:
            return None
        names = found["names"]
        path = "%s/%s.%%s" % (self.need("directory"), self._name)
        what = self._complaint(found)
        if what:
            wanted = self._wanted()
            diff = files.unified(path % "crt", None if names is None else _lines(names), _lines(wanted))
            return self.change("update", sorted(names or ()), sorted(wanted), what, diff=diff, path=path % "crt")
        if found["key_mode"] != _KEY_MODE:
            return self.change(
                "update", found["key_mode"], _KEY_MODE, "set mode of %s" % path % "key", path=path % "key"
            )
        return None

    def _complaint(self, found: Any) -> str:
        """What has to be done about the pair; empty where nothing has."""
        if found["names"] is None:
            return "issue certificate %s: there is none that can be read" % self._name
        if not self._fits(found["names"]):
            return "issue certificate %s anew, for other names" % self._name
        if found["ready"]:
            return "put certificate %s into its place, which an earlier run issued" % self._name
        if not found["pair"]:
            return "issue certificate %s anew: its key is not there or another one's" % self._name
        return ""

    def apply(self, change: Change) -> None:
        """Issue it beside the old one, put it in its place, and wait until its server shows it.

        Raises:
            NodeError: kubeadm failed, or the server does not show it in time.

        """
        if change.after == _KEY_MODE:
            self._target("key").chmod(int(_KEY_MODE, 8))
            return
        if not self._ready_fits():
            self._issue()
        for kind, mode in (("key", _KEY_MODE), ("crt", "0644")):
            ready = self._ready / ("%s.%s" % (self._name, kind))
            files.copy_into(ready, self._target(kind), int(mode, 8), files.own_ids())
        kubeapi.wait_until(
            "certificate %s at %s" % (self._name, self.need("address")),
            self._is_shown,
            _SHOWN_SECONDS,
            "The server there goes on with the earlier one: look at its log under /var/log/pods",
        )
        shutil.rmtree(str(self._ready))

    def _issue(self) -> None:
        """Have kubeadm issue a pair in a directory of its own, which gets its name when all of it is there."""
        new = self._ready.with_name(self._ready.name + ".new")
        for leftover in (new, self._ready):
            if leftover.exists():
                shutil.rmtree(str(leftover))
        new.mkdir(mode=0o700, parents=True)
        authority = str(self.need("authority"))
        own = self.system.path(str(self.need("directory")))
        for kind in ("crt", "key"):
            file = "%s.%s" % (authority, kind)
            files.copy_into(own / file, new / file, 0o600, files.own_ids())
        configuration = _DIRECTORY.sub("certificatesDir: %s" % new, self.context.kubeadm)
        phase = ("init", "phase", "certs", str(self.need("phase")))
        kubeadm.run(self.system, phase, configuration, timeout=60.0)
        (new / (authority + ".key")).unlink()
        names = _names_in(new / (self._name + ".crt"))
        if names is None or not self._fits(names):
            told = ", ".join(sorted(names or ()))
            raise NodeError("kubeadm certs", "issued %s for %s" % (self._name, told or "nobody"), "Report it")
        new.rename(self._ready)
        files.sync_directory(self._ready.parent)

    def _ready_fits(self) -> bool:
        names = _names_in(self._ready / (self._name + ".crt"))
        return names is not None and self._fits(names)

    def _is_shown(self) -> Optional[bool]:
        """Whether the server shows what lies in its place; None while it does not."""
        host, _, port = str(self.need("address")).rpartition(":")
        server = serving.Server(self._name, self._name, host.strip("[]"), int(port))
        try:
            context = None
            if self._name.startswith("etcd/"):
                context = etcd.Etcd(self.system, str(self.need("directory"))).context_for_looking()
            shown = serving.certificate(server, context)
        except OSError:
            return None
        return shown == _der(self._target("crt")) or None

    @property
    def _ready(self) -> Path:
        return self.system.path("%s/%s" % (_ISSUED, self._name.replace("/", "-")))

    def _target(self, kind: str) -> Path:
        return self.system.path("%s/%s.%s" % (self.need("directory"), self._name, kind))

    def _wanted(self) -> frozenset[str]:
        return _plain(self.need("required")) | _plain(self.need("allowed"))

    def _fits(self, names: frozenset[str]) -> bool:
        return _plain(self.need("required")) <= names <= self._wanted()


def _plain(names: Any) -> frozenset[str]:
    return frozenset(_one(str(name)) for name in names)


def _one(name: str) -> str:
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return name.lower()


def _der(path: Path) -> Optional[bytes]:
    text = files.read_text(path)
    try:
        return None if text is None else certificates.der_of(text.encode("utf-8", "surrogateescape"))
    except ValueError:
        return None


def _names_in(path: Path) -> Optional[frozenset[str]]:
    der = _der(path)
    try:
        return None if der is None else _plain(certificates.of_der(der)[1])
    except ValueError:
        return None


def _belong_together(certificate: Path, key: Path) -> bool:
    try:
        # A key that asks for a password cannot be a server's.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(str(certificate), str(key), password="")
    except OSError:
        return False
    return True


def _lines(names: frozenset[str]) -> str:
    return "".join("%s\n" % name for name in sorted(names))
