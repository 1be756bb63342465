import pathlib

import numpy as np
import pytest

from yt8m_distill.errors import InputError
from yt8m_distill.inference import segments
from yt8m_distill.inference.kaggle_csv import highest_scores
from yt8m_distill.inference.segments import SegmentSubmission, read_submission, read_whitelist, six_digits
from yt8m_distill.metrics.segment_map import segment_map

GOLDEN = pathlib.Path(__file__).parent.parent / "golden"
needs_golden = pytest.mark.skipif(not (GOLDEN / "csv_segment_small.npz").exists(), reason="no tests/golden")


def plain_lines(ids, classes, scores, whitelist, limit):
    """The same, with a list a class and `%g` texts."""
    found = {}
    for segment, labels, values in zip(ids, classes.tolist(), scores.tolist(), strict=True):
        for label, value in zip(labels, values, strict=True):
            if label in whitelist:
                found.setdefault(label, []).append((float(f"{value:g}"), segment))
    return [
        f"{label}," + " ".join(segment for _, segment in sorted(entries, key=lambda e: -e[0])[:limit])
        for label, entries in found.items()
    ]


@needs_golden
def test_the_file_equals_the_golden_submission(tmp_path):
    with np.load(GOLDEN / "csv_segment_small.npz") as golden:
        ids, predictions = golden["outputs/segment_ids"], golden["outputs/segment_predictions"]
    submission = SegmentSubmission(read_whitelist(GOLDEN / "csv_segment_small_label_ids.csv"))
    for rows in (slice(0, 3), slice(3, 8)):
        submission.add(ids[rows], *highest_scores(predictions[rows] * submission.class_mask(8), 8))
    submission.write(tmp_path / "segments.csv")
    assert (tmp_path / "segments.csv").read_bytes() == (GOLDEN / "csv_segment_small.csv").read_bytes()


@needs_golden
@pytest.mark.parametrize(
    "top_n, value, per_class",
    [
        (3, "segeval_map_top_n_last_segment_kept", None),
        (100_000, "segeval_map_uncapped_last_segment_kept", "segeval_aps_uncapped_last_segment_kept"),
    ],
)
def test_segment_map_of_the_golden_submission(top_n, value, per_class):
    with np.load(GOLDEN / "csv_segment_small.npz") as golden:
        ratings = zip(
            golden["outputs/segeval_label_segment_ids"].astype(str),
            golden["outputs/segeval_label_class"],
            golden["outputs/segeval_label_score"],
            strict=True,
        )
        result = segment_map(read_submission(GOLDEN / "csv_segment_small.csv"), ratings, top_n)
        assert result.value == pytest.approx(float(golden[f"outputs/{value}"]))
        if per_class:
            np.testing.assert_allclose(list(result.per_class.values()), golden[f"outputs/{per_class}"])


@pytest.mark.parametrize("limit", [1, 7, 1000])
@pytest.mark.parametrize("decimals", [1, 7])
def test_pruning_keeps_what_one_sort_at_the_end_would(monkeypatch, limit, decimals):
    monkeypatch.setattr(segments, "_PRUNE_AT", 50)
    predictions = np.round(np.random.default_rng(limit).random((300, 12)), decimals).astype(np.float32)
    ids = [f"v{i // 3}:{i % 3 * 5}" for i in range(300)]
    classes, scores = highest_scores(predictions, 6)
    whitelist = [11, 2, 3, 7]
    submission = SegmentSubmission(whitelist, limit)
    for begin in range(0, 300, 17):
        rows = slice(begin, begin + 17)
        submission.add(ids[rows], classes[rows], scores[rows])
    assert list(submission.lines()) == plain_lines(ids, classes, scores, whitelist, limit)


def test_memory_is_bounded_by_the_classes_and_not_by_the_segments(monkeypatch):
    monkeypatch.setattr(segments, "_PRUNE_AT", 50)
    submission = SegmentSubmission([0, 1], max_per_class=10)
    for step in range(100):
        submission.add([f"v{step}:{i}" for i in range(20)], np.tile([0, 1], (20, 1)), np.full((20, 2), step / 100))
        assert len(submission._kept[0]) + sum(len(batch[0]) for batch in submission._pending) <= 20 + 50
    assert [line.count("v99:") for line in submission.lines()] == [10, 10]


def test_scores_that_read_the_same_keep_their_order_of_arrival():
    submission = SegmentSubmission([4])
    submission.add(["a:0", "b:0", "c:0"], [[4], [4], [4]], np.array([[0.12345612], [0.12345649], [0.2]]))
    assert list(submission.lines()) == ["4,c:0 a:0 b:0"]


def test_six_digits_are_those_of_the_text():
    generator = np.random.default_rng(0)
    scores = (10.0 ** generator.uniform(-12, 3, 20_000) * generator.choice([-1, 1], 20_000)).astype(np.float32)
    scores[:6] = [0, 1, 0.001953125, 9.9999997e-06, 0.9999999, 2.0**-20]
    texts = np.array([float(f"{score:g}") for score in scores.tolist()], np.float32)
    np.testing.assert_array_equal(six_digits(scores), texts)


def test_no_segments_make_a_header_alone(tmp_path):
    SegmentSubmission([1]).write(tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == "Class,Segments\n"
    assert read_submission(tmp_path / "out.csv") == {}


def test_a_written_submission_reads_back(tmp_path):
    submission = SegmentSubmission([1, 2])
    submission.add([b"a:0", b"b:5"], [[2, 1], [1, 2]], np.array([[0.9, 0.1], [0.8, 0.3]]))
    submission.write(tmp_path / "out.csv")
    assert read_submission(tmp_path / "out.csv") == {2: ["a:0", "b:5"], 1: ["b:5", "a:0"]}


def test_the_whitelist_is_read_by_its_header(tmp_path):
    path = tmp_path / "classes.csv"
    path.write_text("Name,Index\nGame,7\nCar,3\n")
    assert read_whitelist(path).tolist() == [3, 7]


@pytest.mark.parametrize(
    "content, message",
    [
        ("Class\n1\n", "expected a CSV with a column `Index`"),
        ("", "expected a CSV with a column `Index`"),
        ("Index\n", "lists no class"),
        ("Index\n1\ncar\n", r"line 3: expected a class \(a whole number\), received 'car'"),
    ],
)
def test_a_wrong_whitelist_is_one_clear_line(tmp_path, content, message):
    path = tmp_path / "classes.csv"
    path.write_text(content)
    with pytest.raises(InputError, match=message):
        read_whitelist(path)


def test_missing_files_are_one_clear_line(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_whitelist(tmp_path / "nothing.csv")
    with pytest.raises(InputError, match="cannot be read"):
        read_submission(tmp_path / "nothing.csv")


def test_a_whitelist_beyond_the_classes_of_the_model_is_an_error():
    with pytest.raises(InputError, match="class 9 of the whitelist: the model has 8 classes"):
        SegmentSubmission([1, 9]).class_mask(8)


def test_a_line_that_is_no_class_is_an_error(tmp_path):
    (tmp_path / "out.csv").write_text("Class,Segments\nnothing\n")
    with pytest.raises(InputError, match="line 2"):
        read_submission(tmp_path / "out.csv")
