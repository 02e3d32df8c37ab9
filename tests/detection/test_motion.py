from __future__ import annotations

import numpy as np
import pytest

from facetally.detection.motion import POSITION_NOISE, START_VELOCITY, VELOCITY_MEMORY_S, Array, Motion


def begun(x: float = 100.0, y: float = 50.0, size: float = 40.0) -> Motion:
    return Motion.begin(np.array([[x, y]]), np.array([size]))


def moving(size: float = 40.0) -> Motion:
    """A track with a velocity: 80 px/s to the right, 40 px/s up."""
    return Motion(np.array([[100.0, 50.0]]), np.array([[80.0, -40.0]]), np.array([size]), begun(size=size).covariance)


def after(seconds: float) -> Array:
    return np.array([seconds])


def assert_same(a: Motion, b: Motion) -> None:
    for name in ("centre", "velocity", "size", "covariance"):
        np.testing.assert_allclose(getattr(a, name), getattr(b, name), rtol=1e-9, err_msg=name)


def test_a_track_at_rest_stays_at_rest() -> None:
    motion = begun()
    for _ in range(20):
        motion = motion.predict(after(0.2)).correct(np.array([[100.0, 50.0]]), np.array([40.0]))
    np.testing.assert_array_equal(motion.centre, [[100, 50]])
    np.testing.assert_array_equal(motion.velocity, [[0, 0]])
    np.testing.assert_allclose(motion.size, [40])


def test_a_velocity_decays_exponentially_and_its_path_is_finite() -> None:
    later = moving().predict(after(VELOCITY_MEMORY_S))
    np.testing.assert_allclose(later.velocity, np.array([[80, -40]]) / np.e)
    np.testing.assert_allclose(later.centre - [100, 50], np.array([[80, -40]]) * VELOCITY_MEMORY_S * (1 - 1 / np.e))
    at_last = moving().predict(after(60.0))
    np.testing.assert_allclose(at_last.centre - [100, 50], np.array([[80, -40]]) * VELOCITY_MEMORY_S)


@pytest.mark.parametrize(("first", "second"), [(0.2, 0.2), (0.04, 0.9), (0.0, 0.3)])
def test_two_predictions_equal_one_over_the_total_time(first: float, second: float) -> None:
    seen = moving().correct(np.array([[103.0, 52.0]]), np.array([44.0]))
    assert_same(seen.predict(after(first)).predict(after(second)), seen.predict(after(first + second)))


def test_a_prediction_over_no_time_changes_nothing() -> None:
    assert_same(moving().predict(after(0.0)), moving())


def test_uncertainty_grows_without_a_detection_and_shrinks_with_one() -> None:
    start = begun()
    late = start.predict(after(0.5))
    seen = late.correct(late.centre, late.size)
    assert late.spread() > 2 * start.spread()
    assert seen.covariance[0, 0, 0] < late.covariance[0, 0, 0]
    assert seen.covariance[0, 1, 1] < late.covariance[0, 1, 1]
    assert np.all(np.linalg.eigvalsh(seen.covariance[0]) > 0)
    np.testing.assert_allclose(seen.covariance, seen.covariance.transpose(0, 2, 1))


def test_the_first_correction_by_hand() -> None:
    # right after the start, prediction and detection have equal variance: their mean, with half the variance
    seen = begun(size=40).correct(np.array([[110.0, 50.0]]), np.array([90.0]))
    np.testing.assert_allclose(seen.centre, [[105, 50]])
    np.testing.assert_allclose(seen.velocity, [[0, 0]])  # position and velocity are still uncorrelated
    np.testing.assert_allclose(seen.size, [60])  # the geometric mean
    variance = (POSITION_NOISE * 40) ** 2
    np.testing.assert_allclose(seen.covariance[0], [[variance / 2, 0], [0, (START_VELOCITY * 40) ** 2]], atol=1e-9)


def test_a_constant_velocity_is_estimated() -> None:
    motion, at = begun(), np.array([[100.0, 50.0]])
    for _ in range(15):
        at = at + np.array([20.0, 0.0])  # 100 px/s at 5 samples a second
        motion = motion.predict(after(0.2)).correct(at, np.array([40.0]))
    assert motion.velocity[0, 0] == pytest.approx(100, rel=0.25)
    assert motion.velocity[0, 1] == 0
    assert motion.centre[0, 0] == pytest.approx(at[0, 0], abs=2)


def test_doubling_all_pixels_doubles_the_state() -> None:
    steps = np.random.default_rng(0).normal(0, 20, (10, 1, 2))
    near, far = begun(200, 100, 80), begun(100, 50, 40)
    for place in 50 + np.cumsum(steps, axis=0):
        far = far.predict(after(0.2)).correct(place, np.array([44.0]))
        near = near.predict(after(0.2)).correct(2 * place, np.array([88.0]))
    assert_same(near, Motion(2 * far.centre, 2 * far.velocity, 2 * far.size, 4 * far.covariance))


def test_tracks_are_independent() -> None:
    both = Motion.concatenate(begun(), moving(size=20.0)).predict(np.array([0.2, 0.6]))
    places, sizes = np.array([[101.0, 49.0], [130.0, 40.0]]), np.array([38.0, 21.0])
    alone = [begun().predict(after(0.2)), moving(size=20.0).predict(after(0.6))]
    for index, motion in enumerate(alone):
        which = np.array([index])
        assert_same(both.correct(places, sizes)[which], motion.correct(places[which], sizes[which]))


def test_a_scaled_track_goes_on_in_pixels_of_another_size() -> None:
    near = moving().scaled(2.0)
    np.testing.assert_allclose((near.centre, near.velocity), ([[200, 100]], [[160, -80]]))
    assert near.size == 80
    assert_same(near.predict(after(0.3)), moving().predict(after(0.3)).scaled(2.0))
    np.testing.assert_allclose(near.spread(), 2 * moving().spread())
    assert_same(near.scaled(0.5), moving())
