import os
import shutil
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pydicom
import pytest
from PIL import Image

from lib import files, paths, phantoms
from lib.data import GENERATED, DataError, convert, decode, duplicates, load, prepare
from lib.data.labels import CHEST_CLASSES, SKIN_CLASSES

SETTINGS = {
    "covidx_layout": "sources",
    "label_rules": "report",
    "image_size": 16,
    "resizing": "as_described",
    "split_seed": 1,
    "test_share": 0.15,
    "validation_share": 0.15,
    "max_unreadable": 0.01,
    "drop_cross_split_duplicates": False,
    "near_duplicate_bits": 4,
}


def settings(**changed):
    return SimpleNamespace(**(SETTINGS | changed))


@pytest.fixture
def make(tree, tmp_path):
    """Prepares the tree's chest X-rays into tmp_path/out."""

    def make(**changed):
        return prepare.prepare_covidx(tree.root, tmp_path / "out", settings(**changed), workers=1)

    return make


@pytest.fixture
def data(make, tree, tmp_path):
    """The dataset of tree.small_covidx, prepared into tmp_path/out."""
    tree.small_covidx()
    make()
    return load.open_dataset(tmp_path / "out")


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_the_contracts_files_and_columns(data, tmp_path):
    names = ["boxes.csv", "excluded.csv", "images.csv", "images.npy", "index.csv", "ledger.csv", "settings.json"]
    assert list(contents(tmp_path / "out")) == names
    columns = ["image_id", "group_id", "source", "label", "split", "file", "sha256"]
    assert list(data.index.columns)[:7] == columns
    assert data.images.dtype == np.uint8
    assert data.images.shape == (12, 16, 16, 1)
    assert isinstance(data.images, np.memmap)
    assert data.classes == CHEST_CLASSES
    assert list(pd.read_csv(tmp_path / "out" / "excluded.csv").columns)[:3] == ["file", "source", "reason"]
    assert pd.read_csv(tmp_path / "out" / "ledger.csv").set_index("source").loc["all", "rows"] == 12


@pytest.mark.parametrize("unreadable", [0, 2])
def test_images_belong_to_their_rows(make, tree, tmp_path, unreadable):
    spoil(tree, unreadable)
    make(max_unreadable=0.1)
    data = load.open_dataset(tmp_path / "out")
    assert len(data.index) == 48 - unreadable
    for row, pixels in zip(data.index.itertuples(), data.images, strict=True):
        if row.source == "cohen":
            with Image.open(tree.root / row.file) as image:
                expected = image.resize((16, 16), Image.Resampling.BILINEAR)
                assert (row.width, row.height) == image.size
            assert np.array_equal(pixels[:, :, 0], expected)


def test_part_gives_aligned_rows(data):
    parts = [data.part(split) for split in ("train", "validation", "test")]
    assert sorted(np.concatenate([part.positions for part in parts])) == list(range(12))
    for part in parts:
        assert [data.classes[label] for label in part.labels] == part.index["label"].tolist()
        assert data.index["image_id"].iloc[part.positions].tolist() == part.index["image_id"].tolist()
    with pytest.raises(DataError, match="expected train or validation or test"):
        data.part("val")


def test_equal_runs_give_equal_bytes_with_one_worker_two_threads_or_two_processes(tree, tmp_path, monkeypatch):
    tree.small_covidx(40)  # several chunks of work
    for name, threads in (("one", 1), ("threads", 2), ("processes", 2)):
        monkeypatch.setattr(convert, "PROCESSES_FROM", 1 if name == "processes" else 1000)
        prepare.prepare_covidx(tree.root, tmp_path / name, settings(), workers=threads)
    assert contents(tmp_path / "one") == contents(tmp_path / "threads") == contents(tmp_path / "processes")


