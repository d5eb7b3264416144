"""Where a file or an image is asked for: at its publisher's, or at a mirror."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Image:
    """An image's name, taken apart: ``host/repository:tag``."""

    host: str
    repository: str
    tag: str


def parse_reference(reference: str) -> Image:
    """Take an image's full name apart."""
    host, _, rest = reference.partition("/")
    repository, _, tag = rest.rpartition(":")
    return Image(host, repository, tag)


@dataclass(frozen=True)
class Places:
    """Maps names to URLs.

    Without a mirror, files have their own URL and registries that of their host (``registries`` maps a host to
    another URL where its registry has one).
    A mirror at ``https://m/p`` has files under ``https://m/p/HOST/PATH`` and images
    behind the registry API as ``https://m/v2/p/HOST/REPOSITORY``.
    """

    mirror: str = ""
    registries: tuple[tuple[str, str], ...] = ()

    def file(self, url: str) -> str:
        """Return the URL from which to get what is published at ``url``."""
        if not self.mirror:
            return url
        parts = urlsplit(url)
        return f"{self.mirror.rstrip('/')}/{parts.netloc}{parts.path}"

    def repository(self, image: Image) -> str:
        """Return the base URL of an image's repository in the registry API, without a slash at its end."""
        if self.mirror:
            parts = urlsplit(self.mirror)
            prefix = parts.path.strip("/")
            path = "/".join(part for part in (prefix, image.host, image.repository) if part)
            return f"{parts.scheme}://{parts.netloc}/v2/{path}"
        registry = dict(self.registries).get(image.host, f"https://{image.host}")
        return f"{registry}/v2/{image.repository}"
