"""`make clean`: deletes what a run made, and nothing else. RUN=demo

python -m workflow.clean --run demo
"""

import argparse
import os
import sys
from pathlib import Path

from filelock import FileLock, Timeout

from lib import files, params
from lib.files import SUMS
from lib.paths import RESERVED, Paths, show

UNSEALED = ("logs", "benchmarks", "checkpoints", "phantoms", ".lock", SUMS)
"""What a run makes in its folders without a checksum."""


def made_by(run: str) -> list[Path]:
    """The folders, or links, of a run that are there.

    Raises:
        lib.params.ParameterError: no run's name.
    """
    params.named(run, params.Run, "RUN")
    if run in RESERVED:
        raise params.ParameterError(
            f"RUN: found '{run}'; {', '.join(RESERVED)} are no runs, but what all of them share"
        )
    at = Paths(run)
    return [folder for folder in (at.results, at.figures, at.data) if os.path.lexists(folder)]


def foreign(at: Paths) -> list[Path]:
    """What lies in the run's folders and was not made by it, such as a download or somebody's notes."""
    found = []
    for folder in (folder for folder in (at.results, at.figures, at.data) if not folder.is_symlink()):
        for path in folder.rglob("*"):
            first = path.relative_to(folder).parts[0]
            ours = first in UNSEALED or path.name.endswith((".failed.ipynb", ".damaged"))
            if not ours and not path.is_dir() and not (folder / SUMS / path.relative_to(folder)).is_file():
                found.append(path)
    return sorted(found)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m workflow.clean", description=__doc__.splitlines()[0])
    parser.add_argument("--run", default=os.environ.get("RUN", ""), help="name of the run")
    run = parser.parse_args().run
    try:
        found, others = made_by(run), foreign(Paths(run))
        if not found:
            print(f"run {run}: nothing to delete")
            return
        print("\n".join([f"run {run}: deletes", *(f"  {show(folder)}" for folder in found)]))
        if others:
            more = [f"  and {len(others) - 20} more"] * (len(others) > 20)
            print("\n".join(["with what it did not make:", *(f"  {show(path)}" for path in others[:20]), *more]))
            if not sys.stdin.isatty() or input("Delete these, too? [y/N] ").strip().lower() not in ("y", "yes"):
                sys.exit("nothing deleted; move them elsewhere first")
        lock = Paths(run).results / ".lock"
        with FileLock(lock, timeout=0) if lock.is_file() else open(os.devnull):
            for folder in found:
                files.delete(folder)
    except Timeout:
        sys.exit(f"run {run} is being made by another process; nothing deleted")
    except (ValueError, OSError) as error:
        sys.exit(str(error))
    except (EOFError, KeyboardInterrupt):
        sys.exit("nothing deleted")


if __name__ == "__main__":
    main()
