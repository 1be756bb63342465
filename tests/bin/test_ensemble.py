"""The command that weighs runs: the table of the paper, weights written and read again, and what it refuses."""

import csv
import json
import os
import re

import numpy as np
import pytest
import tensorflow as tf
from commands import run_commands
from made_runs import VIDEO, make_config, make_videos, train, video_record, write_shards

from yt8m_distill.inference.evaluate import evaluate
from yt8m_distill.run_config import find_run, restore_model


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two video-level runs, of which B is larger and trained for longer, and records."""
    folder = tmp_path_factory.mktemp("ensemble")
    shards = write_shards(folder, "data", [video_record(video) for video in make_videos(40)], shards=2)
    train(make_config("HiddenLayer_tiny", VIDEO, max_steps=2), folder / "A", shards)
    larger = make_config("HiddenLayer_tiny", VIDEO, {"num_hidden_units": 128}, max_steps=12, seed=1)
    train(larger, folder / "B", shards)
    return folder


@pytest.fixture(scope="module")
def outcomes(folder):
    """{case: (status, stdout, stderr)}."""
    members, data = f"--members={folder}/A,{folder}/B", f"--search_data_pattern={folder}/*.tfrecord"
    stored, folds = f"--predictions_file={folder}/predictions.npz", "--folds=3"
    search = [members, data, folds, stored]
    evaluation = f"--eval_data_pattern={folder}/*.tfrecord"
    inside = [f"--output_dir={folder}/export", "--overwrite"]
    (folder / "table.txt").mkdir()
    over = [f"--weights_file={folder}/over.json", f"--output_dir={folder}/over"]
    lines = {
        "ascend": [*search, "--search=ascend", f"--weights_file={folder}/ascend.json"],
        "random": [*search, "--search=random", "--trials=5", "--seed=3", f"--weights_file={folder}/random.json"],
        # A has 1 kB, B 20 kB, and 0.125 MiB are left for the graph.
        "greedy": [*search, "--search=greedy", "--size_budget_mb=0.135", f"--output_dir={folder}/grown", evaluation],
        "given": [members, "--weights=1,3", f"--output_dir={folder}/export", "--top_k=3"],
        "not replaced": [members, "--weights=1,3", f"--output_dir={folder}/export"],
        "read": [f"--members={folder}/B,{folder}/A", f"--weights_file={folder}/random.json"],
        "read and scored": [members, data, stored, f"--weights_file={folder}/random.json"],
        "over budget": [*search, "--search=equal", "--size_budget_mb=0.01", f"--weights_file={folder}/over.json"],
        "export over budget": [*search, "--search=equal", "--size_budget_mb=0.03", *over],
        "nothing fits": [*search, "--search=greedy", "--size_budget_mb=0.01"],
        "few classes": [*search, "--search=equal", "--kept_classes=19"],
        "means": [
            members,
            "--search=ascend",
            "--search_data_pattern=none",
            f"--output_dir={folder}/m",
            "--form=mediapipe",
        ],
        "no export": [members, "--weights=1,3", evaluation],
        "other members": [f"--members={folder}/A", f"--weights_file={folder}/random.json"],
        "twice": [f"--members={folder}/A,{folder}/A", "--search=equal"],
        "three weights": [members, "--weights=1,2,3"],
        "both": [members, "--weights=1,2", "--search=equal"],
        "two weights": [members, "--weights=1,2", f"--weights_file={folder}/random.json"],
        "no number": [members, "--weights=1,2", "--size_budget_mb=nan"],
        "neither": [members],
        "no data": [members, "--search=ascend"],
        "no members": ["--search=equal"],
        "empty name": [f"--members={folder}/A,", "--search=equal"],
        "predictions inside": [*search, "--search=equal", *inside, f"--predictions_file={folder}/export/p.npz"],
        "weights inside": [*search, "--search=equal", *inside, f"--weights_file={folder}/export/over.json"],
        "plot inside": [*search, "--search=equal", *inside, f"--plot={folder}/export/p.png"],
        "weights as table": [members, "--search=equal", f"--weights_file={folder}/over.csv"],
        "report is a folder": [*over[1:], members, "--search=equal", f"--weights_file={folder}/table.json"],
        "other predictions": [f"--members={folder}/A", data, stored, "--search=ascend"],
    }
    return run_commands("yt8m_distill.bin.ensemble", lines)


def _table(out):
    """{member: cells} of what was printed."""
    lines = out.splitlines()
    assert lines[0].split("  ")[0] == "member"
    return {line.split()[0]: line.split()[1:] for line in lines[1:4]}


def test_the_table_is_that_of_the_paper(outcomes, folder):
    status, out, err = outcomes["random"]
    assert (status, err) == (0, "")
    table = _table(out)
    assert table["A"][0] == table["B"][0] == "HiddenLayer_tiny"
    for name in "AB":
        run = find_run(f"{folder}/{name}")
        results, _ = evaluate(restore_model(run), VIDEO, [f"{folder}/data{n}.tfrecord" for n in (0, 1)], progress=False)
        assert float(table[name][-1]) == pytest.approx(results["gap"], abs=1e-5)
    assert float(table["A"][3]) + float(table["B"][3]) == pytest.approx(1, abs=1e-4)
    assert float(table["A"][2][:-1]) + float(table["B"][2][:-1]) == pytest.approx(100, abs=0.02)
    assert table["all"][1:] == ["100.00%", "1.0000"]
    assert re.search(r"^weights \(random\) +0\.\d{5} +0\.\d{5}$", out, re.MULTILINE)
    assert re.search(r"^gain over equal weights: \S+ on the videos .* held out \S+ \(standard", out, re.MULTILINE)


def test_weights_table_and_how_they_came_about_are_written(outcomes, folder):
    with open(folder / "random.json", encoding="utf-8") as file:
        written = json.load(file)
    assert written["search"] == {
        "method": "random",
        "trials": 5,
        "seed": 3,
        "data": f"{folder}/*.tfrecord",
        "folds": 3,
    }
    assert (folder / "random.txt").read_text() in outcomes["random"][1]
    with open(folder / "random.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["weight"]) for row in rows] == [member["weight"] for member in written["members"]]
    assert len(written["score"]["nested"]["held_out"]) == 3


def test_bytes_are_those_of_the_weights(outcomes, folder):
    with open(folder / "ascend.json", encoding="utf-8") as file:
        members = json.load(file)["members"]
    for member in members:
        assert member["num_bytes"] == 4 * restore_model(find_run(member["run"])).count_params()
    assert members[1]["num_bytes"] > 10_000 > members[0]["num_bytes"]


def test_a_written_search_is_read_in_any_order_of_the_members(outcomes):
    status, out, err = outcomes["read"]
    assert (status, err) == (0, "")
    found, read = _table(outcomes["random"][1]), _table(out)
    assert next(iter(read)) == "B"
    assert all(read[name][:4] == found[name][:4] for name in "AB")


def test_the_search_is_named_whose_weights_are_read(outcomes, folder):
    said = f"weights of {folder}/random.json, found by --search=random on {folder}/*.tfrecord"
    assert all(said in outcomes[case][1].splitlines() for case in ("read", "read and scored"))


def test_of_weights_that_are_read_nothing_is_called_held_out(outcomes):
    status, out, err = outcomes["read and scored"]
    assert (status, err) == (0, "")
    assert re.search(r"^GAP@20 +on these 40 videos$", out, re.MULTILINE)
    found, read = (
        [float(number) for number in re.findall(r"\(\w+\) +([\d.]+)", outcomes[case][1])]
        for case in ("random", "read and scored")
    )
    assert found[0] == read[0]
    assert re.search(r"^gain over equal weights: \S+ on these videos; nothing is held out", out, re.MULTILINE)
    assert "folds" not in out


def test_the_card_says_how_the_members_were_weighed_and_how_they_do(outcomes, folder):
    given, grown = (json.loads((folder / name / "model_card.json").read_text()) for name in ("export", "grown"))
    assert given["search"] == {"method": "given"} and "score" not in given
    assert given["evaluation"] is None
    assert grown["search"]["method"] == "greedy" and grown["search"]["steps"][0]["added"] == "A"
    assert len(grown["score"]["nested"]["held_out"]) == 3
    assert grown["evaluation"]["data"] == f"{folder}/*.tfrecord"
    assert f"GAP@20 {grown['evaluation']['gap']:.4f}, mAP" in outcomes["greedy"][1]


def test_given_weights_need_no_data(outcomes):
    table = _table(outcomes["given"][1])
    assert [table[name][3] for name in "AB"] == ["0.2500", "0.7500"]
    assert "GAP@20" not in outcomes["given"][1]


def test_the_export_predicts_the_weighted_mean(outcomes, folder):
    assert re.search(
        r"^largest difference to the weighted sum of the members .*: \d\.\de-\d\d$", outcomes["given"][1], re.M
    )
    random = np.random.default_rng(0)
    inputs = {
        f"mean_{name}": random.normal(size=(5, size)).astype(np.float32) for name, size in (("rgb", 16), ("audio", 8))
    }
    alone = [restore_model(find_run(f"{folder}/{name}"))(inputs, training=False)["predictions"] for name in "AB"]
    served = tf.saved_model.load(str(folder / "export")).signatures["features"](**inputs)["predictions"]
    np.testing.assert_allclose(served, 0.25 * alone[0] + 0.75 * alone[1], atol=1e-6)


def test_greedy_keeps_to_the_budget_and_says_what_joined(outcomes):
    status, out, err = outcomes["greedy"]
    assert (status, err) == (0, "")
    table = _table(out)
    assert (table["A"][3], table["B"][3]) == ("1.0000", "0.0000")
    assert re.search(r"^joined: A, 0\.0 MB, GAP 0\.\d{5}$", out, re.MULTILINE)


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("over budget", r"over budget: .* --size_budget_mb is 0\.01\. The largest is \S+/B with 0\.02 MiB"),
        ("export over budget", r"over budget: .* of the budget of .* No export was written"),
        ("few classes", r"--?kept_classes.*19"),
        ("means", "MediaPipe feeds frames and this model reads video-level features"),
        ("no export", "--eval_data_pattern evaluates a SavedModel: give --output_dir too"),
        ("not replaced", r"/export is there already: give another --output_dir, or --overwrite"),
        ("nothing fits", "no member fits into --size_budget_mb"),
        ("other members", r"other members .*: none for no one more, and some for \S+/B"),
        ("twice", r"--members names the checkpoint \S+ twice"),
        ("three weights", "--weights=1,2,3: expected a number of at least 0 for each of the 2 members"),
        ("both", "--weights and --search exclude each other"),
        ("two weights", "--weights and --weights_file exclude each other"),
        ("no number", "--size_budget_mb=nan: expected a number above 0"),
        ("neither", "give --weights, --search, or the --weights_file"),
        ("no data", "--search=ascend needs --search_data_pattern"),
        ("no members", "--members= has an empty name"),
        ("empty name", r"--members=\S+/A, has an empty name"),
        ("predictions inside", r"--predictions_file=\S+/p\.npz lies in --output_dir=\S+/export"),
        ("weights inside", r"--weights_file=\S+/over\.json lies in --output_dir=\S+/export"),
        ("plot inside", r"--plot=\S+/p\.png lies in --output_dir=\S+/export"),
        ("weights as table", r"--weights_file=\S+/over\.csv: expected a name that ends in \.json"),
        ("report is a folder", r"table\.txt is a directory: expected the name of a file"),
        ("other predictions", "holds predictions made with other members"),
    ],
)
def test_what_does_not_go_is_said_in_one_line(case, said, outcomes, folder):
    status, _, err = outcomes[case]
    assert (status, err.count("\n")) == (1, 1)
    assert re.search(said, err)
    assert not any(os.path.exists(folder / name) for name in ("over.json", "over.txt", "over.csv", "over", "m"))
