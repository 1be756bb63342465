"""Launcher under the name that users of the starter code type: see yt8m_distill/bin/infer.py."""

from yt8m_distill.bin.infer import run

if __name__ == "__main__":
    run()
