"""A SavedModel in a process with TensorFlow alone: `measured` starts it, as a script this file is it.

python -I plain_tensorflow.py FOLDER VIDEOSxFRAMES REPEATS
"""

import json
import statistics
import subprocess
import sys
import time


def measured(folder, shape, repeats):
    """Loads and calls a SavedModel in a process of its own, in which neither Keras nor this project can be imported.

    Args:
      folder: of the SavedModel.
      shape: "80x300" for calls with 80 videos of 300 frames.
      repeats: calls that are timed, after one that is not.

    Returns:
      {"load_seconds", "loaded_mb": by how much the resident memory has grown then, "peak_mb": at most until then,
      "called_mb": after the calls, "videos_per_second": median}; MB are 10**6 bytes.
    """
    arguments = [sys.executable, "-I", __file__, str(folder), shape, str(repeats)]
    process = subprocess.run(arguments, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(process.stdout.splitlines()[-1])


def random_inputs(signature, shape):
    """Inputs of the names and dtypes of a `features` signature for "VIDEOSxFRAMES"."""
    import tensorflow as tf

    videos, frames = map(int, shape.split("x"))
    inputs = {}
    for name, spec in signature.structured_input_signature[1].items():
        if name == "num_frames":
            inputs[name] = tf.fill([videos], frames)
            continue
        size = [videos, frames, spec.shape[-1]] if spec.dtype == tf.uint8 else [videos, spec.shape[-1]]
        inputs[name] = tf.cast(tf.random.uniform(size, maxval=256, dtype=tf.int32), spec.dtype)
    return inputs


def _megabytes(field):
    """A field of this process's status, in 10**6 bytes."""
    with open("/proc/self/status", encoding="ascii") as file:
        return next(int(line.split()[1]) * 1024 / 1e6 for line in file if line.startswith(field))


def _measure(folder, shape, repeats):
    import tensorflow as tf

    before, start = _megabytes("VmRSS"), time.perf_counter()
    features = tf.saved_model.load(folder).signatures["features"]
    result = {"load_seconds": round(time.perf_counter() - start, 2)}
    result |= {"loaded_mb": round(_megabytes("VmRSS") - before), "peak_mb": round(_megabytes("VmHWM") - before)}
    inputs, times = random_inputs(features, shape), []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        features(**inputs)["predictions"].numpy()
        times.append(time.perf_counter() - start)
    videos = int(shape.split("x")[0])
    result["videos_per_second"] = round(videos / statistics.median(times[1:]), 2)
    return result | {"called_mb": round(_megabytes("VmRSS") - before)}


if __name__ == "__main__":
    for module in ("keras", "tf_keras", "yt8m_distill"):
        sys.modules[module] = None  # an import of it raises
    print(json.dumps(_measure(sys.argv[1], sys.argv[2], int(sys.argv[3]))))