def test_a_changed_image_alone_is_decoded_again(data, make, tree, tmp_path, monkeypatch):
    before = contents(tmp_path / "out")
    (tmp_path / "out" / "index.csv").unlink()  # as a workflow does before it runs a step again
    decoded = count_decoding(monkeypatch)
    make()
    assert decoded == []
    assert contents(tmp_path / "out") == before
    tree.picture(tree.root / "covidx-sources" / "covid-chestxray-dataset" / "images" / "c1.png", (50, 20))
    index = make().index.set_index("image_id")
    assert len(decoded) == 1
    assert index.loc["cohen-c1", ["width", "height"]].tolist() == [50, 20]
    assert index.loc["cohen-c0", ["width", "height"]].tolist() == [40, 30]


def test_another_size_converts_everything_again(data, make, monkeypatch):
    decoded = count_decoding(monkeypatch)
    make(image_size=32)
    assert len(decoded) == 12


def test_another_filter_converts_everything_again(data, make, tmp_path, monkeypatch):
    before, decoded = np.array(data.images), count_decoding(monkeypatch)
    make(resizing="as_published")
    assert len(decoded) == 12
    assert (load.open_dataset(tmp_path / "out").images != before).any()


def count_decoding(monkeypatch):
    decoded, real = [], decode.decode_image

    def counted(data, *more):
        decoded.append(len(data))
        return real(data, *more)

    monkeypatch.setattr(decode, "decode_image", counted)
    return decoded


def interrupt(make, tree, monkeypatch):
    """A conversion of 48 images that ends in its third chunk."""
    tree.small_covidx(40)
    real, calls = convert.convert_chunk, []

    def interrupted(tasks, *places):
        calls.append(len(tasks))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(tasks, *places)

    monkeypatch.setattr(convert, "convert_chunk", interrupted)
    with pytest.raises(KeyboardInterrupt):
        make()
    monkeypatch.setattr(convert, "convert_chunk", real)


def test_an_interrupted_conversion_goes_on_where_it_stopped(make, tree, tmp_path, monkeypatch):
    interrupt(make, tree, monkeypatch)
    assert not (tmp_path / "out" / "index.csv").exists()
    with open(tmp_path / "out" / "converting.csv", "a") as journal:
        journal.write("47,abc")  # a kill in the middle of a line
    decoded = count_decoding(monkeypatch)
    make()
    assert len(decoded) == 48 - 2 * convert.CHUNK
    resumed = contents(tmp_path / "out")
    prepare.prepare_covidx(tree.root, tmp_path / "fresh", settings(), workers=1)
    assert resumed == contents(tmp_path / "fresh")


def test_no_line_of_the_record_is_ahead_of_its_pixels(tree, tmp_path, monkeypatch):
    """Whatever moment a kill comes at: the pixels of each line in the record are in the file."""
    tree.small_covidx(40)
    monkeypatch.setattr(convert, "NOTED_AT_ONCE", 8)
    flushed, noted, flush = [], [], np.memmap.flush
    monkeypatch.setattr(np.memmap, "flush", lambda self: (flush(self), flushed.append(self.shape[0]))[0])
    real = convert.csv.writer

    def writer(stream, **options):
        noted.append(len(flushed))
        return real(stream, **options)

    monkeypatch.setattr(convert.csv, "writer", writer)
    names = [f"covidx-sources/covid-chestxray-dataset/images/c{i}.png" for i in range(40)]
    made = convert.convert(names, root=tree.root, folder=tmp_path, size=16, channels=1, threads=2)
    # The empty record, then five notes of eight: before each of them the pixels went to the disk once more
    assert noted == [1, 2, 3, 4, 5, 6]
    assert made["position"].tolist() == list(range(40))


def test_a_record_of_another_array_is_not_believed(data, make, tmp_path, monkeypatch):
    out = tmp_path / "out"
    before = contents(out)
    np.save(out / "images.npy", np.zeros((3, 16, 16, 1), np.uint8))
    decoded = count_decoding(monkeypatch)
    make()
    assert len(decoded) == 12
    assert contents(out) == before


