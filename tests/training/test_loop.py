import dataclasses
import signal
import subprocess
import sys
import threading
import time

import keras
import numpy as np
import pytest
from made_runs import (
    DATA_FLAGS,
    FRAME,
    REPOSITORY,
    SEGMENT,
    assert_same_run,
    frame_record,
    make_config,
    make_videos,
    rows,
    run_python,
    subprocess_environment,
    train,
    write_shards,
)

from yt8m_distill.errors import InputError
from yt8m_distill.inference.evaluate import evaluate
from yt8m_distill.run_config import find_run, restore_model
from yt8m_distill.training.loop import TrainingLoop


class StopAt(keras.callbacks.Callback):
    """What a user's Ctrl-C does, after a given step."""

    def __init__(self, step, number=signal.SIGTERM):
        super().__init__()
        self.step, self.number = step, number

    def on_train_batch_end(self, batch, logs=None):
        if batch + 1 == self.step:
            signal.raise_signal(self.number)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory, video_shards):
    """A run of 3 epochs of 6 steps, never stopped, and its directory."""
    directory = tmp_path_factory.mktemp("unbroken")
    return train(make_config(), directory, video_shards), directory


# Rows are written at steps 4, 8, 12, 16; epochs end at steps 6, 12, 18.
@pytest.mark.parametrize("stops", [(3,), (6,), (8,), (12, 14), (1, 17), (18,)])
def test_a_run_that_was_stopped_ends_bit_identical_to_one_that_was_not(stops, unbroken, tmp_path, video_shards):
    for step in stops:
        loop = train(make_config(), tmp_path, video_shards, StopAt(step))
        assert (loop.step, loop.finished) == (step, False)
    loop = train(make_config(), tmp_path, video_shards)
    assert loop.finished
    assert loop.resumed_from.endswith(f"ckpt-{stops[-1]}")
    assert_same_run(loop, tmp_path, *unbroken)


def test_a_frame_level_run_with_batch_norm_and_dropout_resumes_bit_identical(tmp_path, frame_shards):
    config = make_config("NeXtVLAD_tiny", FRAME, log_steps=3, num_epochs=2)
    whole = train(config, tmp_path / "whole", frame_shards)
    train(config, tmp_path / "stopped", frame_shards, StopAt(2))
    resumed = train(config, tmp_path / "stopped", frame_shards)
    assert_same_run(resumed, tmp_path / "stopped", whole, tmp_path / "whole")


def test_a_segment_level_run_resumes_bit_identical(tmp_path, segment_shards):
    config = make_config("FrameLevelLogistic", SEGMENT, num_epochs=2, log_steps=3)
    whole = train(config, tmp_path / "whole", segment_shards)
    assert whole.step > 4
    train(config, tmp_path / "stopped", segment_shards, StopAt(2))
    resumed = train(config, tmp_path / "stopped", segment_shards)
    assert_same_run(resumed, tmp_path / "stopped", whole, tmp_path / "whole")


def test_the_same_seed_gives_the_same_run_and_another_seed_another_one(unbroken, tmp_path, video_shards):
    again = train(make_config(), tmp_path / "again", video_shards)
    assert_same_run(again, tmp_path / "again", *unbroken)
    other = train(make_config(seed=1), tmp_path / "other", video_shards)
    assert rows(tmp_path / "other") != rows(unbroken[1])
    assert not np.array_equal(other.model.weights[0], unbroken[0].model.weights[0])


def test_the_loss_falls_and_the_ranking_gets_better(tmp_path, video_shards):
    train(make_config(num_epochs=20, log_steps=6), tmp_path, video_shards)
    first, last = rows(tmp_path)[0], rows(tmp_path)[-1]
    assert float(last["loss"]) < 0.6 * float(first["loss"])
    assert float(last["gap"]) > float(first["gap"]) + 0.2


def test_max_steps_ends_a_run_within_an_epoch_and_a_higher_one_goes_on(unbroken, tmp_path, video_shards):
    loop = train(make_config(max_steps=8), tmp_path, video_shards)
    assert (loop.step, loop.finished, loop.total_steps) == (8, True, 8)
    loop = train(make_config(max_steps=18), tmp_path, video_shards)
    assert_same_run(loop, tmp_path, *unbroken)


def test_a_finished_run_is_left_as_it_is(tmp_path, video_shards):
    train(make_config(num_epochs=1), tmp_path, video_shards)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.name != "config.json"}
    loop = train(make_config(num_epochs=1), tmp_path, video_shards)
    assert (loop.finished, loop.step) == (True, 6)
    after = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.name != "config.json"}
    assert {p: t for p, t in after.items() if p.is_file()} == {p: t for p, t in before.items() if p.is_file()}


def test_fewer_examples_than_a_batch_are_bad_input(tmp_path, video_shards):
    with pytest.raises(InputError, match=r"fewer than --batch_size=64"):
        train(make_config(batch_size=64), tmp_path, video_shards)


