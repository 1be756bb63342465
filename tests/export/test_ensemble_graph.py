import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from made_members import make_member
from made_runs import FRAME, frame_record, make_videos, write_shards

from yt8m_distill.data.batches import model_inputs, view
from yt8m_distill.data.pipeline import ReadOptions, read_batches
from yt8m_distill.errors import InputError
from yt8m_distill.export.saved_model import export_members
from yt8m_distill.inference.evaluate import evaluate
from yt8m_distill.inference.served_model import load_served

VIDEOS = make_videos(19, seed=4)
STUDENT = dataclasses.replace(FRAME, sampled_frames=4)
# Two that read all frames through one front end, the second with a batch norm behind it; a student; fewer frames.
MEMBERS = [
    make_member("NetVLAD_tiny", method="uniform", weight=0.3),
    make_member("DBoF_tiny", method="per_channel", weight=0.2, iterations=8, input_batch_norm=True),
    make_member("FrameLevelLogistic", STUDENT, seed=7, method="kmeans4", weight=0.4),
    make_member("FrameLevelLogistic", dataclasses.replace(FRAME, max_frames=9), weight=0.1),
]


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    return write_shards(tmp_path_factory.mktemp("data"), "test", [frame_record(video) for video in VIDEOS])


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """(folder, SizeReport, difference) of an ensemble."""
    path = str(tmp_path_factory.mktemp("exports") / "four")
    return path, *export_members(MEMBERS, path, top_k=5)


@pytest.fixture(scope="module")
def signatures(exported):
    return tf.saved_model.load(exported[0]).signatures


def _own_predictions(batch):
    """The weighted sum of what the members predict by themselves."""
    models = [member.build() for member in MEMBERS]
    inputs = [view(batch, member.spec, FRAME) for member in MEMBERS]
    outputs = [model(each, training=False)["predictions"] for model, each in zip(models, inputs, strict=True)]
    return sum(member.weight * np.asarray(each) for member, each in zip(MEMBERS, outputs, strict=True))


def test_predictions_are_the_weighted_sum_of_the_members_own(exported, shards):
    path, _, difference = exported
    assert difference < 1e-6
    model, spec = load_served(path)
    assert spec == FRAME
    batch = model_inputs(next(iter(read_batches(shards, FRAME, ReadOptions(batch_size=19)))), FRAME)
    np.testing.assert_allclose(model(batch)["predictions"].numpy(), _own_predictions(batch), atol=1e-6)


def test_both_signatures_agree(signatures):
    assert set(signatures["features"].structured_outputs) == {"predictions"}
    records = [frame_record(video) for video in VIDEOS[:3]]
    served = signatures["serving_default"](example_bytes=tf.constant(records))
    frames = [video.frames[: FRAME.max_frames] for video in VIDEOS[:3]]
    padded = np.zeros((3, FRAME.max_frames, 24), np.uint8)
    for row, each in zip(padded, frames, strict=True):
        row[: len(each)] = each
    counts = tf.constant([len(each) for each in frames])
    scores = signatures["features"](
        rgb=tf.constant(padded[..., :16]), audio=tf.constant(padded[..., 16:]), num_frames=counts
    )["predictions"].numpy()
    np.testing.assert_allclose(
        served["predictions"].numpy(), np.take_along_axis(scores, served["class_indexes"].numpy(), 1), atol=1e-6
    )


def _operations(nodes, functions):
    """All operations that these nodes run, those of functions that they call too."""
    for node in nodes:
        yield node
        if node.op in ("PartitionedCall", "StatefulPartitionedCall"):
            yield from _operations(functions[node.attr["f"].func.name].node_def, functions)


@pytest.fixture(scope="module")
def operations(signatures):
    """What a call of `features` runs."""
    graph = signatures["features"].graph.as_graph_def()
    return list(_operations(graph.node, {each.signature.name: each for each in graph.library.function}))


def test_equal_front_ends_are_computed_once(operations):
    casts = [node for node in operations if node.op == "Cast" and node.attr["SrcT"].type == tf.uint8.as_datatype_enum]
    # Of rgb and audio: for the first two members together, for the student's frames and for those of a shorter limit.
    assert len(casts) == 2 * 3


def test_no_call_reads_codes(operations):
    assert not {"ReadFile", "DecodeRaw"} & {node.op for node in operations}
    assert any(node.op == "MatMul" for node in operations)


def test_codes_stay_codes_on_disk(exported):
    report = exported[1]
    forms = {tensor.name: (tensor.form, tensor.num_bytes) for tensor in report.tensors}
    assert forms["0.NetVLAD_tiny/aggregator/hidden/dense/kernel"] == ("8 bits", 320 * 128 + 1024)
    assert {form for name, (form, _) in forms.items() if name.startswith("2.")} == {"4 bits", "float32"}
    assert [name for name, _ in report.members] == [member.name for member in MEMBERS]
    floats = sum(4 * np.prod(tensor.shape) for tensor in report.tensors)
    assert sum(size for _, size in report.members) < 0.8 * floats


def test_an_export_is_evaluated_as_its_run_is(shards, tmp_path):
    member = MEMBERS[2]
    export_members([dataclasses.replace(member, weight=1.0)], str(tmp_path / "student"))
    served, spec = load_served(str(tmp_path / "student"))
    assert spec == FRAME
    own, _ = evaluate(member.build(), member.spec, shards, batch_size=4, progress=False)
    found, _ = evaluate(served, spec, shards, batch_size=4, progress=False)
    assert found == pytest.approx(own, abs=1e-5)


@pytest.mark.parametrize("weights", [(0.5, 0.6), (0.2, 0.7), (1.5, -0.5), (float("nan"), 1.0)])
def test_weights_that_are_no_mean_are_refused(weights, tmp_path):
    members = [dataclasses.replace(member, weight=weight) for member, weight in zip(MEMBERS[:2], weights, strict=True)]
    with pytest.raises(InputError, match=r"the weights .* sum to .*: expected numbers of at least 0 that sum to one"):
        export_members(members, str(tmp_path / "export"))
    assert not list(tmp_path.iterdir())


def test_members_of_other_classes_are_refused(tmp_path):
    spec = dataclasses.replace(FRAME, num_classes=7)
    members = [
        dataclasses.replace(MEMBERS[0], weight=0.5),
        make_member("FrameLevelLogistic", spec, weight=0.5),
    ]
    with pytest.raises(InputError, match="num_classes: 12 and 7"):
        export_members(members, str(tmp_path / "export"))
    assert not list(tmp_path.iterdir())
