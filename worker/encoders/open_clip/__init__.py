"""Models of the ``open_clip`` package (on PyPI: ``open_clip_torch``)."""
