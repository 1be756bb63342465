"""Runs the golden files of models through this project's models, by way of their reference weights.

RUNNERS: {prefix of the file name: function of the path}. A runner raises AssertionError on a difference; it returns
the output keys it does not cover, where there are any.
"""

import json

import numpy as np
from keras import ops

from yt8m_distill.hyperparameters import registry
from yt8m_distill.layers.nextvlad import NeXtVLAD
from yt8m_distill.models.classifier import build_model
from yt8m_distill.models.reference_names.late_fusion import nextvlad_variables
from yt8m_distill.models.reference_names.slim import under
from yt8m_distill.models.reference_weights import assign_weights, load_reference_weights
from yt8m_distill.spec import FeatureSpec

TOLERANCE = 1e-5


class Golden:
    """A golden file: its config, and its arrays sorted into inputs, outputs and weights."""

    def __init__(self, path):
        with np.load(path) as arrays:
            self.config = json.loads(str(arrays["config"]))
            self.inputs = {k.removeprefix("inputs/"): arrays[k] for k in arrays if k.startswith("inputs/")}
            self.outputs = {k.removeprefix("outputs/"): arrays[k] for k in arrays if k.startswith("outputs/")}
            others = ("config", "inputs/", "outputs/", "tie_bounds/")
            self.weights = {k: arrays[k] for k in arrays if not k.startswith(others)}

    def compare(self, actual):
        """Compares what was computed with the outputs of the same name; returns the outputs that were not."""
        for name in actual.keys() & self.outputs.keys():
            computed = ops.convert_to_numpy(actual[name])
            np.testing.assert_allclose(computed, self.outputs[name], rtol=0, atol=TOLERANCE, err_msg=name)
        return sorted(self.outputs.keys() - actual.keys())


def run_nextvlad(path):
    golden = Golden(path)
    return _run_aggregation(golden) if "aggregation only" in golden.config["model"] else _run_nextvlad_model(golden)


def _streams(golden):
    """The frames of both streams, and the number of frames that count."""
    frames, num_frames = golden.inputs["model_input"], golden.inputs["num_frames"]
    if not golden.config.get("use_mask", True):
        num_frames = np.full_like(num_frames, frames.shape[1])
    rgb_size = golden.config["rgb_size"]
    return {"rgb": frames[:, :, :rgb_size], "audio": frames[:, :, rgb_size:]}, num_frames


def _run_aggregation(golden):
    config = golden.config
    streams, num_frames = _streams(golden)
    layers = {
        "video": NeXtVLAD(config["cluster_size"], config["groups"], config["expansion"]),
        "audio": NeXtVLAD(config["audio_cluster_size"], config["audio_groups"], config["expansion"]),
    }
    frames = dict(zip(layers, streams.values(), strict=True))
    for name, layer in layers.items():
        layer.build(frames[name].shape)
    variables = {k: v for n in layers for k, v in under(f"{n}_VLAD", nextvlad_variables(layers[n])).items()}
    assign_weights(variables, golden.weights)
    actual = {}
    for name, layer in layers.items():
        actual[f"descriptor_{name}"] = layer(frames[name], num_frames)
        actual[f"{name}_l2normalised_before_vlad_bn"] = layer.aggregate(frames[name], num_frames)
    actual["descriptor"] = ops.concatenate([actual["descriptor_video"], actual["descriptor_audio"]], axis=-1)
    return golden.compare(actual)


def _run_nextvlad_model(golden):
    config = golden.config
    overrides = {name: config[name] for name in ("nextvlad_cluster_size", "nextvlad_hidden_size", "groups")}
    overrides |= {
        name: config[name] for name in ("expansion", "gating_reduction", "moe_num_mixtures") if name in config
    }
    model = _model(
        "NeXtVLADModel",
        FeatureSpec(sizes=(config["rgb_size"], config["audio_size"]), num_classes=config["vocab_size"]),
        golden,
        video_level_classifier_model=config["classifier"],
        **overrides,
    )
    streams, num_frames = _streams(golden)
    outputs = model({**streams, "num_frames": num_frames})
    aggregator = model.aggregator
    descriptor = aggregator.describe(streams, num_frames)
    hidden, gate = outputs["representation"], model.head.gate
    actual = {
        "predictions": outputs["predictions"],
        "classifier_input": model.head.classifier_input(hidden),
        "descriptor": descriptor,
        "hidden_after_hidden1_bn": hidden,
        "gates_after_gating_bn_relu": ops.relu(gate.squeeze_bn(gate.squeeze(hidden))),
    }
    for name, stream in zip(("video", "audio"), aggregator.streams, strict=True):
        actual[f"descriptor_{name}"] = aggregator.streams[stream](streams[stream], num_frames)
    if config["classifier"] == "LogisticModel":
        actual["logits"] = model.head.classifier.logits(actual["classifier_input"])
    return golden.compare(actual)


def run_mix_nextvlad(path):
    golden = Golden(path)
    config = golden.config
    names = ("nextvlad_cluster_size", "nextvlad_hidden_size", "groups", "expansion", "gating_reduction", "mix_number")
    model = _model(
        "MixNeXtVladModel",
        FeatureSpec(
            sizes=(config["rgb_size"], config["audio_size"]),
            num_classes=config["vocab_size"],
            max_frames=config["max_frames"],
        ),
        golden,
        video_level_classifier_model=config["classifier"],
        mask_padding=False,
        **{name: config[name] for name in names},
    )
    streams, num_frames = _streams(golden)
    return golden.compare({"predictions": model({**streams, "num_frames": num_frames})["predictions"]})


def run_frame_level_logistic(path):
    golden = Golden(path)
    frames = golden.inputs["model_input"]
    spec = FeatureSpec(names=("frames",), sizes=(frames.shape[2],), num_classes=golden.config["vocab_size"])
    model = _model("FrameLevelLogisticModel", spec, golden, mask_padding=False)
    outputs = model({"frames": frames, "num_frames": golden.inputs["num_frames"]})
    return golden.compare({"predictions": outputs["predictions"]})


def run_logistic(path):
    return _run_video_level(Golden(path), "LogisticModel")


def run_moe(path):
    golden = Golden(path)
    options = ("moe_low_rank_gating", "moe_prob_gating", "moe_prob_gating_input", "gating_remove_diag")
    overrides = {name: golden.config[name] for name in options if name in golden.config}
    return _run_video_level(golden, "MoeModel", moe_num_mixtures=golden.config["num_mixtures"], **overrides)


def _run_video_level(golden, name, **overrides):
    means = golden.inputs["model_input"]
    spec = FeatureSpec(
        names=("means",), sizes=(means.shape[1],), num_classes=golden.config["vocab_size"], level="video"
    )
    model = _model(name, spec, golden, **overrides)
    actual = {"predictions": model({"means": means})["predictions"]}
    if gate := model.head.probability_gate:
        probabilities = model.head.classifier(means)
        source = None if overrides["moe_prob_gating_input"] == "prob" else means
        actual["gates_before_sigmoid"] = gate.gates(probabilities, source)
    return golden.compare(actual)


def _model(name, spec, golden, **overrides):
    """A model with the golden file's weights; the file's inputs are normalised already."""
    model = build_model(registry.model_config(name, normalization="none", **overrides), spec)
    load_reference_weights(model, golden.weights)
    return model


RUNNERS = {
    "nextvlad_": run_nextvlad,
    "mix_nextvlad_": run_mix_nextvlad,
    "frame_level_logistic": run_frame_level_logistic,
    "logistic_": run_logistic,
    "moe_": run_moe,
    "willow_moe_": run_moe,
}
