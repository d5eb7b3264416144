"""An API server, as far as the modules' requests go: objects by path, tokens, and server-side apply by merging."""

from __future__ import annotations

import base64
import json
import urllib.parse
from dataclasses import dataclass, field
from typing import Any

from tests.unit.node.api.pki import Request

SECRETS = "/api/v1/namespaces/kube-system/secrets"
RECORD = "/api/v1/namespaces/kube-system/configmaps/kubewright"


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@dataclass
class Api:
    """``tokens`` are descriptions by token id; ``objects`` are by path; ``lists`` are answers by collection path.

    ``ends`` are the expirations that were asked for, by token id.
    """

    up: bool = True
    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    lists: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    ends: dict[str, str] = field(default_factory=dict)
    expiration: str = "2999-01-01T00:00:00Z"

    def record(self) -> dict[str, Any] | None:
        """kubewright's record, None where there is none."""
        found = self.objects.get(RECORD)
        return json.loads(found["data"]["record"]) if found else None

    def answer(self, request: Request) -> tuple[int, Any]:
        """Answer a request."""
        path = urllib.parse.urlsplit(request.path).path
        if not self.up:
            return 503, {"message": "starting", "reason": "ServiceUnavailable"}
        if path == "/readyz":
            return 200, b"ok"
        if path == "/version":
            return 200, {"gitVersion": "v1.37.2"}
        if path == SECRETS or path.startswith(f"{SECRETS}/bootstrap-token-"):
            return self._token(request, path)
        return self._object(request, path)

    def _token(self, request: Request, path: str) -> tuple[int, Any]:
        if request.method == "POST":
            data = request.body["stringData"]
            self.tokens[data["token-id"]] = data["description"]
            self.ends[data["token-id"]] = data["expiration"]
            return 201, request.body
        identity = path.rpartition("-")[2]
        if request.method == "DELETE":
            return (200, {}) if self.tokens.pop(identity, None) else (404, {"reason": "NotFound"})
        if request.method == "PATCH":
            self.ends[identity] = request.body["stringData"]["expiration"]
            return 200, {}
        return 200, {"items": [self._secret(*entry) for entry in self.tokens.items()]}

    def _secret(self, identity: str, description: str) -> dict[str, Any]:
        texts = {"token-id": identity, "description": description, "expiration": self.expiration}
        return {"data": {**{key: _encoded(text) for key, text in texts.items()}, "token-secret": _encoded("hidden")}}

    def _object(self, request: Request, path: str) -> tuple[int, Any]:
        if request.method == "GET" and path in self.lists:
            return 200, {"items": self.lists[path]}
        if request.method == "PATCH":
            self.objects[path] = request.body
        elif request.method == "POST":
            self.lists.setdefault(path, []).append(request.body)
            return 201, request.body
        elif request.method == "DELETE":
            return (200, {}) if self.objects.pop(path, None) else (404, {"reason": "NotFound"})
        found = self.objects.get(path)
        return (200, found) if found else (404, {"reason": "NotFound", "message": "not found"})
