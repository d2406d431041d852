"""A cold start: import, load and the first 16 images, in a fresh process.

python measure_start.py DECODER.onnx
KERAS_BACKEND=jax python measure_start.py PRESET
"""

import sys
import time

BEGIN = time.perf_counter()

# The imports are what is measured.
if sys.argv[1].endswith(".onnx"):
    import export

    sampler = export.Sampler(sys.argv[1])
else:
    import zoo

    sampler = zoo.from_preset(sys.argv[1])
sampler.sample(16, seed=0)
SECONDS = time.perf_counter() - BEGIN

if __name__ == "__main__":
    import common

    common.print_result({"seconds": SECONDS})
