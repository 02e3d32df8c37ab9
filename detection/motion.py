"""The tracker's motion model: a Kalman filter in seconds and face sizes, for many tracks at once.

Each track has a position and a velocity in pixels, the same uncertainty along x and y, and a size. Between samples the
velocity decays (an Ornstein-Uhlenbeck process): heads start and stop within a second, so that a
constant velocity would overshoot. All noise scales with the face's size: a face twice as near may move twice as far.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

VELOCITY_MEMORY_S = 0.4
"""After this time a velocity has decayed to 1/e."""
POSITION_NOISE = 0.06
"""Standard deviation of a detected centre, in face sizes."""
ACCELERATION_NOISE = 4.0
"""Spectral density of the velocity's random change, in face sizes per second^1.5."""
START_VELOCITY = 1.5
"""Standard deviation of a new track's velocity, in face sizes per second."""
SIZE_GAIN = 0.5
"""Weight of each detection in the size, in [0, 1]."""


@dataclass(frozen=True)
class Motion:
    """The state of T tracks."""

    centre: Array
    """(T, 2) x, y in pixels."""
    velocity: Array
    """(T, 2) pixels per second."""
    size: Array
    """(T,) geometric mean of width and height in pixels."""
    covariance: Array
    """(T, 2, 2) of (position, velocity) along either axis, in pixels and pixels per second."""

    def __len__(self) -> int:
        return len(self.centre)

    def __getitem__(self, which: npt.NDArray[np.generic]) -> Motion:
        return Motion(self.centre[which], self.velocity[which], self.size[which], self.covariance[which])

    @classmethod
    def begin(cls, centre: Array, size: Array) -> Motion:
        """New tracks at (T, 2) centres with (T,) sizes, initially at rest."""
        covariance = np.zeros((len(centre), 2, 2))
        covariance[:, 0, 0] = (POSITION_NOISE * size) ** 2
        covariance[:, 1, 1] = (START_VELOCITY * size) ** 2
        return cls(centre.astype(np.float64), np.zeros((len(centre), 2)), size.astype(np.float64), covariance)

    @classmethod
    def concatenate(cls, a: Motion, b: Motion) -> Motion:
        """The tracks of `a`, then those of `b`."""
        return cls(
            np.concatenate([a.centre, b.centre]),
            np.concatenate([a.velocity, b.velocity]),
            np.concatenate([a.size, b.size]),
            np.concatenate([a.covariance, b.covariance]),
        )

    def predict(self, seconds: Array) -> Motion:
        """The state after (T,) seconds without a detection."""
        decay = np.exp(-seconds / VELOCITY_MEMORY_S)  # (T,)
        reach = VELOCITY_MEMORY_S * (1 - decay)  # seconds at the present velocity
        step = np.zeros((len(self), 2, 2))
        step[:, 0, 0], step[:, 0, 1], step[:, 1, 1] = 1, reach, decay
        # integrated noise of the decaying velocity over `seconds`
        tau, q = VELOCITY_MEMORY_S, (ACCELERATION_NOISE * self.size) ** 2
        noise = np.zeros_like(step)
        noise[:, 1, 1] = q * tau / 2 * (1 - decay**2)
        noise[:, 0, 1] = noise[:, 1, 0] = q * tau**2 / 2 * (1 - decay) ** 2
        noise[:, 0, 0] = q * tau**2 * (seconds - tau / 2 * (3 - 4 * decay + decay**2))
        return Motion(
            centre=self.centre + self.velocity * reach[:, None],
            velocity=self.velocity * decay[:, None],
            size=self.size,
            covariance=step @ self.covariance @ step.transpose(0, 2, 1) + noise,
        )

    def correct(self, centre: Array, size: Array) -> Motion:
        """The state after each track was detected at its (T, 2) centre with its (T,) size."""
        variance = self.covariance[:, 0, 0] + (POSITION_NOISE * self.size) ** 2  # (T,)
        gain = self.covariance[:, :, 0] / variance[:, None]  # (T, 2) for position and velocity
        miss = centre - self.centre
        return Motion(
            centre=self.centre + gain[:, :1] * miss,
            velocity=self.velocity + gain[:, 1:] * miss,
            size=self.size ** (1 - SIZE_GAIN) * size**SIZE_GAIN,
            covariance=self.covariance - gain[:, :, None] * self.covariance[:, :1, :],
        )

    def scaled(self, factor: float) -> Motion:
        """The same tracks in pixels of which there are `factor` times as many along each axis."""
        return Motion(self.centre * factor, self.velocity * factor, self.size * factor, self.covariance * factor**2)

    def spread(self) -> Array:
        """(T,) standard deviation in pixels of where the next detection will be, along either axis."""
        return np.sqrt(self.covariance[:, 0, 0] + (POSITION_NOISE * self.size) ** 2)
