"""Bootstrap tokens as the API keeps them.

Secrets kube-system/bootstrap-token-ID (Kubernetes: "Authenticating with Bootstrap Tokens").
"""

from __future__ import annotations

import base64
import datetime as dt
import secrets
import string
from typing import Any, Optional

from ansible_collections.kubewright.cluster.plugins.module_utils.kubeapi import METADATA_ONLY, Client

SECRETS = "/api/v1/namespaces/kube-system/secrets"
CERTIFICATES_SECRET = SECRETS + "/kubeadm-certs"
TYPE = "bootstrap.kubernetes.io/token"
JOIN = "kubewright join"
INIT = "kubewright init"
# kubeadm makes it beside the uploaded certificates and lets their Secret expire with it
# (phases/copycerts/copycerts.go).
CERTIFICATES = "Proxy for managing TTL for the kubeadm-certs secret"
OURS = (JOIN, INIT, CERTIFICATES)
_GROUP = "system:bootstrappers:kubeadm:default-node-token"
_TIME = "%Y-%m-%dT%H:%M:%SZ"
_ALPHABET = string.ascii_lowercase + string.digits


def new_token() -> tuple[str, str]:
    """Id and secret of a new token."""
    return _random(6), _random(16)


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def create(client: Client, token_id: str, token_secret: str, *, minutes: int, description: str = JOIN) -> None:
    """Make a token with which nodes may join for ``minutes``."""
    expiration = dt.datetime.now(dt.timezone.utc) + dt.timedelta(minutes=minutes)
    client.create(
        SECRETS,
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": TYPE,
            "metadata": {"name": "bootstrap-token-" + token_id, "namespace": "kube-system"},
            "stringData": {
                "token-id": token_id,
                "token-secret": token_secret,
                "expiration": expiration.strftime(_TIME),
                "description": description,
                "usage-bootstrap-authentication": "true",
                "auth-extra-groups": _GROUP,
            },
        },
    )


def listed(client: Client) -> list[dict[str, Any]]:
    """All tokens as [{id, description, expiration, expired}]; never their secrets."""
    items = client.get(SECRETS, fieldSelector="type=" + TYPE).get("items") or []
    return [_described(item) for item in items]


def _described(item: dict[str, Any]) -> dict[str, Any]:
    data = item.get("data") or {}
    expiration = _text(data, "expiration")
    return {
        "id": _text(data, "token-id"),
        "description": _text(data, "description"),
        "expiration": expiration,
        "expired": _expired(expiration),
    }


def _text(data: dict[str, str], key: str) -> str:
    return base64.b64decode(data.get(key, "")).decode("utf-8", "replace")


def _expired(expiration: str) -> bool:
    if not expiration:
        return False
    try:
        end = dt.datetime.strptime(expiration, _TIME).replace(tzinfo=dt.timezone.utc)
    except ValueError:
        return False
    return end <= dt.datetime.now(dt.timezone.utc)


def remove(client: Client, ids: Optional[list[str]] = None) -> list[str]:
    """Remove tokens that kubewright or its kubeadm calls made (of ``ids``, else all of those); the ids removed."""
    removed = []
    for token in listed(client):
        ours = token["description"] in OURS
        if ours and (ids is None or token["id"] in ids) and client.delete(SECRETS + "/bootstrap-token-" + token["id"]):
            removed.append(token["id"])
    return sorted(removed)


def certificates_uploaded(client: Client) -> bool:
    """Whether the Secret with the control plane's keys (encrypted) is in the API."""
    return client.find(CERTIFICATES_SECRET, accept=METADATA_ONLY) is not None


def remove_certificates(client: Client) -> bool:
    """Remove that Secret; whether there was one."""
    return client.delete(CERTIFICATES_SECRET)
