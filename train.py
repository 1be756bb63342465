"""Launcher under the name that users of the starter code type: see yt8m_distill/bin/train.py."""

from yt8m_distill.bin.train import run

if __name__ == "__main__":
    run()
