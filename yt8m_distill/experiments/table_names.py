"""The tables and figures there are, for flags. Standard library only."""

# {name: levels of the records that it can be made of, the first one for synthetic records}.
LEVELS = {
    **{f"fewer_frames/{name}": ("frame",) for name in ("1", "2", "3", "4", "5", "6", "figure2", "figure3")},
    **{f"size_constrained/{name}": ("video", "frame") for name in ("1", "2", "3", "4")},
    "multi_teacher/1": ("video",),
}
# {name: level of the records; None for any}.
DATA = {"audioset": "frame", "expanded": "frame", "video_level": "video", "synthetic": None}
