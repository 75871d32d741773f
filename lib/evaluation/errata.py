"""The report's slips, each with its evidence computed on the spot.

An erratum is a line of errata.csv: what the report says, what is computed, the numbers behind it, and what follows.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from lib.evaluation import metrics
from lib.evaluation.errata_data import (
    COLUMNS,
    erratum,
    id_collisions,
    nominal_split,
    source_only,
    split_seed,
)
from lib.evaluation.runs import SCORE_NAMES, SCORES, published_confusion, published_table
from lib.evaluation.table1 import ROUNDING
from lib.paths import Paths, show


def table(
    at: Paths,
    counts: dict[str, int],
    stretch: Callable,
    *,
    data: Path | None,
    shares: tuple[float, float],
    steps: int,
    readings: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Every erratum that can be computed here.

    Args:
        at: the run's files.
        counts: free parameters, as `lib.evaluation.counts.count` gives them.
        stretch: the brightness stretch, `lib.training.augment.stretch`.
        data: folder of the data; where it holds full COVIDx lists, these are used too.
        shares: (test share, validation share of the rest), each 0..1.
        steps: m of Integrated Gradients.
        readings: rows run in both readings of the report, as `lib.evaluation.claims.readings` gives them.
    """
    lines = [
        *parameter_counts(counts, readings),
        best_model(),
        figure_4b(),
        f1_scores(),
        *source_only(at, data),
        nominal_split(*shares),
        split_seed(),
        brightness(stretch),
        grad_cam_exact(at),
        baselines(steps),
        *id_collisions(at, data),
    ]
    return pd.DataFrame([line for line in lines if line], columns=list(COLUMNS))


def parameter_counts(counts: dict[str, int], readings: pd.DataFrame | None = None) -> list[dict]:
    """Table 1's column `Free params` against the networks."""
    both = [] if readings is None else readings[readings["statistic"] == SCORE_NAMES["macro_f1"]].to_dict("records")
    effects = "; ".join(f"{one['comparison']}: {one['effect']:+.1f} points of macro F1" for one in both)
    published = published_table()["free_params"].astype(int)
    lines = []
    head, whole = counts["classifier_resnet"], counts["scratch_resnet"]
    lines.append(
        erratum(
            "classifier-count",
            "The count of the linear classifier is off by one",
            "Table 1, RN1, RN3, RN5",
            f"{published['RN1']:,} free parameters",
            f"{head:,}",
            f"2,048 features times 3 classes and 3 biases are {2048 * 3 + 3:,}; RN7's total, {published['RN7']:,}, "
            f"holds {head:,} too ({whole - head:,} + {head:,} = {whole:,})",
            "None for the results; the companion shows the true count beside the published one.",
        )
    )
    lines.append(
        erratum(
            "resnet-version",
            "ResNet50 is ResNet50V2",
            "4.1.1; Table 1, RN7, RN8",
            f"ResNet50 with {published['RN7']:,} free parameters",
            f"ResNet50V2 has {whole:,}, the first version {counts['resnet50_v1']:,}",
            f"RN7: ResNet50V2 {whole - published['RN7']:+,}, the first {counts['resnet50_v1'] - published['RN7']:+,}; "
            f"RN2, RN4, RN6 unfrozen from conv4_block6_3_conv on: {counts['fine_tuned_resnet']:,} "
            f"against {published['RN4']:,}",
            "The companion builds ResNet50V2, whose inputs are scaled to [-1, 1].",
        )
    )
    lines.append(
        erratum(
            "covidnet-frozen",
            "COVID-Net from scratch left its PEPX stages untrained",
            "4.1.2; Table 1, CN3",
            f"trained from scratch, {published['CN3']:,} free parameters",
            f"All of it has {counts['scratch_trained']:,}; without the PEPX stages {counts['scratch_frozen']:,}",
            f"first convolution {counts['conv1']:,} + fully connected part {counts['fully_connected']:,} = "
            f"{counts['conv1'] + counts['fully_connected']:,}, the published count {published['CN3']:,}",
            "The published CN3 trained on frozen random stages. Rows CN3 and CN3-described are the two readings: "
            + (effects or "not both have been run")
            + ".",
        )
    )
    lines.append(
        erratum(
            "covidnet-blocks",
            "Figure 3b draws one PEPX block more than the authors' code has",
            "Figure 3b",
            "3, 4, 6 and 3 PEPX blocks in the four stages",
            f"{counts['scratch_trained'] + counts['pepx_block']:,} parameters with six blocks in stage three, "
            f"{counts['scratch_trained']:,} with five",
            f"one more block of stage three has {counts['pepx_block']:,}; Table 1's count leaves the stages out, so it "
            "cannot tell the two apart",
            "The companion builds the authors' 3, 4, 5 and 3.",
        )
    )
    lines.append(
        erratum(
            "covidnet-fine-tuning",
            "The count of the fine-tuned COVID-Net fits no boundary",
            "Table 1, CN2",
            f"{published['CN2']:,} free parameters",
            f"The nearest count that any freezing boundary gives is {counts['nearest']:,}",
            f"difference {counts['nearest'] - published['CN2']:+,}, over every layer as the first trainable one",
            f"Unexplained; the companion unfreezes the fully connected part, {counts['fully_connected']:,}.",
        )
    )
    return lines


