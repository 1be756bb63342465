"""Runs the golden files of NetVLAD, LightVLAD, NetVLAGD and Fisher vectors, single layers and whole models.

RUNNERS: {prefix of the file name: function of the path}; see golden_models.py. The references count every row as a
frame, so every row is declared to be one.
"""

import numpy as np
from golden_models import Golden
from keras import ops

from yt8m_distill.hyperparameters import registry
from yt8m_distill.layers.fisher_vector import FisherVector
from yt8m_distill.layers.frame_sampling import random_frame_indices, sequence_frame_indices
from yt8m_distill.layers.light_vlad import LightVLAD
from yt8m_distill.layers.netvlad import NetVLAD
from yt8m_distill.layers.netvlagd import NetVLAGD
from yt8m_distill.models.classifier import build_model
from yt8m_distill.models.reference_names import vlad
from yt8m_distill.models.reference_weights import assign_weights, load_reference_weights
from yt8m_distill.spec import FeatureSpec

_LAYERS = {
    "NetVLAD": (NetVLAD, vlad.netvlad_variables),
    "LightVLAD": (LightVLAD, vlad.light_vlad_variables),
    "NetVLAGD": (NetVLAGD, vlad.netvlagd_variables),
    "NetFV": (FisherVector, vlad.fisher_vector_variables),
}


def run_vlad(path):
    golden = Golden(path)
    kind = golden.config["model"].split()[0]
    return _run_layer(golden, kind) if kind in _LAYERS else _run_model(golden, kind)


def _run_layer(golden, kind):
    config = golden.config
    frames = golden.inputs["reshaped_input"].reshape(-1, config["max_frames"], config["feature_size"])
    layer_class, variables = _LAYERS[kind]
    options = {"batch_norm": config["add_batch_norm"]}
    if kind == "NetFV":
        options["couple_weights"] = config["fv_couple_weights"]
        options["coupling_factor"] = config["fv_coupling_factor"]
    layer = layer_class(config["cluster_size"], **options)
    layer.build(frames.shape)
    if kind == "NetVLAGD":
        _forget_biases(golden, [""])
    assign_weights(variables(layer), golden.weights)
    return golden.compare({"descriptor": layer(frames, all_rows(frames))})


def _forget_biases(golden, scopes):
    """The reference's NetVLAGD creates biases and never adds them."""
    if not golden.config["add_batch_norm"]:
        for scope in scopes:
            clusters = golden.weights[f"{scope}cluster_weights"].shape[1]
            golden.weights[f"{scope}cluster_biases"] = np.zeros(clusters, "float32")


def all_rows(frames):
    return np.full(frames.shape[0], frames.shape[1], "int32")


def _run_model(golden, name):
    config = golden.config
    spec = FeatureSpec(sizes=(config["rgb_size"], config["audio_size"]), num_classes=config["vocab_size"])
    model = build_model(registry.model_config(name, **_overrides(config, name)), spec)
    if name == "NetFVModelLF" and model.head.gate is not None:
        # The reference heeds --gating_remove_diag only in the probabilities' gates there.
        model.head.gate.remove_diag = False
    if config.get("vlagd"):
        _forget_biases(golden, ["video_VLAD/", "audio_VLAD/"])
    load_reference_weights(model, golden.weights)
    frames = sampled_frames(golden)
    streams = {"rgb": frames[:, :, : spec.sizes[0]], "audio": frames[:, :, spec.sizes[0] :]}
    return golden.compare({"sampled_frames": frames, **intermediates(model, streams, all_rows(frames))})


def _overrides(config, name):
    """The file's options under this project's names; its inputs are normalised already."""
    family = "netvlad" if name == "NetVLADModelLF" else "fv"
    fields = registry.model_config(name).fields
    gating = "batch_norm" if config["add_batch_norm"] else "plain"
    return {
        **{key: value for key, value in config.items() if key in fields and key != "iterations"},
        f"{family}_cluster_size": config["cluster_size"],
        f"{family}_hidden_size": config["hidden_size"],
        "netvlad_add_batch_norm": config["add_batch_norm"],
        "input_batch_norm": config["add_batch_norm"],
        "gating": gating if config["gating"] else "none",
        "normalization": "none",
    }


def sampled_frames(golden):
    frames = golden.inputs["model_input"]
    num_frames, uniform = (ops.convert_to_tensor(golden.inputs[key]) for key in ("num_frames", "uniform"))
    if golden.config["sample_random_frames"]:
        indices = random_frame_indices(uniform, num_frames)
    else:
        indices = sequence_frame_indices(uniform, num_frames, golden.config["iterations"])
    return np.take_along_axis(frames, ops.convert_to_numpy(indices)[:, :, None], axis=1)


def intermediates(model, streams, num_frames):
    outputs = model({**streams, "num_frames": num_frames})
    features, _ = model.front_end(streams, num_frames)
    hidden, projected = model.aggregator.hidden, model.aggregator.describe(features, num_frames)
    if hidden is not None:
        projected = hidden.bn(hidden.dense(projected)) if hidden.batch_norm else hidden.dense(projected)
    normalized = ops.concatenate(list(features.values()), axis=-1)
    layers = model.aggregator.streams
    return {
        "predictions": outputs["predictions"],
        "classifier_input": model.head.classifier_input(outputs["representation"]),
        "hidden_before_activation": projected,
        "descriptor_video": layers["rgb"](features["rgb"], num_frames),
        "descriptor_audio": layers["audio"](features["audio"], num_frames),
        "after_input_bn": ops.reshape(normalized, (-1, normalized.shape[-1])),
    }


RUNNERS = dict.fromkeys(("netvlad_", "lightvlad_", "netvlagd_", "netfv_"), run_vlad)
