"""Launcher under the name that users of the starter code type: see yt8m_distill/bin/evaluate.py."""

from yt8m_distill.bin.evaluate import run

if __name__ == "__main__":
    run()
