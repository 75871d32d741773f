"""What the environment and the machine say must not reach a result."""

import os
import subprocess
import sys

import pytest

from lib.paths import ROOT

TRAINING = """
import hashlib
from lib import hardware
hardware.configure(instruction_set={instruction_set!r}, threads={threads})
import keras, numpy as np
from lib import models
from lib.training.batches import Examples, FromPixels
from lib.training.stage import Adam
generator = np.random.default_rng(1)
images = generator.integers(0, 256, (16, 32, 32, 1)).astype(np.uint8)
examples = Examples([images], np.arange(16), np.arange(16) % 3, 3)
network = models.build("covidnet", 32, pepx="as_described", pepx_blocks=(1, 1, 1, 1))
trained = FromPixels(network)
trained.compile(Adam(1e-3), keras.losses.CategoricalCrossentropy())
trained.fit(examples.shuffled(16, seed=1, epoch=1), shuffle=False, verbose=0)
digest = hashlib.sha256()
for variable in network.weights:
    digest.update(variable.numpy().tobytes())
digest.update(np.log(generator.random(1000)).tobytes())
digest.update((generator.random((200, 300)) @ generator.random(300)).tobytes())
print(digest.hexdigest())
"""

OTHERWISE = {
    **{"ONEDNN_MAX_CPU_ISA": "SSE41", "TF_ENABLE_ONEDNN_OPTS": "0", "TF_NUM_INTRAOP_THREADS": "2"},
    **{"TF_NUM_INTEROP_THREADS": "2", "OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"},
    **{"OPENBLAS_CORETYPE": "Nehalem", "NPY_DISABLE_CPU_FEATURES": "X86_V3"},
    **{"PYTHONHASHSEED": "7", "LC_ALL": "C", "TZ": "Asia/Tokyo"},
}


def trained(environment, instruction_set="avx2", threads=1):
    """Digest of a network's weights after one step, and of sums and logarithms of NumPy's, in a process of its own."""
    code = TRAINING.format(instruction_set=instruction_set, threads=threads)
    kept = {name: value for name, value in os.environ.items() if name not in OTHERWISE}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=kept | environment, capture_output=True, text=True, check=True
    )
    return done.stdout.split()[-1]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernels are those of x86-64 on Linux")
def test_the_environment_s_kernels_threads_hash_seed_locale_and_time_zone_do_not_reach_a_result():
    digest = trained({})
    assert trained(OTHERWISE) == digest
    # The test sees what it is about: with the same environment, and only that told otherwise, the digest is another
    assert trained({"ONEDNN_MAX_CPU_ISA": "SSE41"}, instruction_set="native") != digest
