"""Hosts of their own on one machine: network namespaces on a switch, each at the end of a line.

A line is a pair of TAP devices, between which this process carries every frame. So it can be slow,
lose frames, or be out, on kernels without `netem` as well. Needs root.
"""

from __future__ import annotations

import fcntl
import heapq
import itertools
import os
import random
import selectors
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from tests.support.missing import missing

NETWORK = "10.213.77"
_HERE = f"{NETWORK}.254"
_SET_INTERFACE, _TAP, _NO_HEADER = 0x400454CA, 0x0002, 0x1000
_FRAME_BYTES = 65_536


class Line:
    """Carries frames between two TAP devices; what it is like may change at any time.

    Attributes:
        delay_s: of each frame, in each direction.
        loss: share of frames that never arrive.
        is_out: nothing arrives.
    """

    def __init__(self, near: str, far: str) -> None:
        self.delay_s = 0.0
        self.loss = 0.0
        self.is_out = False
        self.frames = 0
        self.lost = 0
        self._ends = (_tap(near), _tap(far))
        self._random = random.Random(near)
        self._number = itertools.count()
        self._under_way: list[tuple[float, int, int, bytes]] = []
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._carry, name=f"line {near}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._is_over.set()
        self._thread.join(5)
        for end in self._ends:
            os.close(end)

    def _carry(self) -> None:
        with selectors.DefaultSelector() as selector:
            for end, other in (self._ends, self._ends[::-1]):
                selector.register(end, selectors.EVENT_READ, other)
            while not self._is_over.is_set():
                due_s = self._under_way[0][0] - time.monotonic() if self._under_way else 0.2
                for key, _ in selector.select(max(0.0, min(due_s, 0.2))):
                    self._take(key.fd, int(key.data))
                while self._under_way and self._under_way[0][0] <= time.monotonic():
                    _, _, target, frame = heapq.heappop(self._under_way)
                    with suppress(OSError):  # its host has just gone
                        os.write(target, frame)

    def _take(self, source: int, target: int) -> None:
        with suppress(OSError):
            while True:
                frame = os.read(source, _FRAME_BYTES)
                self.frames += 1
                if self.is_out or self._random.random() < self.loss:
                    self.lost += 1
                    continue
                due = time.monotonic() + self.delay_s
                heapq.heappush(self._under_way, (due, next(self._number), target, frame))


class Host:
    """A network namespace with one address."""

    def __init__(self, name: str, address: str, line: Line) -> None:
        self.name = name
        self.address = address
        self.line = line

    @property
    def prefix(self) -> tuple[str, ...]:
        """What stands before a command that runs there."""
        return ("ip", "netns", "exec", self.name)


@contextmanager
def switched_hosts(count: int) -> Iterator[list[Host]]:
    """Hosts that reach each other, and are reached from here; all is removed afterwards.

    Skips the test where that is not allowed.
    """
    mark = f"fp{os.getpid() % 100_000}"
    switch = f"{mark}sw"
    hosts: list[Host] = []
    try:
        _add_switch(switch, f"{mark}up")
        for number in range(1, count + 1):
            hosts.append(_host(f"{mark}h{number}", f"{NETWORK}.{number}", switch))
        yield hosts
    finally:
        for host in hosts:
            host.line.close()
            _ip("netns", "delete", host.name, check=False)
        _ip("link", "delete", f"{mark}up", check=False)
        _ip("netns", "delete", switch, check=False)


def _add_switch(switch: str, uplink: str) -> None:
    """The switch, in a namespace of its own, with an uplink to here."""
    if os.geteuid():
        pytest.skip("network namespaces are made by root")  # in CI, too: it may be somebody else
    try:
        _ip("netns", "add", switch)
    except (OSError, subprocess.CalledProcessError) as error:
        missing(f"network namespaces cannot be made here: {error}")
    if not os.path.exists("/dev/net/tun"):  # noqa: PTH110  # a device
        missing("there is no /dev/net/tun")
    _ip("-n", switch, "link", "add", "br0", "type", "bridge", "forward_delay", "0")
    _ip("-n", switch, "link", "set", "br0", "up")
    _ip("link", "add", uplink, "type", "veth", "peer", "name", "uplink", "netns", switch)
    _ip("-n", switch, "link", "set", "uplink", "master", "br0", "up")
    _ip("address", "add", f"{_HERE}/24", "dev", uplink)
    _ip("link", "set", uplink, "up")


def _host(name: str, address: str, switch: str) -> Host:
    line = Line(f"{name}a", f"{name}b")
    _ip("netns", "add", name)
    _ip("link", "set", f"{name}a", "netns", name)
    _ip("link", "set", f"{name}b", "netns", switch)
    _ip("-n", name, "link", "set", "lo", "up")
    _ip("-n", name, "address", "add", f"{address}/24", "dev", f"{name}a")
    _ip("-n", name, "link", "set", f"{name}a", "up")
    _ip("-n", switch, "link", "set", f"{name}b", "master", "br0", "up")
    return Host(name, address, line)


def _tap(name: str) -> int:
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    request = struct.pack("16sH22x", name.encode(), _TAP | _NO_HEADER)
    fcntl.ioctl(descriptor, _SET_INTERFACE, request)
    return descriptor


def _ip(*arguments: str, check: bool = True) -> None:
    subprocess.run(["ip", *arguments], check=check, capture_output=True)
