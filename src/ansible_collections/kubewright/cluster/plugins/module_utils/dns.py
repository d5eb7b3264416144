"""One DNS question, by UDP and by TCP (RFC 1035)."""

from __future__ import annotations

import ipaddress
import secrets
import socket
import struct

from ansible_collections.kubewright.cluster.plugins.module_utils.frozen import frozen

A, AAAA, IN = 1, 28, 1
_HEADER = struct.Struct(">HHHHHH")
_RECURSION_DESIRED, _RESPONSE, _TRUNCATED = 0x0100, 0x8000, 0x0200
_RCODES = {1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED"}


class DnsError(Exception):
    """No answer, or one that is no answer to the question."""


@frozen
class Response:
    """An answer: its code (0 is NOERROR) and the addresses in its answer section."""

    code: int
    addresses: tuple[str, ...]
    truncated: bool = False

    @property
    def code_name(self) -> str:
        """The code as DNS tools write it."""
        return "NOERROR" if self.code == 0 else _RCODES.get(self.code, str(self.code))


def build(name: str, identity: int, kind: int = A) -> bytes:
    """A query packet.

    Raises:
        ValueError: no DNS name.

    """
    labels = [label.encode("ascii") for label in name.rstrip(".").split(".")]
    if any(not 0 < len(label) < 64 for label in labels):
        raise ValueError("%r is no DNS name" % name)
    question = b"".join(bytes([len(label)]) + label for label in labels) + b"\0" + struct.pack(">HH", kind, IN)
    return _HEADER.pack(identity, _RECURSION_DESIRED, 1, 0, 0, 0) + question


def parse(packet: bytes, identity: int) -> Response:
    """The answer in a packet.

    Raises:
        DnsError: it is no answer to the question with this identity.

    """
    try:
        return _parse(packet, identity)
    except (struct.error, IndexError, ValueError) as error:
        raise DnsError("malformed answer") from error


def _parse(packet: bytes, identity: int) -> Response:
    got, flags, questions, answers, _, _ = _HEADER.unpack_from(packet)
    if got != identity or not flags & _RESPONSE:
        raise DnsError("an answer to something else")
    at = _HEADER.size
    for _ in range(questions):
        at = _skip_name(packet, at) + 4
    addresses = []
    for _ in range(answers):
        at = _skip_name(packet, at)
        kind, _, _, length = struct.unpack_from(">HHIH", packet, at)
        at += 10
        if kind in (A, AAAA):
            addresses.append(str(ipaddress.ip_address(packet[at : at + length])))
        at += length
    return Response(flags & 0xF, tuple(addresses), bool(flags & _TRUNCATED))


def _skip_name(packet: bytes, at: int) -> int:
    while True:
        length = packet[at]
        if length & 0xC0 == 0xC0:
            return at + 2
        at += 1 + length
        if length == 0:
            return at


def ask(server: str, name: str, *, port: int = 53, tcp: bool = False, timeout: float = 2.0) -> Response:
    """Ask ``server`` for the name's IPv4 address.

    Raises:
        DnsError: no answer within ``timeout`` seconds, or a malformed one.

    """
    identity = secrets.randbelow(1 << 16)
    packet = build(name, identity)
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    kind = socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM
    try:
        with socket.socket(family, kind) as connection:
            connection.settimeout(timeout)
            connection.connect((server, port))
            if tcp:
                connection.sendall(struct.pack(">H", len(packet)) + packet)
                (length,) = struct.unpack(">H", _receive(connection, 2))
                return parse(_receive(connection, length), identity)
            connection.send(packet)
            return parse(connection.recv(65535), identity)
    except OSError as error:
        raise DnsError("%s by %s: %s" % (server, "TCP" if tcp else "UDP", error or "timed out")) from error


def _receive(connection: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        chunk = connection.recv(length - len(data))
        if not chunk:
            raise DnsError("the connection was closed before the answer was complete")
        data += chunk
    return data
