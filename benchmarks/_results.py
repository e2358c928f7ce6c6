"""Where a benchmark leaves its numbers; scripts here put this folder on their path by being run from it."""

import json
from pathlib import Path

from femristor.core.io.files import atomic_write


def write_result(script: str, payload: dict) -> None:
    """Write results/<script's name>.json, replaced only when all is written."""
    result = Path(script).parent / "results" / f"{Path(script).stem}.json"
    result.parent.mkdir(exist_ok=True)
    with atomic_write(result) as stream:
        stream.write(json.dumps(payload, indent=2) + "\n")
    print(f"written: {result.name}")