def spoil(tree, n):
    """Spoils the first n of 40 covid-19 images, each in another way, and returns the folder of their source."""
    folder = tree.small_covidx(40)
    for i, content in enumerate([b"", b"<html>", (folder / "images" / "c9.png").read_bytes()[:200]][:n]):
        (folder / "images" / f"c{i}.png").write_bytes(content)
    return folder


def test_a_few_unreadable_images_are_excluded_with_their_reason(make, tree):
    spoil(tree, 3)
    made = make(max_unreadable=0.1)
    bad = made.excluded[made.excluded["reason"] == "unreadable"]
    assert [file.rsplit("/", 1)[1] for file in bad["file"]] == ["c0.png", "c1.png", "c2.png"]
    assert bad["detail"].iloc[0] == "the file is empty"
    assert "no image: neither DICOM nor" in bad["detail"].iloc[1]
    totals = made.balance.set_index("source").loc["all"]
    assert totals["rows"] == totals["kept"] + totals["unreadable"] == 48
    assert len(made.index) == 45


def test_too_many_unreadable_images_stop_the_run_until_they_are_fetched_anew(make, tree, tmp_path):
    folder = spoil(tree, 3)
    words = r"(?s)3 of 48 images are missing or unreadable \(6\.2%; .* allows 1\.0%\).*c0\.png: the file is"
    with pytest.raises(DataError, match=words):
        make()
    assert len(pd.read_csv(tmp_path / "out" / "unreadable.csv")) == 3
    assert not (tmp_path / "out" / "index.csv").exists()
    for name in ("c0.png", "c1.png", "c2.png"):
        tree.picture(folder / "images" / name)
    assert len(make().index) == 48
    assert not (tmp_path / "out" / "unreadable.csv").exists()


def test_an_empty_class_says_what_was_left_out(make, tree):
    tree.cohen([{"patientid": "1", "filename": "a.png"}, {"patientid": "2", "filename": "b.png", "view": "L"}])
    with pytest.raises(DataError, match=r"no image of class normal, pneumonia \(1 images .* left out: view 1\)"):
        make()


def test_a_missing_data_folder_shows_the_layout(tmp_path):
    with pytest.raises(DataError, match=r"(?s)no such folder; expected in it.*covidx-lists/.*make data RUN=paper"):
        prepare.data_folder(str(tmp_path / "none"))
    (tmp_path / "photos").mkdir()
    with pytest.raises(DataError, match="found photos; expected in it"):
        prepare.data_folder(str(tmp_path))


