"""A small client of the Kubernetes API for modules: JSON in and out, errors as values."""

from __future__ import annotations

import copy
import json
import re
import time
import urllib.parse
from typing import Any, Callable, Optional, TypeVar, Union

from ansible_collections.kubewright.cluster.plugins.module_utils import kubeconfig
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import STEP_FAILED, ComponentError, NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.https import Transport, TransportError, client_context
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System

FIELD_MANAGER = "kubewright"
APISERVER_MANIFEST = "/etc/kubernetes/manifests/kube-apiserver.yaml"
METADATA_ONLY = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
"""Accept header with which an object's content (a Secret's) stays in the server."""

T = TypeVar("T")
Object = dict[str, Any]


class ApiError(ComponentError):
    """The API server refused a request, or (status 0) did not answer.

    ``reason`` is Kubernetes' own word, for example ``NotFound``.
    """

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(status, reason, message)
        self.status = status
        self.reason = reason
        self.message = message

    def __str__(self) -> str:
        return "%s (%s)" % (self.message, self.reason) if self.status else self.message

    def as_node_error(self) -> NodeError:
        """Return an API's refusal or silence as the error that a call fails with."""
        remedy = "Look at the API server's log under /var/log/pods on a control plane"
        return NodeError("Kubernetes API", str(self), remedy)

    @property
    def passing(self) -> bool:
        """Whether it may pass by itself: no answer, an overloaded or starting server, a conflict of writers."""
        return self.status in (0, 409, 429, 500, 502, 503, 504)


class Client:
    """One API server, as one user.

    Args:
        system: the node.
        config: who we are and whom we trust.
        server: another server than the kubeconfig's, ``https://host:port``.
        timeout: seconds for each request.

    Raises:
        ApiError: the credentials cannot be read.

    """

    def __init__(
        self, system: System, config: kubeconfig.Kubeconfig, *, server: str = "", timeout: float = 10.0
    ) -> None:
        self.server = server or config.server
        self.ca_pem = config.ca_pem
        try:
            self._context = client_context(system, config.ca_pem, config.client)
            self._transport = Transport(self.server, self._context, timeout)
        except TransportError as error:
            raise ApiError(0, "Credentials", str(error)) from error
        self._token = config.token

    def elsewhere(self, server: str, *, timeout: float) -> Client:
        """The same user at another server, or with another timeout; certificates are not read again, which takes long.

        Raises:
            ApiError: the server is no https URL.

        """
        other = copy.copy(self)
        other.server = server
        try:
            other._transport = Transport(server, self._context, timeout)  # noqa: SLF001 - its own class's
        except TransportError as error:
            raise ApiError(0, "Server", str(error)) from error
        return other

    def get(self, path: str, *, accept: str = "application/json", **query: str) -> Object:
        """The object or list at ``path``."""
        return self.request("GET", path, query=query, accept=accept)

    def find(self, path: str, *, accept: str = "application/json") -> Optional[Object]:
        """The object at ``path``, None where there is none."""
        try:
            return self.get(path, accept=accept)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def create(self, path: str, body: Object) -> Object:
        """Add ``body`` to the collection at ``path``."""
        return self.request("POST", path, body, query={"fieldManager": FIELD_MANAGER})

    def replace(self, path: str, body: Object) -> Object:
        """Put ``body`` in the place of the object; a resourceVersion in it guards against other writers."""
        return self.request("PUT", path, body, query={"fieldManager": FIELD_MANAGER})

    def merge(self, path: str, patch: Object) -> Object:
        """Merge ``patch`` into the object (RFC 7386); a resourceVersion in it guards against other writers."""
        return self.request(
            "PATCH", path, patch, query={"fieldManager": FIELD_MANAGER}, content="application/merge-patch+json"
        )

    def apply(self, path: str, body: Union[Object, str], *, dry_run: bool = False) -> Object:
        """Server-side apply as ``kubewright``, taking over fields that others hold; a text is YAML as it is.

        With ``dry_run`` only the result is told.
        """
        query = {"fieldManager": FIELD_MANAGER, "force": "true"}
        if dry_run:
            query["dryRun"] = "All"
        return self.request("PATCH", path, body, query=query, content="application/apply-patch+yaml")

    def delete(self, path: str, *, grace: Optional[int] = None, background: bool = True) -> bool:
        """Delete the object; whether there was one."""
        options: Object = {
            "kind": "DeleteOptions",
            "apiVersion": "v1",
            "propagationPolicy": "Background" if background else "Foreground",
        }
        if grace is not None:
            options["gracePeriodSeconds"] = grace
        try:
            self.request("DELETE", path, options)
        except ApiError as error:
            if error.status == 404:
                return False
            raise
        return True

    def text(self, path: str) -> str:
        """A plain answer such as that of ``/readyz``."""
        return self._answer("GET", path, None, {"Accept": "*/*"}).decode("utf-8", "replace")

    def request(
        self,
        method: str,
        path: str,
        body: Union[Object, str, None] = None,
        *,
        query: Optional[dict[str, str]] = None,
        content: str = "application/json",
        accept: str = "application/json",
    ) -> Object:
        """One request with JSON in, or a text as it is, and JSON out.

        Raises:
            ApiError: refused, or no answer.

        """
        target = path + ("?" + urllib.parse.urlencode(query) if query else "")
        text = body if body is None or isinstance(body, str) else json.dumps(body)
        payload = None if text is None else text.encode()
        answer = self._answer(method, target, payload, {"Accept": accept, "Content-Type": content})
        try:
            value = json.loads(answer)
        except ValueError as error:
            raise ApiError(
                0, "NotJson", "%s answered %s with something else than JSON" % (self.server, path)
            ) from error
        if not isinstance(value, dict):
            raise ApiError(0, "NotJson", "%s answered %s with no object" % (self.server, path))
        return value

    def _answer(self, method: str, target: str, payload: Optional[bytes], headers: dict[str, str]) -> bytes:
        if self._token:
            headers["Authorization"] = "Bearer " + self._token
        try:
            answer = self._transport.request(method, target, payload, headers)
        except TransportError as error:
            raise ApiError(0, "Unreachable", str(error)) from error
        if answer.status >= 400:
            raise _refused(answer.status, answer.body, method, target)
        return answer.body


