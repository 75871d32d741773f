"""Executes one notebook with papermill: checked parameters, tidy output, the partly executed notebook kept on failure.

python -m workflow.execute notebooks/04_experiment.ipynb results/demo/notebooks/04_experiment-RN4.ipynb --values '{...}'
"""

import argparse
import contextlib
import io
import json
import os
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

# None stands for "not installed". jsonschema, which checks notebooks, would compile this module's grammar of web
# addresses, for a format that notebooks do not have: 1.5 s of each process.
sys.modules.setdefault("rfc3987_syntax", None)

import papermill  # noqa: E402
from nbclient.exceptions import DeadKernelError  # noqa: E402
from papermill.exceptions import PapermillExecutionError  # noqa: E402

from lib import params, paths  # noqa: E402
from lib.files import STEP, replacing  # noqa: E402
from lib.hardware import native_stderr_in  # noqa: E402
from workflow import DONE, FRONT, STARTED, labelled  # noqa: E402


class NotebookFailed(RuntimeError):
    """A cell raised; the message says which, why, and where the partly executed notebook lies."""


def execute(notebook: Path, output: Path, values: dict[str, Any], label: str) -> None:
    """Runs a notebook, shows what its cells print, and writes it, executed, to `output`.

    Args:
        notebook: one of notebooks/, with a `parameters` cell.
        output: where the executed notebook goes; it appears only when every cell has run. If one fails, what ran is
            kept beside it as `<name>.failed.ipynb`.
        values: parameters; every key must be listed in the notebook's `parameters` cell.
        label: stands before each line of the log, since several notebooks may run at once.

    Raises:
        lib.params.ParameterError: no `parameters` cell, or a key that it does not list.
        NotebookFailed: a cell failed.
    """
    unlisted = sorted(set(values) - set(params.listed_in(notebook)))
    if unlisted:
        raise params.ParameterError(f"{paths.show(notebook)}: its parameters cell does not list {', '.join(unlisted)}")
    failed = output.with_suffix(".failed.ipynb")
    terminal, began = _Terminal(label), time.monotonic()
    terminal.write(STARTED)
    native = output.parent.parent / "logs" / f"{output.stem}.log"
    native.parent.mkdir(parents=True, exist_ok=True)
    with replacing(output) as temporary, native_stderr_in(native):
        try:
            papermill.execute_notebook(
                notebook, temporary, parameters=dict(sorted(values.items())), kernel_name="python3", progress_bar=False,
                stdout_file=terminal, stderr_file=terminal,
            )  # fmt: skip
        except (DeadKernelError, PapermillExecutionError) as error:
            shutil.copyfile(temporary, failed)
            reason = "the kernel died; it may have run out of memory (lower batch_size, image_size or JOBS)\n"
            reason += f"Its last words are in {paths.show(native)}"
            if isinstance(error, PapermillExecutionError):
                begins = error.source.strip().partition("\n")[0]
                reason = f"cell {error.cell_index} (In [{error.exec_count}]), which begins `{begins}`, failed\n"
                reason += f"{error.ename}: {error.evalue}"
            raise NotebookFailed(f"{label}: {reason}\nWhat ran is kept in {paths.show(failed)}") from None
    failed.unlink(missing_ok=True)
    minutes, seconds = divmod(round(time.monotonic() - began), 60)
    terminal.write(f"{DONE}{minutes}:{seconds:02}")


class _Terminal(io.TextIOBase):
    """Prints what cells print, line by line, with the time and the notebook's label; of a progress bar only the end."""

    def __init__(self, label: str):
        self.label = label

    def write(self, text: str) -> int:
        for line in text.replace("\r", "\n").splitlines():
            if line.strip() and ("%|" not in line or "100%|" in line):
                print(f"{time.strftime('%H:%M:%S')}  {self.label:<14} {line}", flush=True)
        return len(text)


def end_with_the_front_door() -> None:
    """Ends this process, and with it the kernel, once the front door that asked for it is gone, however it went."""
    front = int(os.environ.get(FRONT, 0))

    def watch() -> None:
        with contextlib.suppress(ProcessLookupError):
            while True:
                os.kill(front, 0)  # asks whether it is there
                time.sleep(1)
        os._exit(1)

    if front:
        threading.Thread(target=watch, daemon=True).start()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("notebook", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--values", default="{}", help="parameters as JSON")
    arguments = parser.parse_args()
    os.environ[STEP] = arguments.output.stem
    end_with_the_front_door()
    # What a user has set for other work must not reach the notebooks: pictures elsewhere, other looks, other kernels
    os.environ |= {"MPLBACKEND": "module://matplotlib_inline.backend_inline", "MATPLOTLIBRC": os.devnull}
    os.environ |= {"JUPYTER_PATH": "", "JUPYTER_PREFER_ENV_PATH": "1"}
    label = labelled(arguments.output.stem)
    try:
        with tempfile.TemporaryDirectory() as os.environ["IPYTHONDIR"]:
            execute(arguments.notebook, arguments.output, json.loads(arguments.values), label)
    except (NotebookFailed, params.ParameterError, OSError) as error:
        print(f"\n{error}\n", flush=True)  # not where Snakemake tells at length that a step failed
        sys.exit(1)


if __name__ == "__main__":
    main()
