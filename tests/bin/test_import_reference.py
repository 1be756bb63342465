"""Weights of a reference through the command, against what the reference computed with them."""

import json

import numpy as np
import pytest
from made_runs import REPOSITORY, run_python, save_with_tensorflow_1

from yt8m_distill.run_config import find_run, restore_model


@pytest.fixture(scope="module")
def golden():
    with np.load(REPOSITORY / "tests" / "golden" / "nextvlad_model_moe.npz") as arrays:
        return dict(arrays)


def test_an_imported_model_predicts_what_the_reference_did(golden, tmp_path):
    config = json.loads(str(golden["config"]))
    weights = {key: golden[key] for key in golden if key.startswith("tower/")}
    path = save_with_tensorflow_1({**weights, "global_step": np.array(500)}, tmp_path / "model.ckpt-500")
    numbers = ("nextvlad_cluster_size", "nextvlad_hidden_size", "groups", "expansion", "gating_reduction")
    process = run_python(
        [
            "-m",
            "yt8m_distill.bin.import_reference",
            "--model=NeXtVLADModel",
            f"--reference_checkpoint={path}",
            f"--train_dir={tmp_path / 'run'}",
            f"--feature_sizes={config['rgb_size']},{config['audio_size']}",
            f"--num_classes={config['vocab_size']}",
            f"--video_level_classifier_model={config['classifier']}",
            f"--moe_num_mixtures={config['moe_num_mixtures']}",
            "--normalization=none",
            *(f"--{name}={config[name]}" for name in numbers),
        ]
    )
    assert (process.returncode, process.stderr) == (0, "")
    assert process.stdout.strip().endswith(f"-> {tmp_path / 'run' / 'checkpoints' / 'ckpt-500'}")
    frames = golden["inputs/model_input"]
    features = {"rgb": frames[:, :, : config["rgb_size"]], "audio": frames[:, :, config["rgb_size"] :]}
    outputs = restore_model(find_run(str(tmp_path / "run")))({**features, "num_frames": golden["inputs/num_frames"]})
    np.testing.assert_allclose(outputs["predictions"], golden["outputs/predictions"], rtol=0, atol=1e-5)


def test_a_misfit_is_one_line(tmp_path):
    path = save_with_tensorflow_1({"tower/more/weights": np.zeros(3, "float32")}, tmp_path / "model.ckpt-1")
    arguments = [f"--reference_checkpoint={path}", f"--train_dir={tmp_path / 'run'}", "--model=FrameLevelLogistic"]
    process = run_python(["-m", "yt8m_distill.bin.import_reference", *arguments])
    assert process.returncode == 1
    assert len(process.stderr.splitlines()) == 1
    assert "fully_connected/weights is missing" in process.stderr
    assert not (tmp_path / "run").exists()
