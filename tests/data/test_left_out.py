"""Images that the label rules leave out: prepared apart, and never of anybody who is in a split."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from lib import phantoms
from lib.data import DataError, ledger, left_out, prepare
from lib.data.labels import stands_for

SETTINGS = {"covidx_layout": "sources", "label_rules": "report", "image_size": 16, "resizing": "as_described"}


@pytest.fixture
def taken(tree, tmp_path):
    """Prepares what the rules leave out of the tree into tmp_path/left_out."""

    def taken(**changed):
        return left_out.prepare(tree.root, tmp_path / "left_out", SimpleNamespace(**SETTINGS | changed), workers=1)

    return taken


def actmed(tree, rows):
    """rows: (patient, finding) of Actualmed, an image each."""
    folder = tree.root / "covidx-sources" / "Actualmed-COVID-chestxray-dataset"
    table = [{"patientid": who, "finding": what, "view": "PA", "imagename": f"{k}.png"} for k, (who, what) in rows]
    tree.table(folder / "metadata.csv", table)
    for row in table:
        tree.picture(folder / "images" / row["imagename"])


@pytest.mark.parametrize(
    ("source", "finding", "expected"),
    [
        ("actmed", "No finding", "normal"),
        ("actmed", "", None),  # inconclusive
        ("actmed", "SARS", None),
        ("cohen", "Pneumonia/Viral/SARS", "pneumonia"),
        ("cohen", "Pneumonia/Bacterial/Streptococcus", "pneumonia"),
        ("cohen", "Pneumonia/Fungal/Pneumocystis", None),  # COVID-Net's rules do not count it
        ("cohen", "No Finding", None),
        ("fig1", "No finding", None),
    ],
)
def test_what_a_finding_stands_for_depends_on_its_source(source, finding, expected):
    assert stands_for(source, finding) == expected


def test_other_pneumonias_in_frontal_views_are_taken_and_every_other_row_has_its_reason(tree, taken):
    findings = {
        "sars": {"finding": "SARS"}, "path": {"finding": "Pneumonia/Viral/MERS", "age": "50+", "sex": "F"},
        "side": {"finding": "SARS", "view": "L"}, "tb": {"finding": "Tuberculosis"}, "covid": {},
    }  # fmt: skip
    rows = [{"patientid": str(k), "filename": f"{name}.png"} | of for k, (name, of) in enumerate(findings.items())]
    tree.cohen([*rows, rows[0]])
    got = taken()
    assert got.index["image_id"].tolist() == ["cohen-path.png", "cohen-sars.png"]
    assert got.index[["group_id", "label", "stands_for", "view", "sex", "age"]].values.tolist() == [
        ["cohen-1", "mers", "pneumonia", "PA", "F", "50+"],
        ["cohen-0", "sars", "pneumonia", "PA", "", ""],
    ]
    assert dict(zip(got.excluded["file"].str.rsplit("/").str[-1], got.excluded["reason"], strict=True)) == {
        "sars.png": ledger.REPEATED,
        "side.png": ledger.VIEW,
    }


def test_images_are_converted_as_notebook_00_converts_them(tree, taken, tmp_path):
    tree.small_covidx()
    folder = tree.cohen([{"patientid": str(i), "filename": f"c{i}.png"} for i in range(4)])
    same = folder / "images" / "z.png"
    tree.table(
        folder / "metadata.csv",
        [
            {"patientid": str(i), "filename": f"c{i}.png", "finding": "COVID-19", "view": "PA", "url": ""}
            for i in range(4)
        ]
        + [{"patientid": "9", "filename": "z.png", "finding": "SARS", "view": "AP", "url": ""}],
    )
    same.write_bytes((folder / "images" / "c0.png").read_bytes())
    got = taken()
    p = SimpleNamespace(**SETTINGS, split_seed=1, test_share=0.15, validation_share=0.15, max_unreadable=0.01,
                        drop_cross_split_duplicates=False, near_duplicate_bits=4)  # fmt: skip
    prepare.prepare_covidx(tree.root, tmp_path / "covidx", p, workers=1)
    index, images = pd.read_csv(tmp_path / "covidx/index.csv"), np.load(tmp_path / "covidx/images.npy")
    kept = index["image_id"].tolist().index("cohen-c0")
    assert got.index["image_id"].tolist() == ["cohen-z.png"]
    assert got.index["sha256"].tolist() == [index["sha256"][kept]]
    np.testing.assert_array_equal(got.images[0], images[kept])


def test_whoever_has_an_image_under_another_label_is_named_and_not_taken(tree, taken):
    """Also where that image is left out itself, such as a side view."""
    rows = [("a", "No finding"), ("a", "COVID-19"), ("b", "No finding"), ("b", ""), ("c", "No finding")]
    actmed(tree, enumerate(rows))
    side = {"finding": "COVID-19", "view": "L"}
    rows = [{"finding": "SARS"}, side, {"finding": "MERS"}, {"finding": "Streptococcus"}, {"finding": "Klebsiella"}]
    people = ["1", "1", "2", "2", "3"]
    tree.cohen(
        [{"patientid": who, "filename": f"{k}.png"} | of for k, (who, of) in enumerate(zip(people, rows, strict=True))]
    )
    got = taken()
    assert got.index["group_id"].tolist() == ["actmed-b", "actmed-c", "cohen-3"]  # an inconclusive image has no label
    assert got.several[["group_id", "labels"]].values.tolist() == [
        ["actmed-a", "covid-19: 1, no finding: 1"],
        ["cohen-1", "covid-19: 1, sars: 1"],
        ["cohen-2", "mers: 1, streptococcus: 1"],
    ]
    assert got.excluded["reason"].unique().tolist() == [ledger.CONTRADICTION]


def test_a_file_that_another_row_gives_a_class_is_not_taken(tree, taken):
    tree.cohen([{"patientid": "1", "filename": "a.png"}, {"patientid": "2", "filename": "a.png", "finding": "SARS"}])
    got = taken()
    assert got.index.empty
    assert got.images is None
    assert got.excluded["reason"].tolist() == [ledger.CONTRADICTION]


def test_missing_and_unreadable_files_are_named(tree, taken):
    rows = [{"patientid": str(k), "filename": f"{k}.png", "finding": "SARS"} for k in range(3)]
    folder = tree.cohen(rows, missing=("1.png",))
    (folder / "images" / "2.png").write_bytes(b"no picture")
    got = taken()
    assert got.index["image_id"].tolist() == ["cohen-0.png"]
    assert len(got.images) == 1
    assert got.excluded["reason"].tolist() == [ledger.UNREADABLE] * 2
    assert "cannot be opened" in got.excluded["detail"][0]
    (folder / "images" / "0.png").unlink()
    assert taken().images is None


def test_nothing_to_take_is_no_error_but_lists_and_no_source_are(tree, taken, tmp_path):
    tree.rsna({"r1": "Normal", "r2": "No Lung Opacity / Not Normal"})
    got = taken()
    assert len(got.index) == len(got.excluded) == 0
    assert (tmp_path / "left_out" / "index.csv").read_text().startswith("image_id,group_id,source,label")
    with pytest.raises(DataError, match=r"found lists, .*; expected sources"):
        taken(covidx_layout="lists")
    (tree.root / "covidx-sources").rename(tree.root / "elsewhere")
    with pytest.raises(DataError, match="none of the five COVIDx sources"):
        taken()


@pytest.mark.parametrize("rules", ["report", "covidnet"])
def test_no_image_and_no_patient_that_is_left_out_is_in_a_split(tmp_path, rules):
    root = tmp_path / "phantoms"
    phantoms.generate(root, images=300, skin_images=70, size=64, seed=1, marker=0.0)
    p = SimpleNamespace(**SETTINGS | {"label_rules": rules}, split_seed=1, test_share=0.2, validation_share=0.2,
                        max_unreadable=0.01, drop_cross_split_duplicates=False, near_duplicate_bits=4)  # fmt: skip
    kept = prepare.prepare_covidx(root, tmp_path / "covidx", p).index
    got = left_out.prepare(root, tmp_path / "left_out", p)
    assert set(got.index["source"]) == ({"actmed", "cohen"} if rules == "report" else {"actmed"})
    for name in ("image_id", "group_id", "file", "sha256"):
        assert not set(got.index[name]) & set(kept[name]), name
