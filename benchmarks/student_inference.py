"""Times TFRecords to a Kaggle CSV: a teacher that sees all frames against its student that sees k of them.

The columns are those of table 3 in "Efficient Video Classification Using Fewer Frames": k, time, multiply-adds of a
video of 300 frames. Teacher and student are one architecture (H-RNN's student is the registered one) with random
weights: this measures time, not quality, which `yt8m_distill.bin.reproduce --table=fewer_frames/3` sets beside the time
of models that are small enough to be trained on two cores.

Both go the road of inference.py: `read_batches` of one of them reads, decodes and moves all frames,
that of the other k frames at equal distances; the same compiled prediction, the same writer. They run in turn (A B C
A B C ...) in one process after a pass that does not count; the files are in the system's cache and indexed.
`input_share` is the time of a pass that only reads, over the time of the whole: what reading would cost if nothing
overlapped with it.

What is left of the teacher's time is arithmetic: weights behind the frames are read for every video however few its
frames are. NeXtVLAD's 84 M of them are 6 % of its multiply-adds at 300 frames and 38 % at 30; NetVLAD's 91 M are 69 %
at 300 frames already. `python -m yt8m_distill.bin.cost --model=NetVLAD --num_frames=300,30` lists them.

The last line is one JSON object: per model and k the medians, `student_vs_teacher_time`, `multiply_adds` and
`input_share`, and the worst share of time and of reading over the k of the first model.
Three minutes: python benchmarks/student_inference.py
With H-RNN, whose teacher takes a fifth of a second a video: --models=HRNN --videos=128
"""

import dataclasses
import json
import os
import statistics
import tempfile
import time

from absl import flags
from parts.made_videos import write_videos

from yt8m_distill.bin import command

FLAGS = flags.FLAGS

flags.DEFINE_list("models", ["NeXtVLAD", "NetVLAD"], "Registered models; each is teacher and student.")
flags.DEFINE_list("frames", ["30", "15"], "k of the students.")
flags.DEFINE_integer(
    "videos", 384, "Videos of 120 to 300 frames that are written to a temporary folder.", lower_bound=8
)
flags.DEFINE_integer("batch_size", 128, "Videos that go through the model together.", lower_bound=1)
flags.DEFINE_integer("rounds", 3, "Times that each side runs, after one that does not count.", lower_bound=1)
flags.DEFINE_string("student_of_hrnn", "HRNN_student_30", "The registered student of HRNN, cut to k frames.")


def model_of(name, spec):
    """The ModelConfig for the frames of `spec`."""
    from yt8m_distill.hyperparameters import registry

    if name == "HRNN" and spec.sampled_frames:
        return registry.model_config(FLAGS.student_of_hrnn, max_num_frames=spec.sampled_frames)
    return registry.model_config(name)


def build(name, spec):
    """The compiled prediction of a model for `spec`."""
    from yt8m_distill.inference.predict import make_predict_top_k
    from yt8m_distill.models.classifier import build_model

    return make_predict_top_k(build_model(model_of(name, spec), spec, seed=0), spec, 20)


def multiply_adds(name, spec):
    """Of one video of 300 frames, or of the sampled ones."""
    from yt8m_distill.cost.model_cost import model_cost

    return model_cost(model_of(name, spec), spec, (spec.frame_limit,)).total.multiply_adds[0]


def batches(shards, spec):
    from yt8m_distill.data.pipeline import ReadOptions, read_batches

    return read_batches(shards, spec, ReadOptions(FLAGS.batch_size), labelled=False)


def seconds_of_reading(shards, spec):
    iterator = iter(batches(shards, spec))
    start = time.perf_counter()
    for _ in iterator:
        pass
    return time.perf_counter() - start


def write_csv(shards, spec, predict, path):
    """Every record of the shards as a line of the CSV; checks that none is missing."""
    from yt8m_distill.inference.kaggle_csv import write_submission

    def scored():
        for batch in batches(shards, spec):
            classes, scores = predict(batch)
            yield batch["id"].numpy(), classes.numpy(), scores.numpy()

    if write_submission(path, scored()) != FLAGS.videos:
        raise ValueError(f"{path} does not hold {FLAGS.videos} videos.")


def compare(name, shards, folder):
    """{k: results} of one model; k = "all" is the teacher."""
    from yt8m_distill.spec import FeatureSpec

    specs = {"all": FeatureSpec()} | {
        k: dataclasses.replace(FeatureSpec(), sampled_frames=int(k)) for k in FLAGS.frames
    }
    predicts = {k: build(name, spec) for k, spec in specs.items()}
    whole, reading = ({k: [] for k in specs} for _ in range(2))
    for _ in range(FLAGS.rounds + 1):
        for k, spec in specs.items():
            reading[k].append(seconds_of_reading(shards, spec))
            start = time.perf_counter()
            write_csv(shards, spec, predicts[k], os.path.join(folder, f"{name}_{k}.csv"))
            whole[k].append(time.perf_counter() - start)
    results = {}
    for k, spec in specs.items():
        seconds = statistics.median(whole[k][1:])
        results[k] = {
            "ms_per_video": round(1000 * seconds / FLAGS.videos, 3),
            "multiply_adds": multiply_adds(name, spec),
            "input_share": round(statistics.median(reading[k][1:]) / seconds, 4),
            "student_vs_teacher_time": round(
                statistics.median(own / all for own, all in zip(whole[k][1:], whole["all"][1:], strict=True)), 4
            ),
        }
        print(_line(name, k, results[k], results["all"]), flush=True)
    return results


def _line(name, k, result, teacher):
    work = f"{result['multiply_adds'] / 1e6:9.1f} M multiply-adds"
    shares = f"{result['input_share']:.1%} of it reading, {result['student_vs_teacher_time']:.1%} of the teacher's"
    less = f"{1 - result['multiply_adds'] / teacher['multiply_adds']:.0%} fewer"
    return f"{name:<10} k = {k:>3}  {result['ms_per_video']:8.2f} ms a video, {shares}; {work}, {less}"


def main(arguments):
    command.no_arguments(arguments)
    command.import_tensorflow()
    import tensorflow as tf

    tf.get_logger().setLevel("ERROR")  # one compiled prediction a model is meant, not retracing
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        os.environ["YT8M_DISTILL_INDEX_DIR"] = os.path.join(folder, "index")
        write_videos(folder, FLAGS.videos)
        shards = sorted(os.path.join(folder, name) for name in os.listdir(folder) if name.endswith(".tfrecord"))
        models = {name: compare(name, shards, folder) for name in FLAGS.models}
    students = [result for k, result in models[FLAGS.models[0]].items() if k != "all"]
    worst = {key: max(student[key] for student in students) for key in ("input_share", "student_vs_teacher_time")}
    print(json.dumps({"videos": FLAGS.videos, "load_before": round(load, 1), "models": models, **worst}))


if __name__ == "__main__":
    command.run(main, __doc__)