def test_relative_data_folders_start_at_the_project(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    (tmp_path / "mine" / "covidx-lists").mkdir(parents=True)
    assert prepare.data_folder("mine") == (tmp_path / "mine").resolve()


@pytest.mark.parametrize(
    ("boxes", "expected"),
    [
        ({}, [3.2, 1.6, 4.0, 8.0]),  # images of 40 x 40 with a box (8, 4, 10, 20), made 16 x 16: factor 0.4
        ({"r4": [(512, 256, 128, 64)]}, [8.0, 4.0, 2.0, 1.0]),  # beyond a reduced file: the original's, 16 / 1024
    ],
)
def test_boxes_are_scaled_with_their_images(make, tree, tmp_path, boxes, expected):
    tree.small_covidx(boxes=boxes)
    make()
    boxes = load.open_dataset(tmp_path / "out").boxes.set_index("image_id")
    assert boxes.index.tolist() == ["rsna-r4", "rsna-r5", "rsna-r6", "rsna-r7"]
    assert boxes.loc["rsna-r4", ["x", "y", "width", "height"]].tolist() == expected


def test_masks_are_carried_through_the_same_resize(make, tree, tmp_path):
    tree.small_covidx()
    flags, expected = np.zeros((30, 40), np.uint8), np.zeros((16, 16), np.uint8)
    flags[:15] |= 1
    flags[:, 20:] |= 2
    expected[:8] |= 1
    expected[:, 8:] |= 2
    target = tree.root / "masks" / "covid-chestxray-dataset" / "c2.png"
    target.parent.mkdir(parents=True)
    Image.fromarray(flags).save(target)
    make()
    data = load.open_dataset(tmp_path / "out")
    mask = data.masks[data.index.index[data.index["image_id"] == "cohen-c2"][0]]
    assert (mask != expected).mean() <= 1 / 16  # a pixel that a border cuts in half may fall either way
    assert data.masks.shape == (12, 16, 16)
    assert not data.masks[data.index.index[data.index["source"] == "rsna"]].any()


def test_without_masks_or_boxes_there_is_none(tree, tmp_path):
    rows = [{"lesion_id": f"L{i}", "image_id": f"I{i}", "dx": label} for i, label in enumerate(SKIN_CLASSES * 3)]
    tree.ham10000(rows)
    prepare.prepare_ham10000(tree.root, tmp_path / "skin", settings(), workers=1)
    data = load.open_dataset(tmp_path / "skin")
    assert data.masks is None
    assert data.boxes is None
    assert data.images.shape == (21, 16, 16, 3)
    assert data.classes == SKIN_CLASSES


def test_an_unprepared_or_mixed_up_dataset_is_a_message(data, tmp_path):
    with pytest.raises(DataError, match="run notebook 00_data_preparation"):
        load.open_dataset(tmp_path / "none")
    np.save(tmp_path / "out" / "images.npy", np.zeros((3, 16, 16, 1), np.uint8))
    with pytest.raises(DataError, match=r"12 rows in index.csv, 3 in images.npy"):
        load.open_dataset(tmp_path / "out")


def test_a_network_of_another_size_than_the_images_is_refused(data, tmp_path):
    assert len(load.open_dataset(tmp_path / "out", 16).images) == 12
    with pytest.raises(
        DataError, match=r"image_size: found 48, expected 16, the size of the images in .*out; set it so"
    ):
        load.open_dataset(tmp_path / "out", 48)


def test_a_copy_of_phantoms_is_not_called_x_rays(make, tree, tmp_path):
    tree.small_covidx()
    make(data="/my/x-rays")
    assert files.read_json(tmp_path / "out/settings.json")["data"] == "/my/x-rays"
    assert GENERATED == phantoms.RECORD
    (tree.root / phantoms.RECORD).write_text("{}")
    make(data="/my/x-rays")
    assert files.read_json(tmp_path / "out/settings.json")["data"] == "phantoms"


def test_what_will_be_prepared_is_looked_for_before_anything_is(tree):
    write_lists(tree)
    with pytest.raises(DataError, match=r"ham10000: no image folder; found: no such folder"):
        prepare.check_layout(tree.root, "lists")
    (tree.root / "ham10000/HAM10000_images_part_1").mkdir(parents=True)
    prepare.check_layout(tree.root, "lists")
    with pytest.raises(DataError, match=r"covidx-sources: none of the five COVIDx sources; found: no such folder"):
        prepare.check_layout(tree.root, "sources")


def test_cross_split_duplicates_leave_training_and_are_accounted_for(make, tree, tmp_path):
    folder = tree.small_covidx(12) / "images"
    index = make().index
    first = index[index["source"] == "cohen"].groupby("split")["image_id"].first()
    copy, original = (folder / (first[name].removeprefix("cohen-") + ".png") for name in ("train", "test"))
    copy.write_bytes(original.read_bytes())
    made = make(drop_cross_split_duplicates=True, near_duplicate_bits=0)
    dropped = made.excluded[made.excluded["reason"] == "duplicate across splits"]
    assert dropped["detail"].tolist() == [f"same file of {first['test']} in test (0 bits)"]
    assert first["train"] not in set(made.index["image_id"])
    assert first["test"] in set(made.index["image_id"])
    data = load.open_dataset(tmp_path / "out")
    assert len(duplicates.across(duplicates.find(data.index, data.images, 0), "split")) == 0
    totals = made.balance.set_index("source").loc["all"]
    assert totals["rows"] == totals["kept"] + totals["duplicate across splits"]


def test_dicom_headers_tell_what_the_metadata_do_not(make, tree):
    tree.small_covidx()
    tree.cohen([{"patientid": str(i), "filename": f"c{i}.png", "view": "AP", "age": "70"} for i in range(4)])
    path = tree.root / "covidx-sources" / "rsna-pneumonia-detection-challenge" / "stage_2_train_images" / "r2.dcm"
    dataset = pydicom.dcmread(path)
    dataset.ViewPosition, dataset.PatientSex, dataset.PatientAge = "PA", "F", "058Y"
    dataset.save_as(path)
    index = make().index.set_index("image_id")
    assert index.loc["rsna-r2", ["view", "sex", "age"]].tolist() == ["PA", "F", "58"]
    assert index.loc["rsna-r3", ["view", "sex", "age"]].tolist() == ["", "", ""]
    assert index.loc["cohen-c0", ["view", "sex", "age"]].tolist() == ["AP", "", "70"]


@pytest.mark.parametrize("also", ["", "index.csv", "images.csv"])
def test_damaged_pixels_are_converted_again_and_no_others(data, make, tmp_path, monkeypatch, also):
    out = tmp_path / "out"
    before = contents(out)
    flipped = bytearray((out / "images.npy").read_bytes())
    flipped[-1] ^= 1  # in the last image
    (out / "images.npy").write_bytes(flipped)
    if also:
        (out / also).write_bytes(b"\xff\xfe")
    decoded = count_decoding(monkeypatch)
    make()
    assert len(decoded) == (12 if also == "images.csv" else 1)
    assert contents(out) == before


def test_pixels_damaged_while_a_conversion_is_interrupted_are_converted_again(make, tree, tmp_path, monkeypatch):
    interrupt(make, tree, monkeypatch)
    pixels = np.load(tmp_path / "out" / "converting.npy", mmap_mode="r+")
    pixels[3] ^= 1
    pixels.flush()
    make()
    prepare.prepare_covidx(tree.root, tmp_path / "fresh", settings(), workers=1)
    assert contents(tmp_path / "out") == contents(tmp_path / "fresh")


def test_skin_images_that_are_missing_count_as_unreadable(tree, tmp_path):
    rows = [
        {"lesion_id": f"L{i}", "image_id": f"I{i}", "dx": name, "dataset": "x"}
        for i, name in enumerate(SKIN_CLASSES * 6)
    ]
    folder = tree.ham10000(rows)
    shutil.rmtree(folder / "HAM10000_images_part_2")
    with pytest.raises(
        DataError, match=r"(?s)21 of 42 images are missing or unreadable.*I1.jpg: no such file.*all its parts"
    ):
        prepare.prepare_ham10000(tree.root, tmp_path / "out", settings())


def write_lists(tree, test=CHEST_CLASSES):
    folder = tree.root / "covidx-lists"
    for split, labels in {"train": CHEST_CLASSES, "test": test, "val": CHEST_CLASSES}.items():
        for i in range(6):
            tree.picture(folder / "images" / f"{split}{i}.png")
        lines = [f"{split}{i} {split}{i}.png {labels[i % len(labels)]} cohen" for i in range(6)]
        (folder / f"{split}.txt").write_text("\n".join(lines))
    return folder


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("train1.png normal", "train1.png", "bad file name: unreadable line: train1 train1.png cohen"),
        (" train1.png", " ../images/train1.png", "bad file name: ../images/train1.png"),
        ("train1.png", "TRAIN1.png", "bad file name: in another case there are Train1.png and train1.png"),
    ],
)
def test_lines_that_name_no_image_count_as_unreadable(tree, tmp_path, old, new, says):
    path = write_lists(tree) / "train.txt"
    tree.picture(path.parent / "images/Train1.png")
    path.write_text(path.read_text().replace(old, new))
    chosen = {"covidx_layout": "lists"}
    with pytest.raises(DataError) as error:
        prepare.prepare_covidx(tree.root, tmp_path / "out", settings(**chosen))
    assert "1 of 18 images are missing or unreadable (5.6%; max_unreadable allows 1.0%)" in str(error.value)
    assert says in str(error.value)
    made = prepare.prepare_covidx(tree.root, tmp_path / "out", settings(**chosen, max_unreadable=0.1))
    assert len(made.index) == 17


