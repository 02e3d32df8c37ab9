"""Work that OpenCV does once in each process, done in the server that worker processes are forked from."""

from __future__ import annotations

import cv2
import numpy as np

cv2.cvtColor(np.zeros((1, 1, 3), np.uint8), cv2.COLOR_RGB2LAB)  # makes its tables, which takes a tenth of a second
