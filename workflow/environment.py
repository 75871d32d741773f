"""Writes environment.yml for conda users: the lock file's versions, as pip requirements without hashes.

python -m workflow.environment
"""

import re
from pathlib import Path

from lib.files import write_text
from lib.paths import ROOT

HEADER = """\
# For conda users: the same versions as requirements.lock (made by `make lock`; a test compares them).
#   conda env create -f environment.yml && conda activate companion
name: companion
channels: [conda-forge]
dependencies:
  - python=3.12
  - make
  - pip
  - pip:
"""


def pins(lock: Path) -> list[str]:
    """`name==version` and its marker, if any, for each requirement of a lock file, in its order."""
    lines = lock.read_text(encoding="utf-8").splitlines()
    found = [re.match(r"([A-Za-z0-9_.\[\],-]+==[^\s;\\]+)\s*(;[^\\]*)?", line) for line in lines]
    return [match[1] + (f" {match[2].strip()}" if match[2] else "") for match in found if match]


def environment(lock: Path) -> str:
    """The text of environment.yml. The project itself is installed in place, last."""
    listed = [f'      - "{pin}"' for pin in pins(lock)]
    return HEADER + "\n".join([*listed, '      - "--editable ."', ""])


def main() -> None:
    write_text(ROOT / "environment.yml", environment(ROOT / "requirements.lock"))


if __name__ == "__main__":
    main()
