"""The training loss: one term for gender and one for age, each over the faces that have the label."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional

from facetally.gender.model.outputs import OLDEST_YEARS, OutputLayout


@dataclass(frozen=True)
class LossOptions:
    """The terms and their weights."""

    gender_weight: float = 1.0
    gender_smoothing: float = 0.0
    """Label smoothing (Szegedy et al., CVPR 2016): the share of each label spread evenly over both classes."""
    focal_gamma: float = 0.0
    """Focusing exponent of the focal loss (Lin et al., ICCV 2017); 0 is cross-entropy."""
    focal_alpha: float = 0.5
    """Weight of women in the focal loss; men have 1 - alpha. 0.5 with gamma 0 is cross-entropy."""
    age_weight: float = 1.0
    focal_age_gamma: float = 0.0
    """Exponent of the focal squared error of "per_100": weights (|error| / 10 years)^gamma, at most 1."""
    age_spread_years: float = 3.0
    """Standard deviation of the Gaussian target distribution around an age."""
    expectation_weight: float = 0.05
    """Weight of the expectation's absolute error in years, beside the distribution's cross-entropy."""
    teachers_share: float = 0.7
    """Share of the distillation loss for a face with teachers; the rest is the loss against its labels."""


def face_loss(
    output: torch.Tensor,
    female: torch.Tensor,
    age_years: torch.Tensor,
    weight: torch.Tensor,
    *,
    layout: OutputLayout,
    options: LossOptions,
    female_index: int = 1,
    targets: torch.Tensor | None = None,
) -> torch.Tensor:
    """The weighted mean loss of a batch.

    Args:
        output: (B, C) of the network.
        female: (B,) 1 for women, 0 for men, NaN if unlabelled.
        age_years: (B,), NaN if unlabelled.
        weight: (B,) of each face in the gender term.
        layout: the meaning of the columns.
        options: terms and weights.
        female_index: which of two logits is female.
        targets: (B, 102) of `facetally.gender.training.distillation`, NaN for faces to learn from labels only; None:
            labels only for all.

    Returns:
        A scalar; faces without a label add nothing to its term.
    """
    total = output.sum() * 0
    taught = torch.zeros_like(female, dtype=torch.bool) if targets is None else ~targets[:, 0].isnan()
    labels_share = 1 - options.teachers_share * taught
    gender, age = output[:, : layout.gender_count], output[:, layout.gender_count :]
    if layout.gender == "two_logits" and female_index == 0:
        gender = gender.flip(1)
    has_gender, has_age = ~female.isnan(), ~age_years.isnan()
    if layout.gender_count and has_gender.any():
        losses = gender_losses(gender[has_gender], female[has_gender], options) * labels_share[has_gender]
        total = total + options.gender_weight * (losses * weight[has_gender]).mean()
    if age.shape[1] and has_age.any():
        age_losses = distribution_losses if layout.age == "distribution" else squared_losses
        losses = age_losses(age[has_age], age_years[has_age], options) * labels_share[has_age]
        total = total + options.age_weight * losses.mean()
    if targets is not None and taught.any():
        losses = distillation_losses(
            gender[taught], age[taught], targets[taught], weight=weight[taught], options=options
        )
        total = total + options.teachers_share * losses.sum() / len(output)
    return total


def distillation_losses(
    gender: torch.Tensor, age: torch.Tensor, targets: torch.Tensor, *, weight: torch.Tensor, options: LossOptions
) -> torch.Tensor:
    """(B,) sum of both terms, with the teachers' predictions as labels.

    Args:
        gender: (B, 2) logits with "female" second.
        age: (B, 101) logits of the years.
        targets: (B, 102) of `facetally.gender.training.distillation`.
        weight: (B,) of each face in the gender term.
        options: terms and weights.
    """
    odds = gender[:, 1] - gender[:, 0]
    genders = functional.binary_cross_entropy_with_logits(odds, targets[:, 0], weight, reduction="none")
    ages = _distribution_losses(age, targets[:, 1:], targets[:, 1:] @ _years(age), options=options)
    return options.gender_weight * genders + options.age_weight * ages


def gender_losses(logits: torch.Tensor, female: torch.Tensor, options: LossOptions) -> torch.Tensor:
    """(B,) cross-entropy, or focal loss, of (B, 2) logits with "female" second, or of (B, 1)."""
    odds = logits[:, 1] - logits[:, 0] if logits.shape[1] == 2 else logits[:, 0]
    target = female * (1 - options.gender_smoothing) + options.gender_smoothing / 2
    losses = functional.binary_cross_entropy_with_logits(odds, target, reduction="none")
    if options.focal_gamma:
        label_prob = torch.where(female > 0.5, odds, -odds).sigmoid()
        losses = losses * (1 - label_prob) ** options.focal_gamma
    return losses * 2 * torch.where(female > 0.5, options.focal_alpha, 1 - options.focal_alpha)


def squared_losses(output: torch.Tensor, age_years: torch.Tensor, options: LossOptions) -> torch.Tensor:
    """(B,) squared, or focal squared, errors of (B, 1) ages / 100."""
    errors = output[:, 0] - age_years / 100
    if not options.focal_age_gamma:
        return errors**2
    return errors**2 * (errors.abs() * 10).clamp(max=1) ** options.focal_age_gamma


def distribution_losses(logits: torch.Tensor, age_years: torch.Tensor, options: LossOptions) -> torch.Tensor:
    """(B,) losses of (B, 101) logits.

    Cross-entropy to a Gaussian around the age (label distribution learning, Geng et al., TPAMI 2013), plus the absolute
    error of the expectation (DEX, Rothe et al., IJCV 2018).
    """
    age = age_years.clamp(0, OLDEST_YEARS)
    gaussian = torch.softmax(-0.5 * ((_years(logits) - age[:, None]) / options.age_spread_years) ** 2, dim=1)
    return _distribution_losses(logits, gaussian, age, options=options)


def _distribution_losses(
    logits: torch.Tensor, target: torch.Tensor, age_years: torch.Tensor, *, options: LossOptions
) -> torch.Tensor:
    log_probs = logits.log_softmax(dim=1)
    expected = log_probs.exp() @ _years(logits)
    return -(target * log_probs).sum(dim=1) + options.expectation_weight * (expected - age_years).abs()


def _years(like: torch.Tensor) -> torch.Tensor:
    return torch.arange(OLDEST_YEARS + 1, dtype=like.dtype, device=like.device)
