from __future__ import annotations

import math
from dataclasses import replace

import pytest

pytest.importorskip("torch")
pytest.importorskip("torchvision")
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, mse_loss
from torchvision.ops import sigmoid_focal_loss

from facetally.gender.model.outputs import OutputLayout
from facetally.gender.training.losses import LossOptions, distribution_losses, face_loss, gender_losses, squared_losses

PLAIN = LossOptions()
NAN = float("nan")
LOGITS = torch.randn(50, 2, generator=torch.Generator().manual_seed(0)) * 3
FEMALE = (torch.arange(50) % 3 == 0).float()
BOTH = OutputLayout("two_logits", "per_100")


def loss_of(
    output: list[list[float]],
    female: list[float],
    age_years: list[float],
    weight: list[float] | None = None,
    *,
    layout: OutputLayout = BOTH,
    options: LossOptions = PLAIN,
) -> float:
    labels = torch.tensor(female), torch.tensor(age_years), torch.tensor(weight or [1.0] * len(female))
    return face_loss(torch.tensor(output), *labels, layout=layout, options=options).item()


@pytest.mark.parametrize("smoothing", [0.0, 0.05, 0.3])
def test_two_logits_give_torchs_cross_entropy(smoothing: float) -> None:
    theirs = cross_entropy(LOGITS, FEMALE.long(), reduction="none", label_smoothing=smoothing)
    ours = gender_losses(LOGITS, FEMALE, LossOptions(gender_smoothing=smoothing))
    assert torch.allclose(ours, theirs, atol=1e-5)


def test_one_logit_gives_torchs_binary_cross_entropy() -> None:
    theirs = binary_cross_entropy_with_logits(LOGITS[:, 0], FEMALE, reduction="none")
    assert torch.allclose(gender_losses(LOGITS[:, :1], FEMALE, PLAIN), theirs)


@pytest.mark.parametrize(("alpha", "gamma"), [(0.5, 1.5), (0.25, 2.0), (0.75, 0.0)])
def test_focal_losses_are_twice_torchvisions(alpha: float, gamma: float) -> None:
    theirs = sigmoid_focal_loss(LOGITS[:, 0], FEMALE, alpha, gamma)
    options = LossOptions(focal_alpha=alpha, focal_gamma=gamma)
    assert torch.allclose(gender_losses(LOGITS[:, :1], FEMALE, options), 2 * theirs, atol=1e-5)


def test_a_focal_loss_by_hand() -> None:
    odds = torch.tensor([[math.log(3)], [math.log(3)]])  # "female" at 3/4
    losses = gender_losses(odds, torch.tensor([1.0, 0.0]), LossOptions(focal_alpha=0.5, focal_gamma=2))
    assert losses.tolist() == pytest.approx([math.log(4 / 3) / 16, math.log(4) * 9 / 16])


def test_squared_errors_are_of_ages_over_100() -> None:
    output, age_years = torch.tensor([[0.3], [0.5], [0.1]]), torch.tensor([20.0, 50.0, 60.0])
    assert squared_losses(output, age_years, PLAIN).tolist() == pytest.approx([0.01, 0, 0.25])
    assert squared_losses(output, age_years, PLAIN).mean() == pytest.approx(mse_loss(output[:, 0], age_years / 100))


def test_focal_squared_errors_have_less_weight_below_ten_years() -> None:
    output, age_years = torch.tensor([[0.25], [0.3], [0.6]]), torch.tensor([20.0, 20.0, 20.0])
    losses = squared_losses(output, age_years, LossOptions(focal_age_gamma=2))
    assert losses.tolist() == pytest.approx([0.0025 / 4, 0.01, 0.16])  # 5, 10 and 40 years off


def test_the_loss_of_a_uniform_distribution_is_the_logarithm_of_its_length() -> None:
    losses = distribution_losses(torch.zeros(3, 101), torch.tensor([50.0, 30.0, 200.0]), PLAIN)
    even = math.log(101)  # expecting 50 years; 200 counts as 100
    assert losses.tolist() == pytest.approx([even, even + 0.05 * 20, even + 0.05 * 50], rel=1e-5)


