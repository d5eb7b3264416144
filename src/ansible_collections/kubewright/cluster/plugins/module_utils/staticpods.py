"""Static pods of a control plane: whether one runs as its manifest says and answers, and why it does not.

Source: kubeadm waits in the same way when it changes one (cmd/kubeadm/app/util/staticpod, apiclient/wait.go): for the
mirror pod of the new manifest, then for the component's own health endpoint.
"""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Iterable, Optional, Sequence

from ansible_collections.kubewright.cluster.plugins.module_utils import files, plainyaml, serving
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.kubeapi import ApiError, Client
from ansible_collections.kubewright.cluster.plugins.module_utils.late import late
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System

if TYPE_CHECKING:
    import ssl
    from urllib import request
else:
    request = late("urllib.request")
    ssl = late("ssl")

MANIFESTS = "/etc/kubernetes/manifests"
API_SERVER = "kube-apiserver"
ETCD = "etcd"
_PODS = "/api/v1/namespaces/kube-system/pods"
_LOGS = "/var/log/pods"
_CRASHES = 3
"""Restarts of a new container after which it is given up: the first may be because what it needs starts, too."""
_REQUEST_TIMEOUT = 3.0
_INTERVAL = 0.5
_INITIAL_CLUSTER = re.compile(r"^ *- --initial-cluster(?:-state)?=.*\n", re.MULTILINE)
_OTHER_SETTINGS = re.compile(r"^( *)- --initial-cluster=.*\n", re.MULTILINE)

Pod = dict[str, Any]


def path_of(name: str) -> str:
    """Where a component's manifest lies."""
    return "%s/%s.yaml" % (MANIFESTS, name)


def with_membership(rendered: str, current: Optional[str]) -> str:
    """An etcd manifest as kubeadm renders it for a first member, with what the current one says of its peers; pure.

    A member that joined was told of its peers, and one with data heeds none of it. Where there is no manifest any more
    it is told that the cluster exists, so that it can never begin one of its own.
    """
    known = "".join(_INITIAL_CLUSTER.findall(current or ""))
    if known:
        return _OTHER_SETTINGS.sub(lambda _: known, rendered)
    return _OTHER_SETTINGS.sub(
        lambda match: "%s%s- --initial-cluster-state=existing\n" % (match.group(0), match.group(1)), rendered
    )


def essence(pod: Pod) -> Pod:
    """What decides how a pod runs: commands, images, environment and mounts of its containers; pure."""
    spec = pod.get("spec") or {}
    return {
        "containers": [
            {
                "image": container.get("image"),
                "command": container.get("command") or [],
                "args": container.get("args") or [],
                "env": [[entry.get("name"), entry.get("value") or ""] for entry in container.get("env") or []],
                "mounts": [
                    [entry.get("name"), entry.get("mountPath")] for entry in container.get("volumeMounts") or []
                ],
            }
            for container in spec.get("containers") or []
        ],
        "volumes": [
            [entry.get("name"), (entry.get("hostPath") or {}).get("path")] for entry in spec.get("volumes") or []
        ],
    }


def parse(name: str, text: str) -> Pod:
    """The pod in a manifest.

    Raises:
        NodeError: it cannot be read.

    """
    try:
        value = plainyaml.parse(text)
    except plainyaml.PlainYamlError as error:
        raise NodeError(path_of(name), "the manifest cannot be read: %s" % error) from error
    if not isinstance(value, dict):
        raise NodeError(path_of(name), "the manifest holds no pod")
    return value


