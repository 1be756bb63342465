import dataclasses
import json

import pytest
import tensorflow as tf
from commands import run_commands
from made_members import make_member
from made_runs import FRAME, SEGMENT, frame_record, make_config, make_videos, train, write_shards

from yt8m_distill.errors import InputError
from yt8m_distill.export.members import member_of
from yt8m_distill.export.saved_model import export_members
from yt8m_distill.inference.evaluate import evaluate
from yt8m_distill.inference.loaded_model import load_model
from yt8m_distill.inference.served_model import load_served
from yt8m_distill.inference.submit import write_segment_submission, write_video_submission
from yt8m_distill.run_config import find_run


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    return write_shards(tmp_path_factory.mktemp("data"), "good", [frame_record(video) for video in make_videos(16)])


@pytest.fixture(scope="module")
def run_dir(shards, tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "run"
    train(make_config("FrameLevelLogistic", FRAME, num_epochs=1), path, shards)
    return path


@pytest.fixture(scope="module")
def export_dir(run_dir, tmp_path_factory):
    path = tmp_path_factory.mktemp("exports") / "run"
    export_members([member_of(find_run(str(run_dir)))], str(path))
    return path


def test_a_run_and_its_export_are_told_apart(run_dir, export_dir):
    run, export = load_model(str(run_dir)), load_model(str(export_dir))
    assert (run.title, run.step, run.spec) == ("FrameLevelLogistic, step 2", 2, FRAME)
    assert (export.title, export.step, export.spec) == (f"export {export_dir}", "export", FRAME)


def test_an_export_has_one_set_of_weights(export_dir):
    with pytest.raises(InputError, match="leave out --use_ema"):
        load_model(str(export_dir), use_ema=True)


def test_an_export_cannot_be_trained(export_dir):
    model, _ = load_served(str(export_dir))
    with pytest.raises(ValueError, match="cannot be trained"):
        model({}, training=True)


def test_an_export_with_a_student_in_it_sees_no_segments(export_dir, shards, tmp_path):
    student = dataclasses.replace(FRAME, sampled_frames=4, frame_sampler="last")
    members = [make_member("FrameLevelLogistic", spec, weight=0.5) for spec in (FRAME, student)]
    export_members(members, str(tmp_path / "export"))
    served, spec = load_served(str(tmp_path / "export"))
    assert (served.sampled_frames, spec) == ([0, 4], FRAME)
    said = "the export holds a model that reads 4 frames of each video and segments need all"
    with pytest.raises(InputError, match=said):
        write_segment_submission(served, spec, shards, tmp_path / "out.csv", [1])
    with pytest.raises(InputError, match=said):
        evaluate(served, SEGMENT, shards, progress=False)
    whole, spec = load_served(str(export_dir))
    assert write_segment_submission(whole, spec, shards, tmp_path / "out.csv", [1], progress=False) == 16


def test_a_saved_model_of_other_software_is_refused(tmp_path):
    tf.saved_model.save(tf.Module(), str(tmp_path))
    with pytest.raises(InputError, match="of other software"):
        load_served(str(tmp_path))


def test_a_damaged_export_is_refused(tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(b"no SavedModel")
    with pytest.raises(InputError, match="cannot be loaded"):
        load_served(str(tmp_path))


def test_the_commands_take_an_export_like_its_run(run_dir, export_dir, shards):
    data = f"--eval_data_pattern={shards[0]}"
    lines = {name: [f"--checkpoint={path}", data] for name, path in (("run", run_dir), ("export", export_dir))}
    for name, (status, out, err) in run_commands("yt8m_distill.bin.evaluate", lines).items():
        assert (status, err) == (0, ""), name
        assert "GAP@20" in out
    own, served = (json.loads(path.read_text()) for path in (run_dir / "eval/2.json", export_dir / "eval/export.json"))
    assert served.pop("checkpoint") == str(export_dir)
    own.pop("checkpoint")
    assert served == pytest.approx(own, abs=1e-5)


def test_a_submission_of_an_export_is_that_of_its_run(run_dir, export_dir, shards, tmp_path):
    rows = []
    for directory in (run_dir, export_dir):
        loaded = load_model(str(directory))
        write_video_submission(loaded.model, loaded.spec, shards, tmp_path / "out.csv", top_k=5, progress=False)
        rows.append([line.split(",") for line in (tmp_path / "out.csv").read_text().splitlines()[1:]])
    own, served = rows
    assert [video for video, _ in own] == [video for video, _ in served]
    numbers = [[float(number) for _, pairs in lines for number in pairs.split()] for lines in rows]
    assert numbers[0] == pytest.approx(numbers[1], abs=1e-5)