def test_a_distributions_cross_entropy_by_hand() -> None:
    spread = 1 / math.sqrt(2 * math.log(2))  # one year off has half the weight, two years a sixteenth
    logits = torch.full((1, 101), -30.0)
    logits[0, [40, 41]] = math.log(0.5)
    options = LossOptions(age_spread_years=spread, expectation_weight=0)
    shares = [2 ** -(float(distance) ** 2) for distance in range(8)]
    total = shares[0] + 2 * sum(shares[1:])
    inside = (shares[0] + shares[1]) / total
    expected = inside * math.log(2) + (1 - inside) * 30
    assert distribution_losses(logits, torch.tensor([40.0]), options).item() == pytest.approx(expected, rel=1e-4)


def test_the_gaussian_itself_has_the_lowest_loss() -> None:
    years = torch.arange(101.0)
    gaussian = (-0.5 * ((years - 33) / 3) ** 2)[None].clone().requires_grad_()
    loss = distribution_losses(gaussian, torch.tensor([33.0]), replace(PLAIN, expectation_weight=0)).sum()
    loss.backward()  # type: ignore[no-untyped-call]  # torch has no annotation for it
    assert gaussian.grad is not None and gaussian.grad.abs().max() < 1e-6


def test_the_distributions_loss_stays_on_the_device_of_the_logits() -> None:
    losses = distribution_losses(torch.zeros(2, 101, device="meta"), torch.zeros(2, device="meta"), PLAIN)
    assert losses.device.type == "meta"


def test_the_terms_are_weighted_and_added() -> None:
    output = [[0.0, math.log(3), 0.3]]  # female at 3/4; 30 years
    options = LossOptions(gender_weight=3, age_weight=2)
    assert loss_of(output, [1.0], [10.0], options=options) == pytest.approx(3 * math.log(4 / 3) + 2 * 0.04)


def test_face_weights_apply_to_the_gender_term_only() -> None:
    output = [[0.0, 0.0, 0.5], [0.0, math.log(3), 0.5]]
    weighted = (0.5 * math.log(2) + 2 * math.log(4 / 3)) / 2
    assert loss_of(output, [1.0, 1.0], [50.0, 30.0], [0.5, 2.0]) == pytest.approx(weighted + 0.04 / 2)


def test_a_missing_label_adds_nothing_to_its_term() -> None:
    output = [[0.0, 0.0, 0.5], [0.0, 9.0, 0.9], [0.0, math.log(3), 0.3]]
    loss = loss_of(output, [0.0, NAN, 1.0], [50.0, 80.0, NAN], [1.0, NAN, 1.0])
    assert loss == pytest.approx((math.log(2) + math.log(4 / 3)) / 2 + (0 + 0.01) / 2)


def test_faces_without_any_label_have_no_loss_and_no_gradient() -> None:
    output, nothing = torch.randn(4, 3).requires_grad_(), torch.full((4,), NAN)
    loss = face_loss(output, nothing, nothing, torch.ones(4), layout=BOTH, options=PLAIN)
    loss.backward()  # type: ignore[no-untyped-call]  # torch has no annotation for it
    assert loss.item() == 0
    assert output.grad is not None and not output.grad.any()


DISTRIBUTION = OutputLayout("two_logits", "distribution")


def distilled(output: torch.Tensor, targets: torch.Tensor | None, female: float = 1.0, **options: float) -> float:
    """The loss of faces aged 30."""
    labels = torch.full((len(output),), female), torch.full((len(output),), 30.0), torch.ones(len(output))
    return face_loss(output, *labels, layout=DISTRIBUTION, options=LossOptions(**options), targets=targets).item()


def test_teachers_that_agree_with_the_labels_change_nothing() -> None:
    output = torch.randn(4, 103, generator=torch.Generator().manual_seed(0))
    gaussian = torch.softmax(-0.5 * ((torch.arange(101.0) - 30) / 3) ** 2, dim=0)
    targets = torch.cat([torch.ones(1), gaussian]).expand(4, -1)
    assert distilled(output, targets) == pytest.approx(distilled(output, None), rel=1e-5)


