"""Packaging of yt8m_distill."""

import pathlib
import re

from setuptools import find_packages, setup

HERE = pathlib.Path(__file__).parent
VERSION = re.search(r'__version__ = "(.*)"', (HERE / "yt8m_distill/__init__.py").read_text()).group(1)

setup(
    name="yt8m_distill",
    version=VERSION,
    description="Video classification from frame features: YouTube-8M models, distillation and size budgets in Keras 3",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=find_packages(include=["yt8m_distill*", "tfrecords_tools*"]),
    install_requires=["tensorflow>=2.16.2", "keras>=3.15", "numpy>=1.26", "pandas>=2.2", "absl-py>=2", "tqdm>=4.66"],
    extras_require={
        # tensorflow-io 0.37.1 is built for TensorFlow 2.16 only: it opens s3://, hdfs:// and az:// paths.
        "io": ["tensorflow==2.16.2", "tensorflow-io==0.37.1"],
        # The papers' tables and figures: pictures, t-SNE, and Student's t.
        "reproduce": ["matplotlib>=3.8", "scikit-learn>=1.4", "scipy>=1.11"],
        "test": ["pytest>=8", "pytest-xdist>=3.5", "ruff>=0.6"],
    },
    entry_points={
        "console_scripts": [
            "yt8m-train = yt8m_distill.bin.train:run",
            "yt8m-distill = yt8m_distill.bin.distill:run",
            "yt8m-average = yt8m_distill.bin.average:run",
            "yt8m-quantize = yt8m_distill.bin.quantize:run",
            "yt8m-ensemble = yt8m_distill.bin.ensemble:run",
            "yt8m-eval = yt8m_distill.bin.evaluate:run",
            "yt8m-inference = yt8m_distill.bin.infer:run",
            "yt8m-export = yt8m_distill.bin.export:run",
            "yt8m-import-reference = yt8m_distill.bin.import_reference:run",
            "yt8m-reproduce = yt8m_distill.bin.reproduce:run",
            "yt8m-compare = yt8m_distill.bin.compare:run",
            "yt8m-cost = yt8m_distill.bin.cost:run",
            "yt8m-demo = yt8m_distill.bin.demo:run",
            "yt8m-synthesize = tfrecords_tools.synthesize:run",
            "yt8m-show = tfrecords_tools.show:run",
            "yt8m-verify = tfrecords_tools.verify:run",
            "yt8m-soft-labels = yt8m_distill.bin.soft_labels:run",
            "yt8m-expand = tfrecords_tools.expand:run",
            "yt8m-index = tfrecords_tools.index:run",
            "yt8m-download = tfrecords_tools.download:run",
        ]
    },
)
