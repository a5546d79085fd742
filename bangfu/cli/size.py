"""How many requests a worker of the server takes at once."""

from __future__ import annotations

THREADS = 8  # of a worker: what waits for the database; more do not help two cores
BACKLOG = 64