def test_the_distillation_loss_by_hand() -> None:
    output = torch.zeros(1, 103)
    output[0, 1] = math.log(3)  # female at 3/4; all years alike
    targets = torch.zeros(1, 102)
    targets[0, [0, 1 + 80]] = torch.tensor([0.5, 1.0])  # even odds, and 80 years
    gender = 0.5 * math.log(4 / 3) + 0.5 * math.log(4)
    age = math.log(101) + 0.05 * 30
    assert distilled(output, targets, teachers_share=1, age_weight=2) == pytest.approx(gender + 2 * age, rel=1e-5)
    labels = distilled(output, None, age_weight=2)
    mixed = 0.25 * (gender + 2 * age) + 0.75 * labels
    assert distilled(output, targets, teachers_share=0.25, age_weight=2) == pytest.approx(mixed, rel=1e-5)


def test_faces_without_a_label_are_learnt_from_teachers_alone() -> None:
    output, nothing = torch.randn(2, 103).requires_grad_(), torch.full((2,), NAN)
    targets = torch.cat([torch.tensor([[0.9], [0.2]]), torch.full((2, 101), 1 / 101)], dim=1)
    loss = face_loss(output, nothing, nothing, torch.ones(2), layout=DISTRIBUTION, options=PLAIN, targets=targets)
    loss.backward()  # type: ignore[no-untyped-call]  # torch has no annotation for it
    assert output.grad is not None and output.grad.all()


def test_faces_without_teachers_are_learnt_from_their_labels_alone() -> None:
    output = torch.randn(2, 103, generator=torch.Generator().manual_seed(2))
    targets = torch.cat([torch.tensor([[0.9], [0.2]]), torch.full((2, 101), 1 / 101)], dim=1)
    taught, untaught = distilled(output[:1], targets[:1]), distilled(output[1:], None)
    targets[1] = NAN
    assert distilled(output, targets) == pytest.approx((taught + untaught) / 2, rel=1e-5)
    targets[0] = NAN
    assert distilled(output, targets) == pytest.approx(distilled(output, None), rel=1e-5)


def test_the_teachers_own_prediction_has_the_lowest_loss() -> None:
    targets = torch.softmax(torch.randn(1, 101, generator=torch.Generator().manual_seed(1)), dim=1)
    output = torch.cat([torch.tensor([[0.0, math.log(0.8 / 0.2)]]), targets.log()], dim=1).requires_grad_()
    targets, nothing = torch.cat([torch.tensor([[0.8]]), targets], dim=1), torch.full((1,), NAN)
    options = replace(PLAIN, expectation_weight=0)
    loss = face_loss(output, nothing, nothing, torch.ones(1), layout=DISTRIBUTION, options=options, targets=targets)
    loss.backward()  # type: ignore[no-untyped-call]  # torch has no annotation for it
    assert output.grad is not None and output.grad.abs().max() < 1e-6


def test_face_weights_apply_to_the_distilled_gender_term_only() -> None:
    output, targets = torch.zeros(2, 103), torch.full((2, 102), 1 / 101)
    labels = torch.tensor([1.0, 1.0]), torch.tensor([30.0, 30.0])
    options = LossOptions(teachers_share=1, age_weight=0)
    weight = torch.tensor([0.5, 2.0])
    loss = face_loss(output, *labels, weight, layout=DISTRIBUTION, options=options, targets=targets)
    assert loss.item() == pytest.approx(1.25 * math.log(2), rel=1e-5)


@pytest.mark.parametrize(
    ("layout", "output", "expected"),
    [
        (OutputLayout("female_logit"), [[math.log(3)]], math.log(4 / 3)),
        (OutputLayout("none", "per_100"), [[0.4]], 0.01),
        (OutputLayout("two_logits"), [[math.log(3), 0.0]], math.log(4)),
        (OutputLayout("none", "distribution"), [[0.0] * 101], math.log(101) + 0.05 * 20),
    ],
)
def test_terms_without_columns_are_omitted(layout: OutputLayout, output: list[list[float]], expected: float) -> None:
    assert loss_of(output, [1.0], [30.0], layout=layout) == pytest.approx(expected, rel=1e-5)
