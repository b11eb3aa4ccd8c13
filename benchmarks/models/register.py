"""Write size and checksum of each model in models/ into the registry of hwsk.

    python -m benchmarks.models.register

Run it after a model was trained again; scores are written by hand, with the card.
"""

import re
from pathlib import Path

from hwsk._download import file_digest

ROOT = Path(__file__).parents[2]
REGISTRY = ROOT / "hwsk" / "models" / "registry.toml"


def register(text: str, folder: Path) -> str:
    """Return the registry with the sizes and checksums of the files in a folder."""
    parts = re.split(r"^(?=\[)", text, flags=re.MULTILINE)
    for i, part in enumerate(parts):
        if name := re.match(r"\[(.+)\]", part):
            file = folder / f"{name[1]}.hwsk"
            part = re.sub(r"(?m)^size = .*$", f"size = {file.stat().st_size}", part)
            parts[i] = re.sub(r"(?m)^sha256 = .*$", f'sha256 = "{file_digest(file)}"', part)
    return "".join(parts)


if __name__ == "__main__":
    REGISTRY.write_text(register(REGISTRY.read_text("utf-8"), ROOT / "models"), "utf-8")
