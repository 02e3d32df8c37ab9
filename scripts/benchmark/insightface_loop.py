"""A simple loop with insightface, as one would write it without facetally, for `scripts/benchmark/`."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from facetally.inputs import InputVideo
from facetally.models.engines import Engines
from facetally.options import RunOptions
from scripts.benchmark.comparison import Figures


def run_insightface_loop(videos: Sequence[InputVideo], engines: Engines, options: RunOptions) -> Figures:
    """OpenCV decodes, insightface's SCRFD runs on every sampled frame at 640 px, and each face is classified alone."""
    from insightface.model_zoo.scrfd import SCRFD
    from insightface.utils.face_align import norm_crop

    detector = SCRFD(str(engines.models["detector"].path))
    detector.prepare(0, input_size=(options.detection.input_px, options.detection.input_px))
    sampled = faces = 0
    for video in videos:
        capture = cv2.VideoCapture(str(video.path))
        before_s = -1.0
        while capture.grab():
            time_s = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
            is_due = before_s < 0 or options.sampling.is_due(before_s, time_s)
            before_s = time_s
            if not is_due:
                continue
            image = capture.retrieve()[1]
            sampled += 1
            _, landmarks = detector.detect(image)
            for points in landmarks:
                crop = cv2.cvtColor(norm_crop(image, points), cv2.COLOR_BGR2RGB)
                engines.classifier.predict(np.ascontiguousarray(crop[None]))
                faces += 1
        capture.release()
    return {"sampled": sampled, "faces": faces}
