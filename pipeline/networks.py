"""Opens ONNX networks with onnxruntime."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np

ComputeDevice = Literal["cpu", "cuda"]
"""Where networks run, after auto is resolved."""
PROVIDERS: dict[ComputeDevice, str] = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


class Network:
    """An ONNX network with one input. It may be called from several threads at the same time.

    Args:
        model: the ONNX file, or its content.
        device: "cpu" or "cuda".
        threads: threads of one call; 0 lets onnxruntime choose.

    Raises:
        ValueError: the file is damaged, is no ONNX model, or has several inputs; or the device is neither of the two.
        RuntimeError: `device` is "cuda" and onnxruntime cannot use it.
    """

    metadata: Mapping[str, str]
    """What the file says of itself: its custom metadata."""

    def __init__(self, model: Path | bytes, device: ComputeDevice = "cpu", threads: int = 0) -> None:
        import onnxruntime

        if device not in PROVIDERS:
            raise ValueError(f"device must be one of {sorted(PROVIDERS)}, got {device!r}")
        source, name = (model, "the model") if isinstance(model, bytes) else (str(model), str(model))
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = threads
        # spinning threads would slow down decoding by a third
        settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
        settings.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(source, settings, providers=[PROVIDERS[device]])
        except Exception as error:  # onnxruntime raises its own, undocumented types
            raise ValueError(f"{name} cannot be run by onnxruntime: {error}") from error
        if PROVIDERS[device] not in self._session.get_providers():
            raise RuntimeError(f"onnxruntime has no working {PROVIDERS[device]} here")
        inputs = [tensor.name for tensor in self._session.get_inputs()]
        if len(inputs) != 1:
            raise ValueError(f"{name} must have one input, has {inputs}")
        (self._input,) = inputs
        self.metadata = self._session.get_modelmeta().custom_metadata_map

    def __call__(self, batch: np.ndarray) -> list[np.ndarray]:
        """All outputs, in the order of the file.

        Raises:
            ValueError: the network does not take an array of this shape or dtype.
        """
        try:
            return list(self._session.run(None, {self._input: batch}))
        except Exception as error:  # onnxruntime raises its own, undocumented types
            raise ValueError(f"the network cannot take an input of {batch.shape} {batch.dtype}: {error}") from error
