from __future__ import annotations

import json

import numpy as np
import pytest

from monai_mocoi.analysis import choose_by_patient
from monai_mocoi.analysis.feature_reuse import feature_reuse
from monai_mocoi.errors import FeatureReuseError
from monai_mocoi.metrics import jackknife_interval, linear_cka, permuted_cka_sd

N = 120
WIDTHS = {1: 4, 2: 8, 3: 16, 4: 32}
IMAGES = [f"images/{i}.png" for i in range(N)]
PATIENTS = [f"p{i // 3}" for i in range(N)]


def _features(seed=0, scale=1.0):
    generator = np.random.default_rng(seed)
    return {s: (scale * generator.gamma(1, size=(N, width))).astype(np.float32) for s, width in WIDTHS.items()}


def _tuned(features, noise=0.5, seed=1):
    generator = np.random.default_rng(seed)
    return {s: x + noise * s * generator.standard_normal(x.shape).astype(np.float32) for s, x in features.items()}


def test_every_stage_with_every_stage_as_plain_values():
    first = _features()
    second = _tuned(first)
    report = feature_reuse(first, second, IMAGES, IMAGES, PATIENTS)
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    assert {key: report[key] for key in ("kernel", "pooling", "images", "patients", "images_given", "stages")} == {
        "kernel": "linear",
        "pooling": "vector",
        "images": N,
        "patients": 40,
        "images_given": N,
        "stages": [1, 2, 3, 4],
    }
    assert report["intervals"] == {"method": "jackknife", "over": "patients", "level": 0.95}
    for i, row in enumerate(report["matrix"]):
        for j, number in enumerate(row):
            assert number["value"] == pytest.approx(linear_cka(first[i + 1], second[j + 1]), abs=1e-10)
            assert number["interval"][0] < number["value"] < number["interval"][1]
            assert (number["null"]["mean"], number["null"]["sd"]) == (0, permuted_cka_sd(N))
            assert max(abs(number["null"]["permuted"]), abs(number["null"]["exchanged"])) < 6 * permuted_cka_sd(N)
        assert report["same_stage"][str(i + 1)] == row[i]
    diagonal = [number["value"] for number in report["same_stage"].values()]
    assert sorted(diagonal, reverse=True) == diagonal
    assert diagonal[0] > 0.7


def test_the_interval_is_that_of_leaving_out_each_patient():
    first = _features()
    second = _tuned(first)
    left_out = [
        linear_cka(first[2][own], second[3][own]) for own in (np.array(PATIENTS) != p for p in sorted(set(PATIENTS)))
    ]
    report = feature_reuse(first, second, IMAGES, IMAGES, PATIENTS, level=0.9)
    expected = jackknife_interval(linear_cka(first[2], second[3]), left_out, 0.9)
    assert report["matrix"][1][2]["interval"] == pytest.approx(expected.tolist(), abs=1e-5)


def test_a20_features_are_paired_by_image_whatever_their_order():
    first = _features()
    second = _tuned(first)
    expected = feature_reuse(first, second, IMAGES, IMAGES, PATIENTS)
    order = np.random.default_rng(7).permutation(N)
    shuffled = {stage: values[order] for stage, values in second.items()}
    images = [IMAGES[i] for i in order]
    assert feature_reuse(first, shuffled, IMAGES, images, PATIENTS) == expected
    # What the published code compared: row with row of two random orders.
    as_published = feature_reuse(first, shuffled, IMAGES, IMAGES, PATIENTS)
    assert expected["same_stage"]["1"]["value"] > 0.7
    assert abs(as_published["same_stage"]["1"]["value"]) < 0.05


def test_a20_other_images_are_refused_with_their_counts_and_without_their_names():
    first = _features()
    few = {stage: values[:-2] for stage, values in first.items()}
    with pytest.raises(FeatureReuseError, match="2 of 120 of the first are not in the second, 0 of 118") as error:
        feature_reuse(first, few, IMAGES, IMAGES[:-2], PATIENTS)
    assert "images/" not in str(error.value)
    assert error.value.exit_code == 3
    with pytest.raises(FeatureReuseError, match=r"3 of 120 of the first .* 3 of 120 of the second"):
        feature_reuse(first, first, IMAGES, [*IMAGES[:-3], "a", "b", "c"], PATIENTS)
    with pytest.raises(FeatureReuseError, match="1 of 120 image ids of the second features are repeated"):
        feature_reuse(first, first, IMAGES, [*IMAGES[:-1], IMAGES[0]], PATIENTS)


def test_a19_a_fixed_rbf_width_saturates_and_ours_does_not():
    """Unrelated features: the published estimate (RBF of width 0.8 on raw features, diagonal left in) scores 1."""
    first, second = _features(0, scale=10), _features(1, scale=10)

    def published(x, y):
        kernels = []
        for side in (x.astype(np.float64), y.astype(np.float64)):
            squares = ((side[:, None] - side[None]) ** 2).sum(-1)
            centring = np.eye(N) - 1 / N
            kernels.append(centring @ np.exp(-squares / (2 * 0.8**2)) @ centring)
        k, m = kernels
        return (k * m).sum() / np.sqrt((k * k).sum() * (m * m).sum())

    for kernel in ("linear", "rbf"):
        report = feature_reuse(first, second, IMAGES, IMAGES, PATIENTS, kernel=kernel)
        for stage in (2, 3, 4):
            assert published(first[stage], second[stage]) > 0.99
            number = report["same_stage"][str(stage)]
            assert number["interval"][0] < 0 < number["interval"][1]
            assert number["interval"][1] < 0.1
    biased = linear_cka(first[4], second[4], debiased=False)
    assert biased > 0.15


