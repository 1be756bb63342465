import os

import keras
import pytest

from yt8m_distill.errors import InputError
from yt8m_distill.hyperparameters.training import TrainingParams
from yt8m_distill.run_config import newest_checkpoint
from yt8m_distill.training.checkpoints import RunCheckpoints
from yt8m_distill.training.recent_steps import RecentSteps


def _checkpoints(run_dir, width=3, **params):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(width)])
    optimizer = keras.optimizers.Adam()
    optimizer.build(model.trainable_variables)
    tracked = {"model": model, "optimizer": optimizer, "recent": RecentSteps(2, 4, 5)}
    return RunCheckpoints(str(run_dir), tracked, TrainingParams(**params))


def _steps_on_disk(run_dir):
    names = os.listdir(run_dir / "checkpoints")
    return sorted(int(name[5:-6]) for name in names if name.endswith(".index"))


def _damage(run_dir, prefix):
    path = run_dir / "checkpoints" / f"{prefix}.data-00000-of-00001"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def test_a_directory_without_a_checkpoint_restores_nothing(tmp_path):
    checkpoints = _checkpoints(tmp_path)
    assert checkpoints.restore() is None
    assert checkpoints.place == (0, 0, 0)
    assert os.listdir(tmp_path) == []


def test_the_place_comes_back(tmp_path):
    _checkpoints(tmp_path).save(70, 3, 10)
    again = _checkpoints(tmp_path)
    assert again.restore() == str(tmp_path / "checkpoints" / "ckpt-70")
    assert again.place == (70, 3, 10)


def test_older_checkpoints_go(tmp_path):
    checkpoints = _checkpoints(tmp_path, max_checkpoints_to_keep=2)
    for step in (1, 2, 3, 3):
        checkpoints.save(step, 0, step)
    assert _steps_on_disk(tmp_path) == [2, 3]


def test_older_checkpoints_go_after_a_restart_too(tmp_path):
    for step in (1, 2, 3):
        checkpoints = _checkpoints(tmp_path, max_checkpoints_to_keep=2)
        checkpoints.restore()
        checkpoints.save(step, 0, step)
    assert _steps_on_disk(tmp_path) == [2, 3]


def test_zero_keeps_all(tmp_path):
    checkpoints = _checkpoints(tmp_path, max_checkpoints_to_keep=0)
    for step in range(1, 8):
        checkpoints.save(step, 0, step)
    assert _steps_on_disk(tmp_path) == list(range(1, 8))


def test_a_step_saved_twice_holds_what_was_saved_last(tmp_path):
    checkpoints = _checkpoints(tmp_path)
    checkpoints.save(6, 0, 6)
    checkpoints.save(6, 1, 0)
    again = _checkpoints(tmp_path)
    again.restore()
    assert again.place == (6, 1, 0)
    assert _steps_on_disk(tmp_path) == [6]


def test_checkpoints_by_steps(tmp_path):
    checkpoints = _checkpoints(tmp_path, save_checkpoint_steps=3, save_checkpoint_minutes=0)
    for step in range(1, 8):
        checkpoints.save_if_due(step, 0, step)
    assert _steps_on_disk(tmp_path) == [3, 6]


def test_checkpoints_by_time(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("yt8m_distill.training.checkpoints.time.monotonic", lambda: now[0])
    checkpoints = _checkpoints(tmp_path, save_checkpoint_minutes=2)
    for step, seconds in enumerate((60, 119, 121, 200, 242), 1):
        now[0] = seconds
        checkpoints.save_if_due(step, 0, step)
    assert _steps_on_disk(tmp_path) == [3, 5]


def test_a_checkpoint_of_another_model_is_bad_input(tmp_path):
    _checkpoints(tmp_path, width=3).save(1, 0, 1)
    with pytest.raises(InputError, match="ckpt-1 cannot be resumed") as caught:
        _checkpoints(tmp_path, width=4).restore()
    assert "\n" not in str(caught.value)


def test_a_damaged_checkpoint_is_bad_input_and_names_the_way_out(tmp_path):
    _checkpoints(tmp_path).save(1, 0, 1)
    _damage(tmp_path, "ckpt-1")
    with pytest.raises(InputError, match=r"ckpt-1 cannot be resumed: .* Delete .*ckpt-1\.\*") as caught:
        _checkpoints(tmp_path).restore()
    assert "\n" not in str(caught.value)


def test_a_run_goes_on_from_the_checkpoint_before_one_that_was_deleted(tmp_path):
    checkpoints = _checkpoints(tmp_path)
    checkpoints.save(1, 0, 1)
    checkpoints.save(2, 0, 2)
    for path in (tmp_path / "checkpoints").glob("ckpt-2.*"):
        path.unlink()
    assert newest_checkpoint(str(tmp_path)).endswith("ckpt-1")
    again = _checkpoints(tmp_path)
    again.restore()
    assert again.place == (1, 0, 1)
    again.save(2, 0, 2)
    assert newest_checkpoint(str(tmp_path)).endswith("ckpt-2")


def test_files_of_a_checkpoint_that_was_never_completed_are_passed_over(tmp_path):
    _checkpoints(tmp_path).save(1, 0, 1)
    (tmp_path / "checkpoints" / "ckpt-2.index").write_bytes(b"half")
    assert newest_checkpoint(str(tmp_path)).endswith("ckpt-1")
