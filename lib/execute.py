"""Executes one notebook with papermill: checked parameters, tidy log, the partly executed notebook kept on failure.

python -m lib.execute notebooks/04_experiment.ipynb results/demo/notebooks/04_experiment-RN4.ipynb --values '{...}'
"""

import argparse
import json
import logging
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import papermill
from nbclient.exceptions import DeadKernelError
from papermill.exceptions import PapermillExecutionError

from lib import params
from lib.files import replacing

log = logging.getLogger(__name__)


class NotebookFailed(RuntimeError):
    """A cell raised; the message says which, why, and where the partly executed notebook lies."""


def execute(notebook: Path, output: Path, values: dict[str, Any], label: str) -> None:
    """Runs a notebook and writes it, executed, to `output`.

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
        raise params.ParameterError(f"{params.show(notebook)}: its parameters cell does not list {', '.join(unlisted)}")
    failed = output.with_suffix(".failed.ipynb")
    _log_to_terminal(label)
    native = output.parent.parent / "logs" / f"{output.stem}.log"
    with replacing(output) as temporary, _native_stderr_in(native):
        try:
            papermill.execute_notebook(
                notebook, temporary, parameters=values, kernel_name="python3", progress_bar=False, log_output=True
            )
        except DeadKernelError:
            shutil.copyfile(temporary, failed)
            raise NotebookFailed(
                f"{label}: the kernel died; it may have run out of memory (lower batch_size, image_size or JOBS)\n"
                f"Its last words are in {params.show(native)}, what ran is kept in {params.show(failed)}"
            ) from None
        except PapermillExecutionError as error:
            shutil.copyfile(temporary, failed)
            cell = f"cell {error.cell_index} (In [{error.exec_count}])"
            source = error.source.strip().splitlines()
            where = f"{label}: {cell}, which begins `{source[0] if source else ''}`, failed"
            raise NotebookFailed(
                f"{where}\n{error.ename}: {error.evalue}\nWhat ran is kept in {params.show(failed)}"
            ) from None
    failed.unlink(missing_ok=True)


@contextmanager
def _native_stderr_in(file: Path) -> Iterator[None]:
    """Sends file descriptor 2, the kernel's included, to a file: libraries write there past Python's logging."""
    file.parent.mkdir(parents=True, exist_ok=True)
    sys.stderr.flush()
    kept = os.dup(2)
    with file.open("wb") as log_file:
        try:
            os.dup2(log_file.fileno(), 2)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)


class _CellOutput(logging.Filter):
    """Lets through what cells print, without blank lines and papermill's own bookkeeping."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = record.getMessage().strip("\n"), ()
        bookkeeping = record.name != "papermill" or record.funcName in {"execute_notebook", "parameterize_notebook"}
        return (
            bool(record.msg.strip())
            and (record.levelno >= logging.WARNING or not bookkeeping)
            and not (
                record.msg.startswith(("Executing Cell", "Ending Cell", "<IPython", "<Figure", "Executing notebook"))
            )
        )


def _log_to_terminal(label: str) -> None:
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter(f"%(asctime)s  {label:<14} %(message)s", "%H:%M:%S"))
    handler.addFilter(_CellOutput())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("traitlets").setLevel(logging.ERROR)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("notebook", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--values", default="{}", help="parameters as JSON")
    arguments = parser.parse_args()
    label = arguments.output.stem.replace("_experiment", "").replace("_pretraining", "")
    try:
        execute(arguments.notebook, arguments.output, json.loads(arguments.values), label)
    except (NotebookFailed, params.ParameterError) as error:
        sys.exit(f"\n{error}\n")


if __name__ == "__main__":
    main()