def best_model() -> dict:
    """RN4, called the best, against every other row of Table 1."""
    published = published_table()[list(SCORES)].astype(float)
    ours = published.loc["RN4"]
    above = {name: published.index[published[name] > ours[name]].tolist() for name in SCORES}
    parts = [
        f"{SCORE_NAMES[name]} {ours[name]:g}, more in "
        + ", ".join(f"{row} ({published.at[row, name]:g})" for row in rows)
        for name, rows in above.items()
        if rows
    ]
    other = published.index[(published >= ours).drop(columns="covid_recall").all(axis=1)].drop("RN4")
    return erratum(
        "best-model",
        "The 'best model' is not the best by most scores",
        "1, 5.1",
        f"'Our best model reached an accuracy of {ours['accuracy']:g}%' (RN4)",
        f"At least as good in every score but recall: {', '.join(other) or 'no row'}",
        "; ".join(parts),
        "Which row is best depends on the score; by macro F1, on which the models were selected, it is "
        f"{published['macro_f1'].idxmax()}.",
    )


def figure_4b() -> dict:
    """Figure 4b's counts against Table 1's line RN4."""
    matrix, published = published_confusion(), published_table().loc["RN4"]
    found = {name: 100 * float(value) for name, value in metrics.from_confusion(matrix).items()}
    off = [name for name in SCORES if abs(found[name] - float(published[name])) > ROUNDING]
    says = ", ".join(f"{SCORE_NAMES[name]} {float(published[name]):g}" for name in off or SCORES)
    gives = ", ".join(f"{SCORE_NAMES[name]} {found[name]:.2f}" for name in off or SCORES)
    every = ", ".join(f"{SCORE_NAMES[name]} {found[name]:.2f} ({float(published[name]):g})" for name in SCORES)
    agree = len(SCORES) - len(off)
    return erratum(
        "figure-4b",
        "Figure 4b's counts " + ("differ from" if off else "agree with") + " Table 1's line RN4",
        "Figure 4b; Table 1, RN4",
        says,
        gives,
        f"from the counts (and Table 1): {every}",
        f"{agree} of {len(SCORES)} scores agree after rounding"
        + ("; the others were computed otherwise or mistyped." if off else ": figure and table show the same model."),
    )


