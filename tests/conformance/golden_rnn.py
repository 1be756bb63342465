"""Runs the golden files of recurrent models through this project's models, by way of their reference weights.

RUNNERS: {prefix of the file name: function of the path}. A runner raises AssertionError on a difference; it returns
the output keys it does not cover, where there are any.
"""

import numpy as np
from golden_models import TOLERANCE, Golden

from yt8m_distill import losses
from yt8m_distill.distillation.losses import prediction_loss, representation_loss
from yt8m_distill.hyperparameters import registry
from yt8m_distill.models.classifier import build_model
from yt8m_distill.models.reference_weights import load_reference_weights
from yt8m_distill.spec import FeatureSpec


def run_lstm_google(path):
    golden = Golden(path)
    sizes = {name: golden.config[name] for name in ("lstm_cells", "lstm_layers")}
    return _run(golden, "LstmModel", **sizes, **_head(golden))


def run_lstm_bidirectional(path):
    golden = Golden(path)
    return _run(golden, "Lstmbidirect", lstm_cells=golden.config["lstm_cells"], **_head(golden))


def run_gru_bidirectional(path):
    golden = Golden(path)
    gating = "plain" if golden.config["gating"] else "none"
    return _run(golden, "GRUbidirect", gru_cells=golden.config["lstm_cells"], gating=gating, **_head(golden))


def run_willow_lstm(path):
    return _run_willow(Golden(path), "LstmModel", "lstm", state_output="every_state")


def run_willow_gru(path):
    return _run_willow(Golden(path), "GruModel", "gru")


def _run_willow(golden, name, cell, **overrides):
    numbers = {f"{cell}_{number}": golden.config[number] for number in ("cells", "layers", "backward")}
    moe = {"moe_num_mixtures": golden.config["moe_num_mixtures"], "video_level_classifier_model": "MoE"}
    return _run(golden, name, **numbers, **moe, **overrides)


def _head(golden):
    return {
        "video_level_classifier_model": golden.config["classifier"],
        "moe_num_mixtures": golden.config["moe_num_mixtures"],
    }


def _run(golden, name, **overrides):
    """Predictions and what the classifier reads; the file's inputs are normalised already."""
    frames = _frames(golden)
    model = _model(name, frames.shape[2], golden.config, normalization="none", **overrides)
    load_reference_weights(model, golden.weights)
    outputs = model({"frames": frames, "num_frames": golden.inputs["num_frames"]})
    classifier_input = model.head.classifier_input(outputs["representation"])
    return golden.compare({"predictions": outputs["predictions"], "classifier_input": classifier_input})


def _frames(golden):
    """The file's frames; WILLOW's `random_sequence` draws them with replacement, by the uniform numbers of the file."""
    frames = golden.inputs["model_input"]
    if not golden.config.get("random_sequence"):
        return frames
    drawn = (golden.inputs["uniform"] * golden.inputs["num_frames"][:, None]).astype(np.int32)
    return frames[np.arange(len(frames))[:, None], drawn]


def _model(name, size, config, **overrides):
    spec = FeatureSpec(names=("frames",), sizes=(size,), num_classes=config["vocab_size"])
    return build_model(registry.model_config(name, **overrides), spec)


def run_hrnn(path):
    golden = Golden(path)
    config, every = golden.config, golden.config["every_n"]
    frames, num_frames = golden.inputs["model_input_raw"], golden.inputs["num_frames"]
    rows = config["max_num_frames"]
    # In float64, as the reference: for some lengths the fraction falls just short of a whole number.
    count = (num_frames / rows * (rows // every)).astype(np.int32)
    chunks = (config["num_inputs_to_lstm"], config["student_num_inputs_L1"])
    inputs = {"teacher": (frames, num_frames), "student": (frames[:, ::every], count)}
    models, actual = {}, {"num_frames_student": count}
    for (name, batch), scope, number in zip(inputs.items(), ("model", "model_student"), chunks, strict=True):
        models[name] = _hierarchical(golden, batch[0].shape[1:], number, scope)
        outputs = models[name]({"frames": batch[0], "num_frames": batch[1]})
        actual |= {f"{name}_state": outputs["representation"], f"{name}_predictions": outputs["predictions"]}
    features, _ = models["student"].front_end({"frames": inputs["student"][0]}, count)
    actual["student_input"] = features["frames"]
    scalars = _losses(golden, models, actual)
    for name in scalars.keys() & golden.outputs.keys():
        np.testing.assert_allclose(scalars[name], golden.outputs[name], rtol=TOLERANCE, err_msg=name)
    return sorted(set(golden.compare(actual)) - scalars.keys())


def _hierarchical(golden, shape, chunks, scope):
    """Teacher or student, with the weights of its scope."""
    overrides = {name: golden.config[name] for name in ("lstm_cells", "lstm_layers", "moe_num_mixtures")}
    overrides |= {"max_num_frames": shape[0], "num_inputs_to_lstm": chunks}
    model = _model("HierarchicalLstmModel", shape[1], golden.config, **overrides)
    weights = {name: array for name, array in golden.weights.items() if name.startswith(f"{scope}/")}
    load_reference_weights(model, weights, scope)
    return model


def _losses(golden, models, actual):
    """The losses of the reference, of which L_rep counts twice in its total."""
    labels, penalty = golden.inputs["labels"], golden.config["regularization_penalty"]
    cross_entropy = {
        name: float(np.mean(losses.cross_entropy(labels, actual[f"{name}_predictions"]))) for name in models
    }
    regularization = {name: float(sum(model.losses)) for name, model in models.items()}
    # The reference takes the mean of L_rep over the videos, and the sum of L_pred.
    representation = float(np.mean(representation_loss(actual["teacher_state"], actual["student_state"])))
    prediction = float(np.sum(prediction_loss(actual["teacher_predictions"], actual["student_predictions"])))
    total = 2 * representation + prediction + cross_entropy["student"] + penalty * regularization["student"]
    return {
        "L_rep": representation,
        "L_pred": prediction,
        "L_CE": cross_entropy["student"],
        "teacher_label_loss": cross_entropy["teacher"],
        "total_student_loss": total,
        "teacher_reg_loss": regularization["teacher"],
        "student_reg_loss": regularization["student"],
    }


RUNNERS = {
    "lstm_google": run_lstm_google,
    "lstm_bidirectional": run_lstm_bidirectional,
    "gru_bidirectional": run_gru_bidirectional,
    "willow_lstm": run_willow_lstm,
    "willow_gru": run_willow_gru,
    "hrnn_": run_hrnn,
}