def _refused(status: int, body: bytes, method: str, target: str) -> ApiError:
    try:
        value = json.loads(body)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        value = {"message": body.decode("utf-8", "replace")[:500]}
    path = target.split("?", 1)[0]
    return ApiError(
        status, str(value.get("reason") or status), "%s %s: %s" % (method, path, value.get("message") or "refused")
    )


def local_server(system: System) -> Optional[str]:
    """The URL of this control plane's own API server by the address that it advertises (in its certificate always).

    None where it runs none.
    """
    try:
        manifest = system.path(APISERVER_MANIFEST).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    address = re.search(r"--advertise-address=(\S+)", manifest)
    port = re.search(r"--secure-port=(\d+)", manifest)
    if address is None:
        return None
    host = address.group(1).strip("\"'")
    return "https://%s:%s" % ("[%s]" % host if ":" in host else host, port.group(1) if port else "6443")


def admin_client(system: System, *, server: str = "", timeout: float = 10.0) -> Client:
    """The cluster administrator on a control plane, through ``server``, else the node's own API server.

    Raises:
        NodeError: no usable admin.conf.
        ApiError: the credentials in it cannot be read.

    """
    config = kubeconfig.load(system, kubeconfig.ADMIN_CONF)
    return Client(system, config, server=server or local_server(system) or "", timeout=timeout)


def calm(reason: Optional[str]) -> Optional[bool]:
    """For :func:`wait_until`: True where there is no reason to wait.

    Raises:
        ApiError: with the reason, as an answer that may pass, so that it is in the error that ends the wait.

    """
    if reason:
        raise ApiError(0, "NotNow", reason)
    return True


def wait_until(
    what: str,
    probe: Callable[[], Optional[T]],
    timeout: float,
    remedy: str = "",
    *,
    interval: float = 0.2,
    exit_code: int = STEP_FAILED,
) -> T:
    """Ask ``probe`` until it answers with something else than None.

    API errors that may pass by themselves are waited out.

    Args:
        what: what is waited for, for the error.
        probe: asks once.
        timeout: seconds until the wait is given up.
        remedy: for the error.
        interval: seconds between two questions.
        exit_code: the controller's, for the error.

    Raises:
        NodeError: not within ``timeout``.
        ApiError: one that does not pass by itself.

    """
    deadline = time.monotonic() + timeout
    last = ""
    while True:
        try:
            answer = probe()
        except ApiError as error:
            if not error.passing:
                raise
            last = "; last answer: %s" % error
        else:
            if answer is not None:
                return answer
        if time.monotonic() >= deadline:
            raise NodeError(what, "not within %d s%s" % (timeout, last), remedy, exit_code)
        time.sleep(interval)