def test_cosine_at_segment_level_asks_for_max_steps(tmp_path, segment_shards):
    config = make_config("FrameLevelLogistic", SEGMENT, learning_rate_schedule="cosine")
    with pytest.raises(InputError, match="give --max_steps"):
        TrainingLoop(config, str(tmp_path), segment_shards)


def test_a_callback_that_sets_stop_training_ends_the_run(tmp_path, video_shards):
    class Enough(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = batch + 1 == 5

    loop = train(make_config(), tmp_path, video_shards, Enough())
    assert (loop.step, loop.finished) == (5, True)
    assert find_run(str(tmp_path)).step == 5


def test_callbacks_get_the_documented_logs(tmp_path, video_shards):
    seen = {}

    class Notes(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen[batch + 1] = logs

        def on_epoch_end(self, epoch, logs=None):
            seen[f"epoch {epoch}"] = logs
            logs["eval_gap"] = 0.5  # what a callback adds, those after it see

    class After(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            assert logs["eval_gap"] == 0.5

    train(make_config(max_steps=9), tmp_path, video_shards, Notes(), After())
    assert [key for key, logs in seen.items() if logs] == [4, "epoch 0", 8, "epoch 1"]
    expected = "step epoch examples loss penalty gap hit_at_1 perr learning_rate examples_per_second seconds_left"
    assert set(seen[8]) == set(expected.split())
    assert (seen[8]["step"], seen[8]["epoch"], seen[8]["examples"]) == (8, 1, 64)
    assert seen["epoch 0"]["step"] == 6


def test_a_loop_runs_outside_of_the_main_thread(tmp_path, video_shards):
    done = []
    worker = threading.Thread(target=lambda: done.append(train(make_config(max_steps=2), tmp_path, video_shards)))
    worker.start()
    worker.join()
    assert done[0].finished


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_resumes_bit_identical(policy, tmp_path, video_shards):
    config = make_config(overrides={"hidden_batch_norm": True}, mixed_precision=policy, num_epochs=1)
    whole = train(config, tmp_path / "whole", video_shards)
    train(config, tmp_path / "stopped", video_shards, StopAt(3))
    resumed = train(config, tmp_path / "stopped", video_shards)
    assert_same_run(resumed, tmp_path / "stopped", whole, tmp_path / "whole")


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_trains_and_evaluates_in_float32(policy, tmp_path, frame_shards):
    loop = train(make_config("NeXtVLAD_tiny", FRAME, mixed_precision=policy, max_steps=4), tmp_path, frame_shards)
    assert loop.model.head.dtype_policy.name == policy
    assert keras.config.dtype_policy().name == "float32"
    assert {variable.dtype for variable in loop.model.trainable_variables} == {"float32"}
    assert np.isfinite(float(rows(tmp_path)[-1]["loss"]))
    model = restore_model(find_run(str(tmp_path)))
    assert model.head.dtype_policy.name == "float32"
    results, _ = evaluate(model, FRAME, frame_shards, progress=False)
    assert 0 < results["gap"] <= 1


def test_classes_that_were_not_rated_leave_the_head_as_it_is(tmp_path, segment_shards):
    """Class 11 is made an unrated one; without a penalty its weights get no gradient."""
    videos = make_videos(20, rated=True)
    kept = [dataclasses.replace(v, ratings=tuple(r for r in v.ratings if r[1] != 11)) for v in videos]
    records = [frame_record(video) for video in kept if video.ratings]
    shards = write_shards(tmp_path / "data", "train", records, shards=1)
    config = make_config("FrameLevelLogistic", SEGMENT, overrides={"l2_penalty": 0.0}, max_steps=2)
    before = {}

    class Note(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            before["kernel"] = np.array(self.model.head.classifier.logits.kernel)

    loop = train(config, tmp_path / "run", shards, Note())
    changed = np.any(np.asarray(loop.model.head.classifier.logits.kernel) != before["kernel"], axis=0)
    assert changed[:11].any()
    assert not changed[11]


def test_rated_segments_are_trained_with_cross_entropy_alone(tmp_path, segment_shards):
    config = make_config("FrameLevelLogistic", SEGMENT, label_loss="HingeLoss", max_steps=1)
    with pytest.raises(InputError, match="CrossEntropyLoss alone"):
        train(config, tmp_path, segment_shards)


_KILLED = """
import os, signal, sys
import keras
from made_runs import make_config, train

class KillAt(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if batch + 1 == 9:
            os.kill(os.getpid(), signal.SIGKILL)

train(make_config(save_checkpoint_steps=5), sys.argv[1], sys.argv[2:], KillAt())
"""


def test_a_killed_run_goes_on_from_its_last_checkpoint(unbroken, tmp_path, video_shards):
    killed = run_python(["-c", _KILLED, str(tmp_path), *video_shards])
    assert killed.returncode == -signal.SIGKILL
    assert [row["step"] for row in rows(tmp_path)] == ["4", "8"]
    with open(tmp_path / "metrics.csv", "a") as file:
        file.write("1")  # half a row
    loop = train(make_config(save_checkpoint_steps=5), tmp_path, video_shards)
    assert loop.resumed_from.endswith("ckpt-5")
    assert_same_run(loop, tmp_path, *unbroken)


def test_a_signal_ends_the_command_with_a_checkpoint_and_the_command_goes_on(tmp_path, video_shards):
    run_dir = tmp_path / "run"
    command = [sys.executable, "-m", "yt8m_distill.bin.train", "--model=HiddenLayer_tiny", *DATA_FLAGS]
    command += [f"--train_data_pattern={','.join(video_shards)}", f"--train_dir={run_dir}"]
    command += ["--batch_size=8", "--num_epochs=100000", "--log_steps=5"]
    stopped = []
    for number in (signal.SIGTERM, signal.SIGINT):
        process = subprocess.Popen(
            command,
            cwd=REPOSITORY,
            env=subprocess_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        _wait_for_rows(run_dir, process, len(rows(run_dir)) + 2 if stopped else 2)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 130, err
        stopped.append(find_run(str(run_dir)).step)
        assert f"stopped at step {stopped[-1]}" in out
        if len(stopped) == 2:
            assert f"resumes {run_dir}/checkpoints/ckpt-{stopped[0]} (step {stopped[0]})" in out
    assert stopped[1] > stopped[0]


def _wait_for_rows(run_dir, process, count):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()
        if (run_dir / "metrics.csv").exists() and len(rows(run_dir)) >= count:
            return
        time.sleep(0.05)
    raise AssertionError(f"{run_dir} got no rows within a minute")


_REPLICAS = """
import dataclasses
import sys
import numpy as np
import tensorflow as tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
from made_runs import FRAME, make_config, rows, state, train
from yt8m_distill.checksums import checkpoint_checksum
from yt8m_distill.hyperparameters import registry
from yt8m_distill.hyperparameters.distillation import Distillation, DistillationParams, JointTeacher, Teacher
from yt8m_distill.run_config import RunConfig, find_run

folder, shards = sys.argv[1], sys.argv[2:]
replicas = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
assert replicas.num_replicas_in_sync == 2
# Unlike Adam, SGD shows every factor on a gradient: of the replicas, of the clipping and of the penalty.
numbers = {"optimizer": "SGD", "base_learning_rate": 1.0, "clip_gradient_norm": 0.5, "num_epochs": 2}
config = make_config("FrameLevelLogistic", FRAME, overrides={"l2_penalty": 1e-2}, **numbers)
np.savez(f"{folder}/two.npz", **state(train(config, f"{folder}/two", shards, strategy=replicas)))
np.savez(f"{folder}/one.npz", **state(train(config, f"{folder}/one", shards)))
teacher = find_run(f"{folder}/one")
taught = Distillation(
    DistillationParams(representation_epochs=1, student_head="copied"),
    (Teacher(teacher.checkpoint, checkpoint_checksum(teacher.checkpoint)),),
)
few = dataclasses.replace(FRAME, sampled_frames=3, frame_sampler="random")
student = dataclasses.replace(
    make_config("FrameLevelLogistic", few, overrides={"l2_penalty": 1e-2}, **numbers), distillation=taught
)
small = registry.model_config("LSTM_tiny", lstm_cells=8, lstm_layers=1)
parallel = DistillationParams(parallel=True, student_head="shared", representation_weight=0.02)
along = Distillation(parallel, joint_teacher=JointTeacher(small, FRAME))
along = RunConfig(dataclasses.replace(FRAME, sampled_frames=3), small, student.training, along)
for name, config in (("serial", student), ("parallel", along)):
    np.savez(f"{folder}/{name}-two.npz", **state(train(config, f"{folder}/{name}-two", shards, strategy=replicas)))
    np.savez(f"{folder}/{name}-one.npz", **state(train(config, f"{folder}/{name}-one", shards)))
normed = make_config("NeXtVLAD_tiny", FRAME, max_steps=2, log_steps=2)
train(normed, f"{folder}/normed", shards, strategy=replicas)
assert np.isfinite(float(rows(f"{folder}/normed")[-1]["loss"]))
"""


def test_two_replicas_train_like_one(tmp_path, frame_shards):
    """With clipping that bites and an L2 penalty, students too; and a model with batch norm and dropout runs."""
    process = run_python(["-c", _REPLICAS, str(tmp_path), *frame_shards], TF_CPP_MIN_LOG_LEVEL="3")
    assert process.returncode == 0, process.stderr
    for kind in ("", "serial-", "parallel-"):
        two, one = np.load(tmp_path / f"{kind}two.npz"), np.load(tmp_path / f"{kind}one.npz")
        for (key, mine), others in zip(two.items(), one.values(), strict=True):
            np.testing.assert_allclose(mine, others, rtol=1e-4, atol=1e-5, err_msg=kind + key)
        for mine, others in zip(rows(tmp_path / f"{kind}two"), rows(tmp_path / f"{kind}one"), strict=True):
            mine, others = ({name: float(value) for name, value in row.items()} for row in (mine, others))
            assert mine == pytest.approx(others, 1e-4)
