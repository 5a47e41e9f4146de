"""Write ``.env`` from ``.env.example`` with fresh random secrets; ``make env`` runs it.

It never touches a ``.env`` that exists: the volumes of a running stack know its secrets.
"""

from __future__ import annotations

import base64
import secrets
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
MAKERS = {
    "<secret>": lambda: secrets.token_hex(24),
    "<fernet>": lambda: base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
}


def filled(example: str) -> str:
    """The example with a value of its own for each placeholder, comments as they are."""
    lines = []
    for line in example.splitlines():
        name, equals, value = line.partition("=")
        known = equals and not line.startswith("#") and value in MAKERS
        lines.append(f"{name}={MAKERS[value]()}" if known else line)
    return "\n".join(lines) + "\n"


def main(folder: Path) -> int:
    written = folder / ".env"
    try:
        written.touch(0o600, exist_ok=False)
    except FileExistsError:
        print(
            f"{written} exists and its secrets are those of your volumes; "
            "remove it first if you want new ones",
            file=sys.stderr,
        )
        return 1
    written.write_text(filled((ROOT / ".env.example").read_text("utf-8")), "utf-8")
    print(f"{written} written")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT))
