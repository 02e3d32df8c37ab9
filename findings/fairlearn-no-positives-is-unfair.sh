#!/usr/bin/env bash
# fairlearn 0.15.0, scikit-learn 1.9.1.
#
# Expected: a classifier without a single error has an equalized odds difference of 0. For a group that holds no face of
# the positive class the true positive rate is undefined: NaN, as MetricFrame has it for a group without any face and
# leaves it out of the difference, or at least a warning.
# Seen: the rate of such a group is 0, without a warning, so the perfect classifier gets a difference of 1 and a ratio
# of 0, the worst there are. With many small groups (video, scene, age) one group of men only decides the whole figure.
# Workaround: MetricFrame with recall_score(..., zero_division=nan), whose difference leaves the group out.
#
# Output seen: "no errors at all, group b without positives: true positive rates a 1.0, b 0.0; equalized odds difference
# 1.0, ratio 0.0; warnings 0; difference of recall_score with NaN 0.0".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    fairlearn==0.15.0 scikit-learn==1.9.1 numpy==2.4.6 pandas==3.1.1 scipy==1.17.1
"$folder/venv/bin/python" - <<'PY'
import math
import sys
import warnings

from fairlearn.metrics import MetricFrame, equalized_odds_difference, equalized_odds_ratio, true_positive_rate
from sklearn.metrics import recall_score

female = [1, 1, 0, 0, 0, 0]
group = ["a", "a", "a", "a", "b", "b"]
with warnings.catch_warnings(record=True) as warned:
    warnings.simplefilter("always")
    rates = MetricFrame(
        metrics=true_positive_rate, y_true=female, y_pred=female, sensitive_features=group
    ).by_group.to_dict()
    difference = equalized_odds_difference(female, female, sensitive_features=group)
    ratio = equalized_odds_ratio(female, female, sensitive_features=group)
left_out = MetricFrame(
    metrics=lambda truth, said: recall_score(truth, said, zero_division=math.nan),
    y_true=female,
    y_pred=female,
    sensitive_features=group,
).difference()
print(
    f"no errors at all, group b without positives: true positive rates a {rates['a']}, b {rates['b']}; equalized odds "
    f"difference {difference}, ratio {ratio}; warnings {len(warned)}; difference of recall_score with NaN {left_out}"
)
seen = (rates["a"], rates["b"], difference, ratio, len(warned), left_out)
sys.exit(0 if seen == (1, 0, 1, 0, 0, 0) else 1)
PY
