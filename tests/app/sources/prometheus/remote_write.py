"""Native histograms into a Prometheus of the lab, by the remote-write protocol: promtool cannot backfill them.

Only as much of protobuf (prometheus/prompb/types.proto) and of snappy (literals alone) as that takes.
"""

from __future__ import annotations

import http.client
import struct
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FLAGS = ["--enable-feature=native-histograms", "--web.enable-remote-write-receiver"]


def write_histograms(
    url: str, labels: Mapping[str, str], samples: Sequence[tuple[int, Sequence[int]]], schema: int
) -> None:
    """Send one series: for each instant (unix seconds) the counts of the buckets from index 0 on."""
    series = b"".join(_message(1, _text(1, name) + _text(2, value)) for name, value in sorted(labels.items()))
    for at, counts in samples:
        deltas = [now - before for now, before in zip(counts, [0, *counts[:-1]], strict=True)]
        histogram = (
            _number(1, sum(counts))
            + _double(3, float(sum(counts)))
            + _number(4, _zigzag(schema))
            + _double(5, 0.001)
            + _message(11, _number(1, 0) + _number(2, len(counts)))
            + _message(12, b"".join(_varint(_zigzag(delta)) for delta in deltas))
            + _number(15, at * 1000)
        )
        series += _message(4, histogram)
    connection = http.client.HTTPConnection(urlsplit(url).netloc)
    headers = {"Content-Encoding": "snappy", "Content-Type": "application/x-protobuf"}
    connection.request("POST", urlsplit(url).path + "/api/v1/write", _snappy(_message(1, series)), headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    assert answer.status == 204, body


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _zigzag(value: int) -> int:
    return value * 2 if value >= 0 else -value * 2 - 1


def _number(tag: int, value: int) -> bytes:
    return _varint(tag << 3) + _varint(value)


def _double(tag: int, value: float) -> bytes:
    return _varint(tag << 3 | 1) + struct.pack("<d", value)


def _message(tag: int, content: bytes) -> bytes:
    return _varint(tag << 3 | 2) + _varint(len(content)) + content


def _text(tag: int, value: str) -> bytes:
    return _message(tag, value.encode())


def _snappy(data: bytes) -> bytes:
    chunks = [data[start : start + 60] for start in range(0, len(data), 60)]
    return _varint(len(data)) + b"".join(bytes([len(chunk) - 1 << 2]) + chunk for chunk in chunks)