def test_the_same_encoder_twice_is_1_without_width():
    first = _features()
    report = feature_reuse(first, {s: values.copy() for s, values in first.items()}, IMAGES, IMAGES, PATIENTS)
    for number in report["same_stage"].values():
        assert (number["value"], number["interval"]) == (1, [1, 1])


def test_at_most_so_many_images_and_the_record_says_so():
    first = _features()
    report = feature_reuse(first, _tuned(first), IMAGES, IMAGES, PATIENTS, kernel="rbf", most_images=80, seed=2)
    rows = choose_by_patient(PATIENTS, 80, seed=2)
    assert (report["images"], report["patients"], report["images_given"], report["seed"]) == (80, 40, N, 2)
    part = {stage: values[rows] for stage, values in first.items()}
    other = {stage: values[rows] for stage, values in _tuned(first).items()}
    names = [IMAGES[i] for i in rows]
    again = feature_reuse(part, other, names, names, [PATIENTS[i] for i in rows], kernel="rbf", seed=2)
    assert again["matrix"] == report["matrix"]


def test_images_are_drawn_evenly_from_the_patients():
    patients = ["a"] * 50 + ["b"] * 3 + ["c"] * 7
    rows = choose_by_patient(patients, 20, seed=0)
    assert [sum(patients[i] == p for i in rows) for p in "abc"] == [10, 3, 7]
    assert list(rows) == sorted(set(rows))
    assert list(choose_by_patient(patients, 60)) == list(range(60))
    assert list(choose_by_patient(patients, 20, seed=0)) == list(rows) != list(choose_by_patient(patients, 20, seed=1))
    assert len({patients[i] for i in choose_by_patient(patients, 2)}) == 2
    with pytest.raises(FeatureReuseError, match="is 0; it must be 1 or more"):
        choose_by_patient(patients, 0)


def test_without_patients_enough_there_is_no_interval_but_a_reason():
    first = _features()
    report = feature_reuse(first, _tuned(first), IMAGES, IMAGES, ["p"] * N)
    number = report["same_stage"]["1"]
    assert (number["interval"], number["null"]["exchanged"]) == (None, None)
    assert "two or more patients" in number["reason"]


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_where_too_few_images_can_be_exchanged_there_is_none_and_no_nan(kernel):
    first = {stage: values[:8] for stage, values in _features().items()}
    second = {stage: values[:8] for stage, values in _tuned(_features()).items()}
    report = feature_reuse(first, second, IMAGES[:8], IMAGES[:8], ["a"] * 7 + ["b"], kernel=kernel)
    json.dumps(report, allow_nan=False)
    assert report["same_stage"]["1"]["null"]["exchanged"] is None


def test_exchanged_images_that_are_all_alike_have_no_number():
    """Six of 25 images are exchanged, and most are alike: by some seeds all of the six, by others not."""
    first = {stage: values[:25].copy() for stage, values in _features().items()}
    second = _tuned({stage: values[:25] for stage, values in _features().items()})
    for values in first.values():
        values[8:] = values[8]
    patients = ["a"] * 20 + ["b", "b", "b", "c", "d"]
    reports = [feature_reuse(first, second, IMAGES[:25], IMAGES[:25], patients, seed=seed) for seed in range(6)]
    json.dumps(reports, allow_nan=False)
    found = [report["same_stage"]["1"]["null"]["exchanged"] for report in reports]
    assert None in found
    assert set(found) != {None}


def test_few_patients_come_with_a_note():
    first = _features()
    assert "note" not in feature_reuse(first, _tuned(first), IMAGES, IMAGES, PATIENTS)["intervals"]
    report = feature_reuse(first, _tuned(first), IMAGES, IMAGES, [f"p{i % 9}" for i in range(N)])
    assert "9 patients" in report["intervals"]["note"]


def test_what_cannot_be_compared_is_refused():
    first = _features()
    with pytest.raises(FeatureReuseError, match="kernel is 'cosine'; choose one of linear, rbf"):
        feature_reuse(first, first, IMAGES, IMAGES, PATIENTS, kernel="cosine")
    with pytest.raises(FeatureReuseError, match=r"stages \[1, 2, 3, 4\], the second of \[4\]"):
        feature_reuse(first, {4: first[4]}, IMAGES, IMAGES, PATIENTS)
    with pytest.raises(FeatureReuseError, match="120 images but 3 patients"):
        feature_reuse(first, first, IMAGES, IMAGES, PATIENTS[:3])
    with pytest.raises(FeatureReuseError, match="120 ids but 119 rows"):
        feature_reuse({4: first[4]}, {4: first[4][1:]}, IMAGES, IMAGES, PATIENTS)
    with pytest.raises(FeatureReuseError, match="level is 95"):
        feature_reuse(first, first, IMAGES, IMAGES, PATIENTS, level=95)
    constant = {**first, 3: np.ones((N, 16), np.float32)}
    with pytest.raises(FeatureReuseError, match=r"stage 1 of the first .* stage 3 of the second, are the same for all"):
        feature_reuse(first, constant, IMAGES, IMAGES, PATIENTS)
    few = {stage: values[:3] for stage, values in first.items()}
    with pytest.raises(FeatureReuseError, match="4 images or more"):
        feature_reuse(few, few, IMAGES[:3], IMAGES[:3], PATIENTS[:3])
