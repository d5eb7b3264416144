"""A static pod of the control plane: its manifest, and that what it describes runs and answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional, Sequence

from ansible_collections.kubewright.cluster.plugins.module_utils import (
    controlplane,
    files,
    kubeapi,
    markers,
    staticpods,
)
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.resources.base import Change
from ansible_collections.kubewright.cluster.plugins.module_utils.resources.rendered import Rendered, file_of

_NOT_HERE = "not a control plane"
_EARLIER = markers.DIRECTORY + "/earlier"
"""Where the manifest that ran before lies until the new one runs. It also tells the next run of one that was killed."""

_TIMEOUT = 300.0
_REMEDY = "Correct the setting, then run again"


class StaticPod(Rendered):
    """``name`` of the component; ``node``, ``address``, ``certificates`` and ``servers`` of its control plane.

    Applying it restarts the component and waits until it answers by its own health endpoint; where it does not, the
    manifest that ran before is put back. Those of one control plane are applied together.
    """

    type = "static_pod"

    @property
    def _name(self) -> str:
        return str(self.need("name"))

    @property
    def _place(self) -> controlplane.Place:
        others = tuple(str(server) for server in self.need("servers"))
        return controlplane.Place(
            str(self.need("node")), str(self.need("address")), str(self.need("certificates")), others
        )

    def find(self) -> Any:
        """Return the manifest (None: there is none) and whether a killed run left it unfinished."""
        if not self.applies() or not controlplane.is_control_plane(self.system):
            return _NOT_HERE
        text = files.read_text(self.system.path(staticpods.path_of(self._name)))
        return {"text": text, "unfinished": self.system.path(self._earlier).exists()}

    def diff(self, found: Any) -> Optional[Change]:
        """Compare the manifest with what kubeadm would write."""
        if found == _NOT_HERE:
            return None
        path, wanted = staticpods.path_of(self._name), self._wanted(found["text"])
        if found["text"] == wanted:
            if not found["unfinished"]:
                return None
            what = "see that %s runs with the manifest that an earlier run wrote" % self._name
            return self.change("update", "unfinished", "running", what, path=path)
        action = "create" if found["text"] is None else "update"
        diff = files.unified(path, found["text"], wanted)
        what = "%s %s; restarts %s" % (action, path, self._name)
        return self.change(
            action, None if found["text"] is None else "another one", "as wanted", what, diff=diff, path=path
        )

    def apply(self, change: Change) -> None:
        """Write the manifest and wait until it runs; see :func:`apply_together`."""
        del change
        apply_together([self])

    def require_room(self) -> None:
        """Make sure that the cluster can do without the component now.

        Raises:
            NodeError: it cannot.
            ApiError: no API server answers.

        """
        if files.read_text(self._path) != self._text:
            controlplane.require_room(self.system, self._name, self._place)

    def write(self) -> staticpods.Watch:
        """Keep the manifest that runs now and write the new one; what sees whether that runs."""
        text = self._text
        watch = self._watch(text)
        current = files.read_text(self._path)
        if current != text:
            self._keep(current)
            self._put(text)
        return watch

    def done(self) -> None:
        """Forget the manifest that ran before."""
        files.remove(self.system.path(self._earlier))

    def put_back(self) -> Optional[staticpods.Watch]:
        """Write the manifest that ran before, where there was one; what sees whether that runs."""
        earlier = files.read_text(self.system.path(self._earlier))
        if earlier is None:
            return None
        watch = self._watch(earlier)
        self._put(earlier)
        return watch

    @property
    def _path(self) -> Path:
        return self.system.path(staticpods.path_of(self._name))

    @property
    def _text(self) -> str:
        return self._wanted(files.read_text(self._path))

    def _put(self, text: str) -> None:
        files.write_atomic(self._path, text.encode("utf-8", "surrogateescape"), 0o600, files.own_ids())

    def _wanted(self, current: Optional[str]) -> str:
        rendered = file_of(self.context, "%s.yaml" % self._name)
        return staticpods.with_membership(rendered, current) if self._name == staticpods.ETCD else rendered

    @property
    def _earlier(self) -> str:
        return "%s/%s.yaml" % (_EARLIER, self._name)

    def _keep(self, current: Optional[str]) -> None:
        """Keep what runs now; what a killed run kept is older and did run."""
        kept = self.system.path(self._earlier)
        if current is not None and not kept.exists():
            kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            files.write_atomic(kept, current.encode("utf-8", "surrogateescape"), 0o600, files.own_ids())

    def _watch(self, text: str) -> staticpods.Watch:
        return staticpods.Watch(self.system, self._client, self._name, self._place.node, text)

    def _client(self) -> kubeapi.Client:
        """An API server that answers: its own where it is the one that is restarted, else the first of all."""
        if self._name == staticpods.API_SERVER:
            return controlplane.speaking(self.system, ())
        return controlplane.speaking(self.system, self._place.others)


def apply_together(pods: Sequence[StaticPod]) -> None:
    """Restart components of this control plane together, and put back what does not run with its new manifest.

    An API server is away anyway while the etcd member beside it restarts; one after the other would only take longer,
    the more so as a kubelet waits for the API before it starts a static pod anew.

    Raises:
        NodeError: the cluster cannot do without one of them now, or one does not run as wanted.
        ApiError: no API server answers.

    """
    for pod in pods:
        pod.require_room()
    begun = [(pod, pod.write()) for pod in pods]
    try:
        staticpods.wait([watch for _, watch in begun], _TIMEOUT)
    except NodeError as error:
        raise _put_back([pod for pod, watch in begun if not watch.settled], error) from error
    finally:
        for pod, watch in begun:
            if watch.settled:
                pod.done()


def _put_back(pods: Sequence[StaticPod], error: NodeError) -> NodeError:
    """Put the earlier manifests back; the error that says so."""
    returned = [(pod, watch) for pod, watch in ((pod, pod.put_back()) for pod in pods) if watch is not None]
    if not returned:
        return error
    try:
        staticpods.wait([watch for _, watch in returned], _TIMEOUT)
    except NodeError as second:
        cause = "%s. Its earlier manifest was put back, and does not run either: %s" % (error.cause, second.cause)
        return NodeError(error.subject, cause, "Look at: journalctl -u kubelet, and its log under /var/log/pods")
    for pod, _ in returned:
        pod.done()
    return NodeError(error.subject, "%s. It runs with its earlier manifest again" % error.cause, _REMEDY)