def f1_scores() -> dict | None:
    """COVID-19 F1 from the published precision and recall of every row; None where all fit."""
    published = published_table()
    wrong, lines = [], []
    for name, row in published.iterrows():
        low, high = (
            _harmonic(float(row["covid_precision"]) + shift, float(row["covid_recall"]) + shift)
            for shift in (-ROUNDING, ROUNDING)
        )
        middle = _harmonic(float(row["covid_precision"]), float(row["covid_recall"]))
        lines.append(f"{name} {middle:.1f} ({float(row['covid_f1']):g})")
        if not (low - ROUNDING <= float(row["covid_f1"]) <= high + ROUNDING):
            wrong.append(name)
    evidence = f"from the published precision and recall (published F1): {', '.join(lines)}"
    if not wrong:
        return erratum(
            "f1-scores",
            "The F1 scores follow from precision and recall",
            "Table 1",
            "COVID-19 F1 of every row",
            f"All {len(published)} fit within the rounding of precision and recall",
            evidence,
            "None: this check found no slip.",
        )
    return erratum(
        "f1-scores",
        "Some F1 scores do not follow from precision and recall",
        "Table 1, " + ", ".join(wrong),
        ", ".join(f"{name}: {float(published.at[name, 'covid_f1']):g}" for name in wrong),
        ", ".join(line for line in lines if line.split()[0] in wrong),
        evidence,
        "Wrong by more than the rounding of precision and recall allows.",
    )


def brightness(stretch: Callable) -> dict:
    """The stretch of the authors' brightness augmentation, on a small array."""
    image = np.array([[100, 110], [120, 140]], dtype=np.float32)
    # the authors' change of brightness by a factor of 1 must leave an image as it is
    found = np.asarray(stretch(image[None, :, :, None]))[0, :, :, 0]
    numbers = [", ".join(f"{value:g}" for value in array.ravel().round(1)) for array in (image, found)]
    return erratum(
        "brightness",
        "The brightness augmentation stretched the contrast of training images only",
        "4.2.2",
        "Random brightness in the range [90%, 110%]",
        f"pixels {numbers[0]} became {numbers[1]} before any factor was applied",
        f"contrast (largest minus smallest) {np.ptp(image):g} became {np.ptp(found):g}, at a brightness factor of 1",
        "Validation and test images were not stretched; `brightness: as_published` repeats it.",
    )


def grad_cam_exact(at: Paths) -> dict:
    """The claim that Grad-CAM is exact, beside what finer steps of Integrated Gradients change."""
    path = at.explanations / "steps.csv"
    computed, evidence = "Not measured: the explanations have not been run", "definitions of the two methods"
    if path.is_file():
        steps = pd.read_csv(path)
        errors = steps.groupby("steps")["completeness_error"].mean()
        agreement = steps.groupby("steps")["agreement"].mean()
        low, high = errors.index.min(), errors.index.max()
        computed = (
            f"from m = {low} to m = {high} the mean completeness error goes from {errors[low]:.2%} to "
            f"{errors[high]:.2%}, the agreement with Grad-CAM from {agreement[low]:.3f} to {agreement[high]:.3f}"
        )
        evidence = f"{show(path)}, means over images and networks"
    return erratum(
        "grad-cam-exact",
        "Grad-CAM is not the exact one of the two",
        "5.2",
        "'Grad-CAM is an exact method, while IG is an approximation'",
        computed,
        evidence,
        "Grad-CAM averages gradients over a coarse map and has no property that it approximates; Integrated Gradients "
        "sum to the change of the score, and finer steps come as close to it as wanted.",
    )


def baselines(steps: int) -> dict:
    """The rule that the report names, beside the sum that it writes, on a function whose integral is known."""
    points = np.arange(steps + 1) / steps
    gradients = 3 * points**2  # of x^3 from 0 to 1, whose change is 1
    written, trapezoid = gradients[1:].mean(), np.trapezoid(gradients, points)
    return erratum(
        "trapezoid",
        "The formula of Integrated Gradients is not the trapezoid rule",
        "4.4.2",
        "'approximated using the trapezoid rule', then the sum of g / m for k = 1 to m; a black baseline",
        f"for x^3 from 0 to 1, whose change is 1, the sum gives {written:.5f}, the trapezoid rule {trapezoid:.5f}",
        f"m = {steps}: error {written - 1:.1e} against {trapezoid - 1:.1e}",
        "The companion uses the trapezoid rule and a black baseline; the authors' code averaged two of noise, "
        "which `integrated_gradients: as_published` repeats.",
    )


def _harmonic(one: float, other: float) -> float:
    return 2 * one * other / (one + other) if one + other else 0.0
