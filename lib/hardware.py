"""Settings of the machine: instruction set and threads, precision, determinism, devices.

Call `configure` before anything imports keras or tensorflow: some of these settings are read when TensorFlow is loaded.
"""

import gc
import logging
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

BEYOND_AVX2 = "X86_V4 AVX512_ICL AVX512_SPR AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL"
"""NumPy's kernels for instructions that not every processor has; names that a version does not know are ignored."""


def pin(instruction_set: str = "avx2", threads: int = 1) -> None:
    """Fixes what rounding depends on in NumPy, its BLAS and oneDNN; call it before NumPy is imported.

    Sums are added up in another order by kernels for another instruction set, and by another number of threads, and a
    short training makes tens of points of a last digit. So what is pinned wins over the environment.

    Args:
        instruction_set: "avx2", which nearly all x86-64 processors have, or "native", all that this one has.
        threads: of the CPU; 0 leaves them to the libraries, which take all cores.
    """
    if instruction_set == "avx2":
        os.environ |= {"ONEDNN_MAX_CPU_ISA": "AVX2", "NPY_DISABLE_CPU_FEATURES": BEYOND_AVX2}
        os.environ["OPENBLAS_CORETYPE"] = "Haswell"
    if threads:
        os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))


def configure(
    *,
    seed: int = 1,
    deterministic: bool = True,
    precision: str = "float32",
    strategy: str = "one_device",
    instruction_set: str = "avx2",
    threads: int = 1,
) -> None:
    """Sets TensorFlow up for one notebook, and shows the library's progress lines under its cells.

    oneDNN's kernels are switched on, whatever the environment says: TensorFlow leaves them off on CPUs without AVX-512,
    where its own convolution gradients are several times slower.

    Args:
        seed: of Python's, NumPy's and Keras's generators.
        deterministic: equal inputs give equal bits, at some cost on GPUs.
        precision: Keras's dtype policy.
        strategy: how training is spread over devices: "one_device"; "mirrored" over all visible GPUs, which divide each
            batch among them; "auto" mirrors where there are several.
        instruction_set: as `pin` takes it.
        threads: likewise.

    Raises:
        RuntimeError: TensorFlow was loaded before, with other kernels.
    """
    if "tensorflow" in sys.modules and "TF_ENABLE_ONEDNN_OPTS" not in os.environ:
        raise RuntimeError("TensorFlow was loaded before hardware.configure; restart the kernel and run from the top")
    pin(instruction_set, threads)
    os.environ |= {"TF_ENABLE_ONEDNN_OPTS": "1", "KERAS_BACKEND": "tensorflow"}
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    with native_stderr_in(Path(os.devnull)), _garbage_kept():  # what the loader writes there cannot be turned off
        import keras
        import tensorflow as tf

        tf.config.list_physical_devices()
    for set_threads in (
        tf.config.threading.set_intra_op_parallelism_threads,
        tf.config.threading.set_inter_op_parallelism_threads,
    ):
        set_threads(threads)  # wins over TF_NUM_INTRAOP_THREADS and TF_NUM_INTEROP_THREADS
    keras.config.set_image_data_format("channels_last")  # a user's keras.json may say otherwise
    keras.config.set_floatx("float32")
    keras.utils.set_random_seed(seed)
    keras.config.set_dtype_policy(precision)
    if deterministic:
        tf.config.experimental.enable_op_determinism()
    gpus = [device.name for device in tf.config.list_logical_devices("GPU")]
    if not gpus:  # its rewriting of a training step takes seconds and makes no step faster on CPUs
        tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    if strategy == "mirrored" or (strategy == "auto" and len(gpus) > 1):
        tf.distribute.experimental_set_strategy(tf.distribute.MirroredStrategy(gpus or None))
    library = logging.getLogger("lib")
    library.setLevel(logging.INFO)
    library.handlers = [logging.StreamHandler(sys.stdout)]
    library.propagate = False


@contextmanager
def native_stderr_in(file: Path) -> Iterator[None]:
    """Sends file descriptor 2, child processes' included, to a file: libraries write there past Python's logging."""
    sys.stderr.flush()
    kept = os.dup(2)
    with file.open("wb") as target:
        try:
            os.dup2(target.fileno(), 2)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)


@contextmanager
def _garbage_kept() -> Iterator[None]:
    """No garbage collection meanwhile, nor later of what was made: TensorFlow's modules are half a million objects."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def machine() -> dict[str, Any]:
    """Processor, cores that this process may use, memory and GPUs of this machine."""
    import joblib  # not needed where TensorFlow is only configured

    cpu = platform.processor() or platform.machine()
    listed = Path("/proc/cpuinfo")
    if listed.is_file():
        found = re.search(r"^model name\s*:\s*(.+)$", listed.read_text(encoding="utf-8"), re.MULTILINE)
        cpu = found[1].strip() if found else cpu
    memory = None
    if "SC_PHYS_PAGES" in getattr(os, "sysconf_names", {}):
        memory = round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1)
    return {
        "system": platform.system(),
        "processor": cpu,
        "cores": joblib.cpu_count(),
        "memory_gb": memory,
        "gpus": _gpus(),
    }


def _gpus() -> list[str]:
    if shutil.which("nvidia-smi") is None:
        return []
    command = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip().splitlines() if done.returncode == 0 else []


def describe() -> dict[str, Any]:
    """Machine and library versions, for the provenance file."""
    import keras
    import tensorflow as tf

    details = [tf.config.experimental.get_device_details(gpu) for gpu in tf.config.list_physical_devices("GPU")]
    return {
        "machine": platform.machine(),
        "cpu_cores": os.cpu_count(),
        "threads": tf.config.threading.get_intra_op_parallelism_threads() or "all cores",
        "instruction_set": os.environ.get("ONEDNN_MAX_CPU_ISA", "native").lower(),
        "gpus": [detail.get("device_name", "GPU") for detail in details],
        "precision": keras.config.dtype_policy().name,
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "python": platform.python_version(),
    }
