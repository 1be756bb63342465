"""Runs the golden files of the bags of frames, single layers and whole models.

RUNNERS: {prefix of the file name: function of the path}; see golden_models.py. The references draw frames in evaluation
too, so that the drawn frames are what the models get, and every row of them counts.
"""

from golden_models import Golden
from golden_vlad import all_rows, intermediates, sampled_frames

from yt8m_distill.hyperparameters import registry
from yt8m_distill.layers.soft_dbof import SoftDBoF
from yt8m_distill.models.classifier import build_model
from yt8m_distill.models.reference_names.soft_dbof import soft_dbof_variables
from yt8m_distill.models.reference_weights import assign_weights, load_reference_weights
from yt8m_distill.spec import FeatureSpec


def run_dbof(path):
    golden = Golden(path)
    config = golden.config
    spec = FeatureSpec(names=("frames",), sizes=(config["feature_size"],), num_classes=config["vocab_size"])
    model = _model(
        "DbofModel",
        spec,
        golden,
        video_level_classifier_model=config["classifier"],
        input_batch_norm=config["dbof_add_batch_norm"],
    )
    frames = sampled_frames(golden)
    num_frames = all_rows(frames)
    outputs = model({"frames": frames, "num_frames": num_frames})
    features, _ = model.front_end({"frames": frames}, num_frames)
    actual = {
        "sampled_frames": frames,
        "descriptor_pooled": model.aggregator.describe(features, num_frames),
        "classifier_input": outputs["representation"],
        "predictions": outputs["predictions"],
    }
    return golden.compare(actual)


def run_soft_dbof(path):
    golden = Golden(path)
    return _run_layer(golden) if "aggregation only" in golden.config["model"] else _run_late_fusion(golden)


def _run_layer(golden):
    config = golden.config
    frames = golden.inputs["reshaped_input"].reshape(-1, config["max_frames"], config["feature_size"])
    layer = SoftDBoF(config["cluster_size"], config["max_pool"], config["add_batch_norm"])
    layer.build(frames.shape)
    assign_weights(soft_dbof_variables(layer), golden.weights)
    return golden.compare({"descriptor": layer(frames, all_rows(frames))})


def _run_late_fusion(golden):
    config = golden.config
    model = _model(
        config["model"].split()[0],
        FeatureSpec(sizes=(config["rgb_size"], config["audio_size"]), num_classes=config["vocab_size"]),
        golden,
        dbof_add_batch_norm=config["add_batch_norm"],
        input_batch_norm=config["add_batch_norm"],
        gating="none",
    )
    frames = sampled_frames(golden)
    rgb_size = config["rgb_size"]
    streams = {"rgb": frames[:, :, :rgb_size], "audio": frames[:, :, rgb_size:]}
    return golden.compare({"sampled_frames": frames, **intermediates(model, streams, all_rows(frames))})


def _model(name, spec, golden, **overrides):
    """A model with the golden file's options and weights; the file's inputs are normalised already."""
    config = golden.config
    fields = registry.model_config(name).fields
    same = {key: value for key, value in config.items() if key in fields and key != "iterations"}
    sizes = {"dbof_cluster_size": config["cluster_size"], "dbof_hidden_size": config["hidden_size"]}
    model = build_model(registry.model_config(name, **{**same, **sizes, "normalization": "none", **overrides}), spec)
    load_reference_weights(model, golden.weights)
    return model


RUNNERS = {"dbof_": run_dbof, "softdbof": run_soft_dbof}
