"""journald's native protocol, parsed by its documentation and not by what reaper writes."""

from __future__ import annotations

import struct


def parse_datagram(data: bytes) -> dict[str, bytes]:
    """Returns the fields of a datagram, as https://systemd.io/JOURNAL_NATIVE_PROTOCOL/ defines them."""
    fields = {}
    while data:
        line, _, data = data.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            (length,) = struct.unpack("<Q", data[:8])
            value, end, data = data[8 : 8 + length], data[8 + length : 9 + length], data[9 + length :]
            assert end == b"\n"
        assert name.decode().isidentifier()
        assert name.decode() not in fields
        fields[name.decode()] = value
    return fields
