"""Images from registries: the OCI distribution API with token authentication."""

from __future__ import annotations

import json
import re
import threading
import time
from dataclasses import dataclass
from typing import Any

import httpx

from kubewright.artifacts.oci import Content, bytes_content
from kubewright.artifacts.upstream.download import Downloader, LoginNeededError, Wanted, require_success
from kubewright.artifacts.upstream.urls import Image, Places
from kubewright.errors import ArtifactError

INDEX_TYPES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
MANIFEST_TYPES = ("application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json")
_PARAMETER = re.compile(r'(\w+)="([^"]*)"')
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_TRIES = 3


@dataclass(frozen=True)
class Pulled:
    """An image's manifest and the blobs that it names, configuration first, layers lowest first."""

    media_type: str
    manifest: Content
    blobs: tuple[Content, ...]


class Registry:
    """Pulls images of one architecture; threads may share it."""

    def __init__(self, places: Places, downloads: Downloader, architecture: str) -> None:
        self._places = places
        self._downloads = downloads
        self._architecture = architecture
        self._tokens: dict[str, str] = {}
        self._lock = threading.Lock()

    def pull(self, image: Image, component: str) -> Pulled:
        """Download an image, every part verified by its digest; the caller removes the blobs' files.

        Raises:
            ArtifactError: the image or its architecture is not there, or a part is not what its digest says.

        """
        base = self._places.repository(image)
        media_type, body = self._manifest(base, image.tag)
        if media_type in INDEX_TYPES:
            digest = choose(json.loads(body), self._architecture, f"{base}:{image.tag}")
            media_type, body = self._manifest(base, digest)
        if media_type not in MANIFEST_TYPES:
            raise ArtifactError(f"{base}:{image.tag}", f"the registry gives a manifest of type {media_type}")
        manifest = json.loads(body)
        parts = (manifest["config"], *manifest["layers"])
        blobs = (self._blob(base, image.tag, part, component) for part in parts)
        return Pulled(media_type, bytes_content(body), tuple(blobs))

    def _manifest(self, base: str, reference: str) -> tuple[str, bytes]:
        """Get a manifest by tag or digest; its media type and bytes."""
        url = f"{base}/manifests/{reference}"
        response = self._get(base, url, {"Accept": ", ".join((*INDEX_TYPES, *MANIFEST_TYPES))})
        found = bytes_content(response.content).digest
        expected = reference if _DIGEST.fullmatch(reference) else response.headers.get("Docker-Content-Digest", found)
        if found != expected:
            raise ArtifactError(url, f"the manifest's digest is {found} but {expected} is expected")
        media_type = response.headers.get("Content-Type", "").partition(";")[0].strip()
        return media_type, response.content

    def _blob(self, base: str, tag: str, part: dict[str, Any], component: str) -> Content:
        match = _DIGEST.fullmatch(str(part["digest"]))
        if match is None:
            raise ArtifactError(base, f"the manifest names a blob by {part['digest']}, which is no SHA-256")
        url, size = f"{base}/blobs/{match.group(0)}", int(part["size"])
        try:
            path = self._downloads.fetch(Wanted(url, match.group(1), component, size, self._authorization(base)))
        except LoginNeededError:
            # Tokens live a few minutes, large images take longer: asking for the manifest again renews it.
            self._manifest(base, tag)
            path = self._downloads.fetch(Wanted(url, match.group(1), component, size, self._authorization(base)))
        return Content(match.group(0), size, path)

    def _get(self, base: str, url: str, headers: dict[str, str]) -> httpx.Response:
        """GET with a token where the registry asks for one."""
        problem = ""
        for attempt in range(_TRIES):
            try:
                response = self._downloads.client.get(url, headers={**headers, **self._authorization(base)})
                if response.status_code == httpx.codes.UNAUTHORIZED and attempt + 1 < _TRIES:
                    self._authenticate(base, response)
                    continue
            except httpx.HTTPError as error:
                problem = f"{type(error).__name__}: {error}"
                time.sleep(attempt)
                continue
            require_success(response, url)
            return response
        raise ArtifactError(url, f"the registry cannot be reached ({problem or 'it refuses its own token'})")

    def _authorization(self, base: str) -> dict[str, str]:
        with self._lock:
            token = self._tokens.get(base)
        return {"Authorization": f"Bearer {token}"} if token else {}

    def _authenticate(self, base: str, refused: httpx.Response) -> None:
        """Get a token as the registry's challenge says (distribution specification, token authentication)."""
        challenge = refused.headers.get("WWW-Authenticate", "")
        parameters = dict(_PARAMETER.findall(challenge))
        if not challenge.lower().startswith("bearer ") or "realm" not in parameters:
            raise ArtifactError(base, f"the registry refuses and offers no token ({challenge or 'no challenge'})")
        query = {name: parameters[name] for name in ("service", "scope") if name in parameters}
        response = self._downloads.client.get(parameters["realm"], params=query)
        require_success(response, parameters["realm"])
        answer = response.json()
        with self._lock:
            self._tokens[base] = str(answer.get("token") or answer["access_token"])


def choose(index: dict[str, Any], architecture: str, subject: str) -> str:
    """Return the digest of a multi-architecture index's manifest for Linux on an architecture.

    Raises:
        ArtifactError: it has none.

    """
    offered = []
    for entry in index.get("manifests", []):
        platform = entry.get("platform", {})
        if platform.get("os") == "linux" and platform.get("architecture") == architecture:
            return str(entry["digest"])
        offered.append(f"{platform.get('os')}/{platform.get('architecture')}")
    raise ArtifactError(
        subject, f"the image has nothing for linux/{architecture}, only {', '.join(offered) or 'nothing'}"
    )
