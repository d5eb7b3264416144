from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kubewright.cluster.plugins.module_utils import dns

NAME = "kubernetes.default.svc.cluster.local"


def answer(query: bytes, *, code: int = 0, addresses: tuple[str, ...] = ("10.96.0.1",)) -> bytes:
    """As a DNS server answers: the question, then one record with a compressed name for each address."""
    identity = struct.unpack_from(">H", query)[0]
    header = struct.pack(">HHHHHH", identity, 0x8180 | code, 1, len(addresses), 0, 0)
    records = b"".join(struct.pack(">HHHIH", 0xC00C, 1, 1, 30, 4) + socket.inet_aton(one) for one in addresses)
    return header + query[12:] + records


@contextmanager
def udp_server(code: int = 0) -> Iterator[int]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))

        def run() -> None:
            data, sender = listening.recvfrom(512)
            listening.sendto(answer(data, code=code), sender)

        thread = threading.Thread(target=run)
        thread.start()
        yield listening.getsockname()[1]
        thread.join()


@contextmanager
def tcp_server(pieces: int) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def run() -> None:
            connection, _ = listening.accept()
            with connection:
                length = struct.unpack(">H", connection.recv(2))[0]
                reply = answer(connection.recv(length))
                framed = struct.pack(">H", len(reply)) + reply
                for start in range(0, len(framed), pieces):
                    connection.sendall(framed[start : start + pieces])

        thread = threading.Thread(target=run)
        thread.start()
        yield listening.getsockname()[1]
        thread.join()


class TestPackets:
    def test_a_query_is_as_rfc_1035_has_it(self) -> None:
        assert dns.build("a.bc.", 7) == b"\0\7\1\0\0\1\0\0\0\0\0\0" + b"\1a\2bc\0" + b"\0\1\0\1"

    @pytest.mark.parametrize("name", ["", "a..b", "x" * 64])
    def test_what_is_no_name_is_refused(self, name: str) -> None:
        with pytest.raises(ValueError, match="DNS name"):
            dns.build(name, 1)

    def test_an_answer_is_read(self) -> None:
        query = dns.build(NAME, 99)
        assert dns.parse(answer(query, addresses=("10.96.0.1", "10.96.0.2")), 99).addresses == (
            "10.96.0.1",
            "10.96.0.2",
        )

    def test_codes_have_their_names(self) -> None:
        assert dns.parse(answer(dns.build(NAME, 1), code=3, addresses=()), 1).code_name == "NXDOMAIN"

    def test_an_answer_to_something_else_is_none(self) -> None:
        with pytest.raises(dns.DnsError, match="something else"):
            dns.parse(answer(dns.build(NAME, 1)), 2)

    @given(st.binary(max_size=80))
    def test_rubbish_never_gets_through(self, packet: bytes) -> None:
        query = dns.build(NAME, 1)
        for candidate in (packet, answer(query)[: len(packet)], query[:2] + b"\x81\x80" + packet):
            with contextlib.suppress(dns.DnsError):
                dns.parse(candidate, 1)


class TestAsk:
    def test_by_udp(self) -> None:
        with udp_server() as port:
            assert dns.ask("127.0.0.1", NAME, port=port).addresses == ("10.96.0.1",)

    @pytest.mark.parametrize("pieces", [1, 7, 1000])
    def test_by_tcp_in_any_pieces(self, pieces: int) -> None:
        with tcp_server(pieces) as port:
            assert dns.ask("127.0.0.1", NAME, port=port, tcp=True).addresses == ("10.96.0.1",)

    @pytest.mark.parametrize("tcp", [False, True])
    def test_no_answer_is_an_error_in_time(self, tcp: bool) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
            silent.bind(("127.0.0.1", 0))
            with pytest.raises(dns.DnsError, match=r"127\.0\.0\.1 by"):
                dns.ask("127.0.0.1", NAME, port=silent.getsockname()[1], tcp=tcp, timeout=0.05)