class Watch:
    """Sees whether a component runs as its manifest says.

    Args:
        system: the node.
        client: gives a client of an API server that answers now.
        name: the component, for example ``etcd``.
        node: name of this node's Node.
        text: the manifest, as it was just written or is about to be.

    Raises:
        NodeError: the manifest cannot be read.

    """

    def __init__(self, system: System, client: Callable[[], Client], name: str, node: str, text: str) -> None:
        self._system = system
        self._client = client
        self._name = name
        self._node = node
        self._pod = parse(name, text)
        self._before = self._restarts()
        self.settled = False
        """Whether it was seen to run so."""

    @property
    def subject(self) -> str:
        """The component as messages name it."""
        return "%s on %s" % (self._name, self._node)

    def look(self) -> str:
        """Why the mirror pod is not the manifest's and ready, or the component does not answer; empty where all is."""
        if self.settled:
            return ""
        reason = self._complaint()
        self.settled = not reason
        return reason

    def given_up(self) -> bool:
        """Whether its container crashes again and again."""
        counts = (count - self._before.get(name, 0) for name, count in self._restarts().items())
        return max(counts, default=0) >= _CRASHES

    def failure(self, reason: str, how: str) -> NodeError:
        """The error for a component that is not waited for any longer, with the end of its log."""
        cause = "does not run with its new configuration (%s): %s%s" % (how, reason, self._last_words())
        return NodeError(self.subject, cause, "Correct the setting, then run again")

    def _complaint(self) -> str:
        try:
            client = self._client()
            live = client.find("%s/%s-%s" % (_PODS, self._name, self._node))
            if live is None or essence(live) != essence(self._pod):
                return "the kubelet has not taken up its manifest"
            if not _ready(live):
                return "its pod is not ready"
            return unhealthy(self._pod) if self._name != API_SERVER else _api_unhealthy(client)
        except ApiError as error:
            return "the API does not answer: %s" % error
        except NodeError as error:
            return str(error)

    def _log_directories(self) -> list[Path]:
        """One for each configuration that the component ran with lately, the newest last."""
        pattern = "kube-system_%s-%s_*/%s" % (self._name, self._node, self._name)
        return _by_age(_found(self._system.path(_LOGS), pattern))

    def _restarts(self) -> dict[str, int]:
        """How often the container was restarted, by log directory: each start has a log of its own, by number."""
        return {
            str(directory): max(
                (int(path.stem) for path in _found(directory, "*.log") if path.stem.isdigit()), default=0
            )
            for directory in self._log_directories()
        }

    def _last_words(self) -> str:
        logs = _by_age(path for directory in self._log_directories()[-1:] for path in _found(directory, "*.log"))
        # A container that was started a moment ago has said nothing yet.
        lines = next((lines for path in reversed(logs) if (lines := (files.read_text(path) or "").splitlines())), [])
        # The container engine begins each line with time, stream and a letter.
        said = [line.split(" ", 3)[-1] for line in lines[-200:]]
        told = [line for line in said if re.match(r"(E|F)\d{4} |[Ee]rror|panic|.*\"level\":\"(error|fatal)\"", line)]
        return "; its log says: %s" % " / ".join((told or said)[-2:])[:600] if said else ""


def _found(directory: Path, pattern: str) -> list[Path]:
    """Return the paths in a directory, which the kubelet may remove meanwhile, as it does when a pod is gone."""
    try:
        return list(directory.glob(pattern))
    except FileNotFoundError:
        return []


def _by_age(paths: Iterable[Path]) -> list[Path]:
    """Return those of the paths that are there still, the oldest first."""
    dated = [(at, path) for path in paths if (at := files.modified(path)) is not None]
    return [path for _, path in sorted(dated)]


def wait(watches: Sequence[Watch], timeout: float) -> None:
    """Wait until components that were changed together run, each by its own :class:`Watch`.

    They are looked at in turn: one that crashes is found while another one waits for it.

    Args:
        watches: one a component.
        timeout: seconds for all of them; it ends before where a new container has crashed again and again.

    Raises:
        NodeError: one does not run, with the end of its log. Those that do are marked ``settled``.

    """
    deadline = time.monotonic() + timeout
    while True:
        reasons = [(watch, watch.look()) for watch in watches]
        waiting = [(watch, reason) for watch, reason in reasons if reason]
        if not waiting:
            return
        for watch, reason in waiting:
            if watch.given_up():
                raise watch.failure(reason, "it ends again and again")
        if time.monotonic() >= deadline:
            watch, reason = waiting[0]
            raise watch.failure(reason, "not within %d s" % timeout)
        time.sleep(_INTERVAL)


def _ready(pod: Pod) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or []
    return any(entry.get("type") == "Ready" and entry.get("status") == "True" for entry in conditions)


def _api_unhealthy(client: Client) -> str:
    answer = client.text("/readyz")
    return "" if answer == "ok" else "/readyz says %r" % answer[:200]


def unhealthy(pod: Pod) -> str:
    """Why a component's own endpoint, which its probes name, does not call it healthy; empty where it does."""
    url = health_url(pod)
    if not url:
        return ""
    # It shows a certificate of its own making, to this node alone; nothing secret is sent.
    context = serving.unverified(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    opener = request.build_opener(request.ProxyHandler({}), request.HTTPSHandler(context=context))
    try:
        with opener.open(url, timeout=_REQUEST_TIMEOUT):
            return ""
    except request.HTTPError as error:
        return "%s answers with status %d" % (url, error.code)
    except OSError as error:
        return "%s does not answer: %s" % (url, getattr(error, "reason", error))


def health_url(pod: Pod) -> str:
    """The URL of a pod's readiness probe, else of its liveness probe; empty where it has none; pure."""
    container = ((pod.get("spec") or {}).get("containers") or [{}])[0]
    probe = container.get("readinessProbe") or container.get("livenessProbe") or {}
    asked = probe.get("httpGet")
    if not asked:
        return ""
    ports = {entry.get("name"): entry.get("containerPort") for entry in container.get("ports") or []}
    host = str(asked.get("host") or "127.0.0.1")
    address = "[%s]" % host if ":" in host else host
    port = ports.get(asked.get("port"), asked.get("port"))
    return "%s://%s:%s%s" % (str(asked.get("scheme") or "HTTP").lower(), address, port, asked.get("path") or "/")
