import io

import pytest
import tensorflow as tf

from yt8m_distill.training.callbacks import COLUMNS, MetricsCSV, ProgressLine, TensorBoardScalars

HEADER = ",".join(COLUMNS)


def _logs(step, **changes):
    numbers = dict.fromkeys(COLUMNS, 0.25) | {"step": float(step), "epoch": 0.0, "examples": step * 8.0}
    return {**numbers, "seconds_left": 3725.0, **changes}


def _row(step):
    return f"{step},0,{step * 8}" + ",0.25" * 7


def _lines(path):
    return path.read_text().splitlines()


def test_a_row_is_written_for_each_step_with_numbers(tmp_path):
    metrics = MetricsCSV(str(tmp_path / "metrics.csv"), step=0)
    metrics.on_train_begin()
    for batch, logs in enumerate([{}, _logs(2), {}, _logs(4)]):
        metrics.on_train_batch_end(batch, logs)
    assert _lines(tmp_path / "metrics.csv") == [HEADER, _row(2), _row(4)]


@pytest.mark.parametrize("half", ["", "4", "40,0,32", "400,0,3200" + ",0.25" * 6 + ",0.2"])
def test_a_resumed_run_keeps_the_rows_up_to_its_checkpoint(half, tmp_path):
    path = tmp_path / "metrics.csv"
    path.write_text("\n".join([HEADER, _row(2), _row(4), _row(6), half]))
    MetricsCSV(str(path), step=4).on_train_begin()
    assert _lines(path) == [HEADER, _row(2), _row(4)]


def test_half_a_row_is_dropped_whatever_number_it_begins_with(tmp_path):
    path = tmp_path / "metrics.csv"
    path.write_text(f"{HEADER}\n{_row(10)}\n2")  # of 20
    MetricsCSV(str(path), step=15).on_train_begin()
    assert _lines(path) == [HEADER, _row(10)]


def test_a_new_run_begins_a_new_file(tmp_path):
    path = tmp_path / "metrics.csv"
    path.write_text(f"{HEADER}\n{_row(2)}\n")
    MetricsCSV(str(path), step=0).on_train_begin()
    assert _lines(path) == [HEADER]


@pytest.mark.parametrize("text", ["", HEADER[:10], HEADER + "\n"])
def test_a_file_without_rows_is_begun_again(text, tmp_path):
    path = tmp_path / "metrics.csv"
    path.write_text(text)
    MetricsCSV(str(path), step=4).on_train_begin()
    assert _lines(path) == [HEADER]


def test_numbers_are_written_so_that_they_read_back_the_same(tmp_path):
    metrics = MetricsCSV(str(tmp_path / "metrics.csv"), step=0)
    metrics.on_train_begin()
    metrics.on_train_batch_end(0, _logs(1, loss=1 / 3))
    assert float(_lines(tmp_path / "metrics.csv")[1].split(",")[3]) == 1 / 3


def test_tensorboard_events_read_back(tmp_path):
    board = TensorBoardScalars(str(tmp_path))
    board.on_train_begin()
    board.on_train_batch_end(3, {})
    board.on_train_batch_end(4, _logs(5, loss=0.75))
    board.on_epoch_end(0, {"step": 6, "eval_gap": 0.5})
    board.on_train_end()
    found = {}
    for path in tmp_path.iterdir():
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            event = tf.compat.v1.Event.FromString(record)
            for value in event.summary.value:
                assert value.metadata.plugin_data.plugin_name == "scalars"
                found[value.tag, event.step] = tf.make_ndarray(value.tensor).item()
    assert found["train/loss", 5] == 0.75
    assert found["eval/gap", 6] == 0.5
    assert {tag for tag, step in found if step == 5} == {f"train/{key}" for key in COLUMNS[3:]}


class Terminal(io.StringIO):
    def isatty(self):
        return True


def _progress(stream):
    progress = ProgressLine(num_epochs=3, stream=stream)
    for batch, logs in enumerate([{}, _logs(2), {}, _logs(4, seconds_left=None)]):
        progress.on_train_batch_end(batch, logs)
    return progress


def test_progress_in_a_file_is_one_line_a_row():
    stream = io.StringIO()
    _progress(stream).on_train_end()
    first, second = stream.getvalue().splitlines()
    assert "\r" not in first and first.endswith("0.2 examples/s  1:02:05 left")
    assert "step      2  epoch 1/3  loss   0.2500  GAP 0.2500" in first
    assert "left" not in second


def test_progress_on_a_terminal_is_one_line_written_over(monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    stream = Terminal()
    progress = _progress(stream)
    assert "\n" not in stream.getvalue()
    lines = [line.removesuffix("\x1b[K") for line in stream.getvalue().split("\r")[1:]]
    assert [line[:11] for line in lines] == ["step      2", "step      4"]
    assert max(map(len, lines)) < 60
    progress.on_epoch_end(0)
    progress.on_train_end()
    assert stream.getvalue().count("\n") == 1


def test_a_line_left_open_is_closed_when_training_ends():
    stream = Terminal()
    _progress(stream).on_train_end()
    assert stream.getvalue().endswith("\n")
