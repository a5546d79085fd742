"""A closed-loop load: persistent connections that each send a request as soon as the last is answered. Plain sockets.

All of it runs in one thread of one process (`python -m tests.bench.load`, one JSON plan on stdin), so that it takes
little from the cores that the server needs; `/nothing/` of the bare application shows how little.
"""

from __future__ import annotations

import json
import selectors
import socket
import sys
import time
from collections import Counter
from collections.abc import Iterator
from itertools import cycle
from typing import Any

CHUNK = 1 << 18
LENGTH = b"content-length:"
BAD = 400
PATIENCE = 120  # seconds, until the slowest client has one answer


class Client:
    """One connection: its requests in turn, and how long each took."""

    def __init__(self, address: tuple[str, int], requests: list[str]) -> None:
        self.socket = socket.create_connection(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.requests: Iterator[bytes] = cycle([request.encode() for request in requests])
        self.answer, self.length, self.sent = b"", 0, 0.0
        self.times: list[float] = []  # milliseconds

    def ask(self) -> None:
        """Send the next request."""
        self.answer, self.length, self.sent = b"", 0, time.perf_counter()
        self.socket.sendall(next(self.requests))

    def take(self) -> int:
        """Take what has come; return the status when the answer is whole, else 0."""
        came = self.socket.recv(CHUNK)
        if not came:
            raise ConnectionError(f"the server hung up after {self.answer[:200]!r}")
        self.answer += came
        if not self.length:
            end = self.answer.find(b"\r\n\r\n")
            if end < 0:
                return 0
            head = self.answer[:end].lower()
            at = head.index(LENGTH) + len(LENGTH)
            self.length = end + 4 + int(head[at:].split(b"\r", 1)[0])
        return int(self.answer[9:12]) if len(self.answer) >= self.length else 0


def load(host: str, port: int, clients: list[list[str]], seconds: float, warm: int) -> dict[str, Any]:
    """Let every client ask for `seconds`; after `warm` answers each, take the times (milliseconds)."""
    poll = selectors.DefaultSelector()
    known = [Client((host, port), requests) for requests in clients]
    for client in known:
        poll.register(client.socket, selectors.EVENT_READ, client)
        client.ask()
    statuses: Counter[int] = Counter()
    answered, begun, busy = 0, 0.0, time.process_time()
    until, last = time.perf_counter() + 10 * seconds, time.perf_counter() + PATIENCE
    while (now := time.perf_counter()) < until or (now < last and not all(client.times for client in known)):
        for key, _ in poll.select(1):
            client: Client = key.data
            status = client.take()
            if not status:
                continue
            now = time.perf_counter()
            answered += 1
            statuses[status] += 1
            if answered == warm * len(known):
                begun, until, busy = now, now + seconds, time.process_time()
            elif begun:
                client.times.append((now - client.sent) * 1000)
            client.ask()
    spent = time.perf_counter() - begun
    for client in known:
        client.socket.close()
    bad = sum(count for status, count in statuses.items() if status >= BAD or status // 100 == 3)  # 3xx: sent away
    answers = sum(len(client.times) for client in known)
    rate, own = answers / spent, (time.process_time() - busy) / spent
    at = {f"p{share}": quantile([client.times for client in known], share / 100) for share in (50, 95)}
    return {**at, "rate": rate, "answers": answers, "bad": bad, "own": own}


def quantile(clients: list[list[float]], share: float) -> float:
    """Return the time within which this share of the answers came, where each client weighs the same.

    Whose pages are slow asks less often: counted by answers, the others would hide him.
    """
    told = sorted((time_, 1 / len(times)) for times in clients for time_ in times)
    whole, passed = sum(weight for _, weight in told), 0.0
    for time_, weight in told:
        passed += weight
        if passed >= share * whole:
            return time_
    return 0.0


if __name__ == "__main__":
    print(json.dumps(load(**json.load(sys.stdin))))
