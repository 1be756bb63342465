import pytest
import tensorflow as tf
from made_runs import FRAME

from yt8m_distill.data.batches import input_signature
from yt8m_distill.export import gpu_check
from yt8m_distill.export.gpu_check import check_on_device, check_on_gpu


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A SavedModel with the signature `features` of models: the mean of the first twelve values of rgb."""
    path = str(tmp_path_factory.mktemp("export"))
    module = tf.Module()
    module.scale = tf.Variable(1 / 255)

    @tf.function(input_signature=[input_signature(FRAME)])
    def features(inputs):
        return {"predictions": module.scale * tf.reduce_mean(tf.cast(inputs["rgb"], tf.float32), axis=1)[:, :12]}

    tf.saved_model.save(module, path, signatures={"features": features})
    return path


def test_an_export_runs_on_a_device_as_on_the_cpu(folder):
    report = check_on_device(folder, FRAME, "CPU:0", videos=3)
    assert (report.device, report.videos, report.frames, report.peak_bytes) == ("CPU:0", 3, 12, None)
    assert report.difference == 0
    assert report.milliseconds > 0
    assert "on CPU:0: loaded in" in report.summary()
    assert "memory" not in report.summary()


def test_without_a_gpu_nothing_is_tried(folder, monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])
    assert check_on_gpu(folder, FRAME) == (None, "on a GPU: not tried, none is visible")


def test_where_one_is_visible_its_memory_and_time_are_said(folder, monkeypatch):
    asked = []
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [kind])
    monkeypatch.setattr(tf.config.experimental, "reset_memory_stats", asked.append)
    monkeypatch.setattr(tf.config.experimental, "get_memory_info", lambda device: {"current": 1, "peak": 3 * 2**20})
    monkeypatch.setattr(gpu_check, "_predictor", lambda _: lambda inputs: inputs["num_frames"].numpy())
    report, line = check_on_gpu(folder, FRAME, videos=2)
    assert asked == ["GPU:0"]
    assert (report.device, report.peak_bytes) == ("GPU:0", 3 * 2**20)
    assert (
        "2 videos x 12 frames, at most 3 MiB of its memory; largest difference to the CPU's predictions 0.0e+00" in line
    )
