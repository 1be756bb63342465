"""`python -m tfrecords_tools.soft_labels`: see yt8m_distill/bin/soft_labels.py."""

from yt8m_distill.bin.soft_labels import run

if __name__ == "__main__":
    run()
