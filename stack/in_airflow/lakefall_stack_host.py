"""Who a process of the stack is: several workers on one machine tell themselves apart by it."""

from __future__ import annotations

import os
import socket


def name() -> str:
    """What Airflow shows as the host of a task."""
    return os.environ.get("STACK_HOST") or socket.gethostname()
