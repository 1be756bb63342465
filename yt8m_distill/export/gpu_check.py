"""An export tried on a GPU, where there is one."""

import dataclasses
import time

import numpy as np
import tensorflow as tf

from yt8m_distill.export.random_videos import random_videos


@dataclasses.dataclass(frozen=True)
class DeviceReport:
    """An export on a device.

    Attributes:
      device: such as "GPU:0".
      load_seconds: until it is loaded.
      milliseconds: of a batch, the median of several after the first.
      videos, frames: of the batch.
      peak_bytes: most memory that TensorFlow held there, weights included; None where it does not count (CPUs).
      difference: largest difference of predictions to those on the CPU.
    """

    device: str
    load_seconds: float
    milliseconds: float
    videos: int
    frames: int
    peak_bytes: int | None
    difference: float

    def summary(self):
        """One line."""
        memory = "" if self.peak_bytes is None else f", at most {self.peak_bytes / 2**20:,.0f} MiB of its memory"
        return (
            f"on {self.device}: loaded in {self.load_seconds:.1f} s, {self.milliseconds:.1f} ms a batch of "
            f"{self.videos} videos x {self.frames} frames{memory}; largest difference to the CPU's predictions "
            f"{self.difference:.1e}"
        )


def check_on_gpu(directory, spec, videos=16):
    """Loads an export on the first GPU and runs it there.

    Args:
      directory: of a SavedModel with the signature `features`.
      spec: FeatureSpec of that signature.
      videos: of the batch.

    Returns:
      (DeviceReport or None, a line that says what came of it or why nothing was done).
    """
    if not tf.config.list_physical_devices("GPU"):
        return None, "on a GPU: not tried, none is visible"
    report = check_on_device(directory, spec, "GPU:0", videos)
    return report, report.summary()


def check_on_device(directory, spec, device, videos=16, batches=5):
    """Loads an export on a device, runs it there, and compares its predictions with the CPU's.

    Args:
      directory: of a SavedModel with the signature `features`.
      spec: FeatureSpec of that signature.
      device: such as "GPU:0".
      videos: of a batch of random features.
      batches: timed after the first.

    Returns:
      DeviceReport.
    """
    inputs = random_videos(np.random.default_rng(0), spec, videos, spec.frame_limit)
    inputs = tf.nest.map_structure(tf.constant, inputs)
    with tf.device("CPU:0"):
        expected = _predictor(directory)(inputs)
    _reset_peak(device)
    with tf.device(device):
        start = time.perf_counter()
        predict = _predictor(directory)
        load_seconds = time.perf_counter() - start
        predictions, times = predict(inputs), [_seconds(predict, inputs) for _ in range(batches)]
    return DeviceReport(
        device=device,
        load_seconds=load_seconds,
        milliseconds=1000 * float(np.median(times)),
        videos=videos,
        frames=spec.frame_limit if spec.has_frames else 0,
        peak_bytes=_peak_bytes(device),
        difference=float(np.abs(predictions - expected).max()),
    )


def _predictor(directory):
    loaded = tf.saved_model.load(directory)
    signature = loaded.signatures["features"]
    # `loaded` goes along: a signature alone does not keep its variables.
    return lambda inputs, _=loaded: signature(**inputs)["predictions"].numpy()


def _seconds(predict, inputs):
    start = time.perf_counter()
    predict(inputs)
    return time.perf_counter() - start


def _reset_peak(device):
    if device.startswith("GPU"):
        tf.config.experimental.reset_memory_stats(device)


def _peak_bytes(device):
    return tf.config.experimental.get_memory_info(device)["peak"] if device.startswith("GPU") else None
