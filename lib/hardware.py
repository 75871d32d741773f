"""Settings of the machine: CPU threads, kernels, precision, determinism, devices.

Call `configure` before anything imports keras or tensorflow: some of these settings are read when TensorFlow is loaded.
"""

import os
import platform
import sys
from typing import Any


def configure(
    *,
    seed: int = 1,
    threads: int = 0,
    deterministic: bool = True,
    onednn: bool = True,
    precision: str = "float32",
) -> None:
    """Sets TensorFlow up for one notebook.

    Args:
        seed: of Python's, NumPy's and Keras's generators.
        threads: of one operation on the CPU; 0 leaves what TF_NUM_INTRAOP_THREADS says (the DAG sets it), or
            TensorFlow's choice.
        deterministic: equal inputs give equal bits, at some cost on GPUs.
        onednn: use oneDNN's CPU kernels. TensorFlow leaves them off on CPUs without AVX-512, where its own
            convolution gradients are several times slower.
        precision: Keras's dtype policy.

    Raises:
        RuntimeError: TensorFlow was already loaded, with other kernels.
    """
    wanted = "1" if onednn else "0"
    if "tensorflow" in sys.modules and os.environ.get("TF_ENABLE_ONEDNN_OPTS") != wanted:
        raise RuntimeError(
            f"TensorFlow was loaded before hardware.configure(onednn={onednn}); restart the kernel and run from the top"
        )
    os.environ["TF_ENABLE_ONEDNN_OPTS"] = wanted
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    if threads:
        os.environ["TF_NUM_INTRAOP_THREADS"] = str(threads)
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(seed)
    keras.config.set_dtype_policy(precision)
    if deterministic:
        tf.config.experimental.enable_op_determinism()


def strategy(name: str = "auto"):
    """How training is spread over devices.

    Args:
        name: "one_device"; "mirrored" over all visible GPUs; "auto" mirrors where there are several.

    Returns:
        A `tf.distribute.Strategy`; build and compile the model in its `scope()`.
    """
    import tensorflow as tf

    gpus = tf.config.list_logical_devices("GPU")
    if name == "mirrored" or (name == "auto" and len(gpus) > 1):
        return tf.distribute.MirroredStrategy([device.name for device in gpus] or None)
    return (
        tf.distribute.OneDeviceStrategy(gpus[0].name) if name == "one_device" and gpus else tf.distribute.get_strategy()
    )


def describe() -> dict[str, Any]:
    """Machine and library versions, for the provenance file."""
    import keras
    import tensorflow as tf

    details = [tf.config.experimental.get_device_details(gpu) for gpu in tf.config.list_physical_devices("GPU")]
    return {
        "machine": platform.machine(),
        "cpu_cores": os.cpu_count(),
        "threads": os.environ.get("TF_NUM_INTRAOP_THREADS", "TensorFlow's choice"),
        "onednn": os.environ.get("TF_ENABLE_ONEDNN_OPTS") == "1",
        "gpus": [detail.get("device_name", "GPU") for detail in details],
        "precision": keras.config.dtype_policy().name,
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "python": platform.python_version(),
    }
