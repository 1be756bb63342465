import pathlib

import numpy as np
import pytest

from yt8m_distill.errors import InputError
from yt8m_distill.inference import kaggle_csv

GOLDEN = pathlib.Path(__file__).parent.parent / "golden"


def plain_lines(ids, predictions, top_k):
    """A line as the format says, one number at a time."""
    lines = []
    for video, row in zip(ids, predictions.tolist(), strict=True):
        best = sorted(range(len(row)), key=lambda c: (-row[c], c))[:top_k]
        lines.append(video + "," + " ".join(f"{c} {row[c]:g}" for c in best))
    return lines


@pytest.mark.parametrize("top_k", [1, 5, 40])
@pytest.mark.parametrize("decimals", [1, 8])
def test_lines_equal_the_plain_format_with_and_without_ties(top_k, decimals):
    generator = np.random.default_rng(top_k)
    predictions = np.round(generator.random((50, 40)) ** 8, decimals).astype(np.float32)
    ids = [f"v{i:03}" for i in range(50)]
    lines = kaggle_csv.format_lines(ids, *kaggle_csv.highest_scores(predictions, top_k))
    assert lines == plain_lines(ids, predictions, top_k)


def test_scores_have_six_significant_digits():
    predictions = np.array([[0.99999988, 1e-5, 0.123456789, 0, 0.5]], np.float32)
    (line,) = kaggle_csv.format_lines([b"abcd"], *kaggle_csv.highest_scores(predictions, 5))
    assert line == "abcd,0 1 4 0.5 2 0.123457 1 1e-05 3 0"


@pytest.mark.skipif(not (GOLDEN / "csv_inference_video.npz").exists(), reason="no tests/golden")
def test_the_file_equals_the_golden_submission(tmp_path):
    with np.load(GOLDEN / "csv_inference_video.npz") as golden:
        ids, predictions = golden["outputs/video_ids"], golden["outputs/predictions"]
    best = kaggle_csv.highest_scores(predictions, 4)
    batches = [(ids[rows], best[0][rows], best[1][rows]) for rows in (slice(0, 2), slice(2, 3))]
    path = tmp_path / "submission.csv"
    assert kaggle_csv.write_submission(path, batches) == 3
    assert path.read_bytes() == (GOLDEN / "csv_inference_video.csv").read_bytes()


@pytest.mark.parametrize("top_k", [0, 6])
def test_top_k_must_lie_between_one_and_the_number_of_classes(top_k):
    with pytest.raises(InputError, match=f"--top_k={top_k}: expected 1 to 5"):
        kaggle_csv.highest_scores(np.zeros((2, 5)), top_k)


def test_nan_predictions_are_an_error():
    with pytest.raises(InputError, match="NaN"):
        kaggle_csv.highest_scores(np.array([[0.5, np.nan]]), 1)


def test_a_failure_midway_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "submission.csv"
    path.write_text("old")

    def batches():
        yield ["a"], [[1]], [[0.5]]
        raise InputError("shard 2 is truncated")

    with pytest.raises(InputError, match="shard 2"):
        kaggle_csv.write_submission(path, batches())
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_and_a_directory_are_errors_that_name_the_path(tmp_path):
    with pytest.raises(InputError, match=r"nowhere/out\.csv cannot be written"):
        kaggle_csv.write_submission(tmp_path / "nowhere" / "out.csv", [])
    with pytest.raises(InputError, match="is a directory"):
        kaggle_csv.write_submission(tmp_path, [])