def test_a_hole_in_a_split_says_what_was_left_out(tree, tmp_path):
    path = write_lists(tree) / "train.txt"
    path.write_text(path.read_text().replace("covid-19", "COVID19"))
    with pytest.raises(
        DataError, match=r"train has none of covid-19\. .*; rows left out: bad file name 2\. Every split"
    ):
        prepare.prepare_covidx(tree.root, tmp_path / "out", settings(covidx_layout="lists", max_unreadable=1))


def test_a_class_that_a_list_has_in_one_split_alone_is_named_before_anything_is_trained(tree, tmp_path):
    write_lists(tree, test=CHEST_CLASSES[:2])
    with pytest.raises(DataError, match=r"test has none of pneumonia\. Images by split: .* Every split needs every"):
        prepare.prepare_covidx(tree.root, tmp_path / "out", settings(covidx_layout="lists"))
    assert not (tmp_path / "out" / "index.csv").exists()


def test_a_mask_that_cannot_be_used_is_named_and_its_image_is_there_without_one(data, make, tree):
    folder = tree.root / "masks" / "covid-chestxray-dataset"
    folder.mkdir(parents=True)
    (folder / "c0.png").write_bytes(b"\x89PNG")
    Image.fromarray(np.zeros((30, 40), np.uint8)).save(folder / "c1.png")
    Image.fromarray(np.full((40, 40), 1, np.uint8)).save(folder / "c2.png")  # the image is wider than high
    Image.fromarray(np.full((15, 20), 255, np.uint8)).save(folder / "c3.png")  # half as large, 0 and 255: a lung
    make()
    told = pd.read_csv(data.folder / "masks.csv", keep_default_na=False).set_index("image_id")
    assert told.loc["cohen-c0", "problem"].startswith("not readable")
    assert told.loc["cohen-c1", "problem"] == "empty"
    assert told.loc["cohen-c2", "problem"] == "has 40 x 40 pixels, its image 40 x 30"
    assert told.loc["cohen-c3", ["lung", "problem"]].tolist() == [1, ""]
    assert (told.drop(index="cohen-c3")["lung"] == 0).all()
    assert set(told["problem"].drop([f"cohen-c{n}" for n in range(4)])) == {"no mask"}
    assert np.unique(data.masks).tolist() == [0, 1]


def test_a_mask_may_lie_in_a_folder_beside_that_of_the_images(data, make, tree):
    beside = tree.root / "covidx-sources" / "covid-chestxray-dataset" / "masks" / "c0.png"
    beside.parent.mkdir()
    Image.fromarray(np.full((30, 40), 255, np.uint8)).save(beside)
    make()
    told = pd.read_csv(data.folder / "masks.csv", keep_default_na=False).set_index("image_id")
    assert told["lung"][told["lung"] > 0].to_dict() == {"cohen-c0": 1}


@pytest.mark.timeout(20)
def test_a_table_too_large_to_be_read_whole_is_refused_and_a_pipe_never_opened(make, tree):
    tree.small_covidx()
    table = tree.root / "covidx-sources" / "covid-chestxray-dataset" / "metadata.csv"
    with table.open("r+b") as file:
        file.truncate(20 * 2**30)
    with pytest.raises(DataError, match=r"metadata\.csv: 20,480 MiB, at most 1,024 are read"):
        make()
    table.unlink()
    os.mkfifo(table)
    with pytest.raises(DataError, match=r"metadata\.csv: no such file"):
        make()
