import pandas as pd
import pytest

from lib.data import DataError, ledger
from lib.data.lists import Line, parse_line, read_lists
from lib.data.sources import find_sources, read_ham10000, read_sources


def test_cohen_closes_every_row_with_its_reason(tree):
    rows = [
        {"patientid": "1", "filename": "kept.png"},
        {"patientid": " 1 ", "filename": "path.png", "finding": " Pneumonia/Viral/COVID-19 "},
        {"patientid": "2", "filename": "side.png", "view": "L"},
        {"patientid": "3", "filename": "tb.png", "finding": "Tuberculosis"},
        {"patientid": "4", "filename": "gone.png"},
        {"patientid": "", "filename": "nobody.png"},
        {"patientid": "5", "filename": "../../secret.png"},
        {"patientid": "1", "filename": "kept.png"},
    ]
    tree.cohen(rows, missing=("gone.png",))
    book = read_sources(tree.root, "report")
    kept, excluded = book.tables()
    assert kept["image_id"].tolist() == ["cohen-kept", "cohen-path"]
    assert set(kept["group_id"]) == {"cohen-1"}
    names = [file.rsplit("/", 1)[-1] for file in excluded["file"]]
    assert dict(zip(names, excluded["reason"], strict=True)) == {
        "side.png": ledger.VIEW,
        "tb.png": ledger.FINDING,
        "gone.png": ledger.MISSING,
        "nobody.png": ledger.BAD_ID,
        "secret.png": ledger.BAD_NAME,
        "kept.png": ledger.REPEATED,
    }
    assert len(kept) + len(excluded) == len(rows) == book.read["cohen"]


def test_two_rows_that_contradict_each_other_are_both_left_out(tree):
    rows = [{"patientid": "1", "filename": "a.png"}, {"patientid": "2", "filename": "b.png"}]
    tree.cohen([rows[0], rows[0] | {"finding": "Pneumonia"}, rows[1]])
    kept, excluded = read_sources(tree.root, "report").tables()
    assert kept["image_id"].tolist() == ["cohen-b"]
    assert excluded["reason"].tolist() == [ledger.CONTRADICTION] * 2
    assert set(excluded["detail"]) == {"covid-19 in row 2, pneumonia in row 3"}


def test_files_that_no_row_names_are_counted(tree):
    folder = tree.cohen([{"patientid": "1", "filename": "a.png"}])
    tree.picture(folder / "images" / "stray.png")
    kept, excluded = (book := read_sources(tree.root, "report")).tables()
    counts = ledger.balance(kept, excluded, book.unlisted).set_index("source")
    assert counts.loc["cohen", "unlisted_files"] == 1
    assert counts.loc["all"].to_dict() == {"rows": 1, "kept": 1, "unlisted_files": 1}


def test_ids_that_differ_in_suffix_only_stay_apart(tree):
    tree.cohen([{"patientid": "1", "filename": "a.png"}, {"patientid": "2", "filename": "a.jpg"}])
    assert sorted(read_sources(tree.root, "report").tables()[0]["image_id"]) == ["cohen-a.jpg", "cohen-a.png"]


def test_figure1_finds_its_files_by_patient_and_reads_latin_1(tree):
    folder = tree.root / "covidx-sources" / "Figure1-COVID-chestxray-dataset"
    findings = {"1": "COVID-19", "2": "No finding", "3a": "Pneumonia", "3b": "Pneumonia"}
    rows = [{"patientid": f"COVID-{name}", "finding": finding} for name, finding in findings.items()]
    tree.table(folder / "metadata.csv", [row | {"notes": "São Paulo"} for row in rows], encoding="latin-1")
    for row, suffix in zip(rows, ("jpg", "jpg", "png", "jpg"), strict=True):
        tree.picture(folder / "images" / f"{row['patientid']}.{suffix}")
    kept, excluded = read_sources(tree.root, "report").tables()
    assert kept[["image_id", "group_id", "label"]].values.tolist() == [
        ["fig1-COVID-1", "fig1-COVID-1", "covid-19"],
        ["fig1-COVID-3a", "fig1-COVID-3", "pneumonia"],  # the letter numbers the images of one patient
        ["fig1-COVID-3b", "fig1-COVID-3", "pneumonia"],
    ]
    assert excluded["reason"].tolist() == [ledger.FINDING]


def test_the_radiography_database_leaves_out_bad_numbers_and_what_cohen_holds_letter_by_letter(tree):
    """The authors compared URLs as they are written, with those of source 1's rows that view and label let pass."""
    site = "https://sirm.org/case-"
    rows = [{"patientid": "1", "filename": "a.png", "url": f"{site}1"}]
    rows += [{"patientid": "2", "filename": "side.png", "url": f"{site}3", "view": "L"}]
    rows += [{"patientid": "3", "filename": "tb.png", "url": f"{site}4", "finding": "Tuberculosis"}]
    tree.cohen(rows)
    folder = tree.root / "covidx-sources" / "COVID-19 Radiography Database"
    urls = {"(1)": f"{site}1", "(2)": f"{site}1/", "(3)": f"{site}3", "(4)": f"{site}4", " (100)": "", " (217)": ""}
    rows = [{"FILE NAME": f"COVID-19{name}", "FORMAT": "PNG", "SIZE": "", "URL": url} for name, url in urls.items()]
    tree.table(folder / "COVID-19.metadata.xlsx", rows)
    for number in (1, 2, 3, 4, 100, 217):
        tree.picture(folder / "COVID-19" / f"COVID-19 ({number}).png")  # a space that the table may lack
    kept, excluded = read_sources(tree.root, "report").tables()
    assert kept.loc[kept["source"] == "sirm", "group_id"].tolist() == ["sirm-2", "sirm-3", "sirm-4"]
    assert excluded.loc[excluded["source"] == "sirm", "reason"].value_counts().to_dict() == {
        ledger.KNOWN_BAD: 2,
        ledger.ELSEWHERE: 1,
    }


def test_rsna_takes_each_patient_once_whatever_its_rows(tree):
    boxes = {"p2": [(1, 1, 5, 5), (9, 9, 5, 5), (3, 3, 2, 2)]}
    tree.rsna({"p1": "Normal", "p2": "Lung Opacity", "p3": "No Lung Opacity / Not Normal"}, boxes)
    kept, excluded = read_sources(tree.root, "report").tables()
    assert dict(zip(kept["image_id"], kept["label"], strict=True)) == {"rsna-p1": "normal", "rsna-p2": "pneumonia"}
    assert excluded["reason"].value_counts().to_dict() == {ledger.REPEATED: 2, ledger.FINDING: 1}


def test_any_subset_of_the_sources_is_found_whatever_the_spelling(tmp_path):
    for name in ("Covid-Chestxray-Dataset-master", "RSNA pneumonia detection challenge", "unrelated"):
        (tmp_path / name).mkdir()
    assert list(find_sources(tmp_path)) == ["cohen", "rsna"]


def test_a_wrong_folder_says_what_it_holds_and_what_is_expected(tmp_path):
    (tmp_path / "holiday").mkdir()
    with pytest.raises(DataError, match=r"found: holiday; expected one or more of: covid-chestxray-dataset/"):
        find_sources(tmp_path)
    with pytest.raises(DataError, match="no such folder"):
        find_sources(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("source", "name", "content", "says"),
    [
        (
            *("covid-chestxray-dataset", "metadata.csv", b"patientid,filename\n1,a.png\n"),
            r"metadata\.csv: column finding, view, url is missing; found: patientid, file",
        ),
        (
            *("covid-chestxray-dataset", "metadata.csv", b"patientid,finding,view,filename,url,View\n"),
            r"metadata\.csv: found columns that differ only in case \(view, View\), expected one; unpack",
        ),
        ("covid-chestxray-dataset", "metadata.csv", b"", "csv: the file is empty"),
        ("covid-chestxray-dataset", "metadata.csv", b"\x00\xff" * 50, "csv: .*(is missing|not read)"),
        ("COVID-19 Radiography Database", "COVID-19.metadata.xlsx", b"no workbook", "xlsx: not readable as a table"),
        ("Actualmed-COVID-chestxray-dataset", "none.csv", b"", r"metadata\.csv: no such file; unpack"),
    ],
)
def test_damaged_or_incomplete_metadata_are_a_message(tmp_path, source, name, content, says):
    (tmp_path / "covidx-sources" / source).mkdir(parents=True)
    (tmp_path / "covidx-sources" / source / name).write_bytes(content)
    with pytest.raises(DataError, match=says):
        read_sources(tmp_path, "report")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("gh86 6C94.jpeg COVID-19 cohen", Line("gh86", "6C94.jpeg", "covid-19", "cohen")),
        ("COVID 1 COVID(1).png COVID-19 sirm", Line("COVID 1", "COVID(1).png", "covid-19", "sirm")),
        (
            "47c78742-4998-4878-aec4-37b11b1354ac 47c78742-4998-4878-aec4-37b11b1354ac.png normal",
            Line("47c78742-4998-4878-aec4-37b11b1354ac", "47c78742-4998-4878-aec4-37b11b1354ac.png", "normal", "rsna"),
        ),
        ("3 SARS-10.1148rg.jpeg pneumonia", Line("3", "SARS-10.1148rg.jpeg", "pneumonia", "cohen")),
        ("7 lungs.png normal", Line("7", "lungs.png", "normal", "unknown")),
        ("a b.png normal rnsa", Line("a", "b.png", "normal", "rsna")),
        ("a b.png COVID-19 actualmed", Line("a", "b.png", "covid-19", "actmed")),
        ("a b.png COVID-19 stonybrok", Line("a", "b.png", "covid-19", "stonybrook")),
        ("a b.png positive ricord", Line("a", "b.png", "positive", "ricord")),
        ("COVID-19 (1) COVID-19 (1).png COVID-19 sirm", Line("COVID-19 (1)", "COVID-19 (1).png", "covid-19", "sirm")),
    ],
)
def test_list_lines_are_read_from_the_right(text, line):
    assert parse_line(text) == line


@pytest.mark.parametrize("text", ["", "patient file.png", "patient file.png sick cohen", "only"])
def test_a_line_without_a_class_is_not_guessed(text):
    assert parse_line(text) is None


def write_lists(tree, **lists):
    folder = tree.root / "covidx-lists"
    (folder / "images").mkdir(parents=True)
    for name, lines in lists.items():
        (folder / f"{name}.txt").write_text("\n".join(lines) + "\n")
        for found in filter(None, map(parse_line, lines)):
            tree.picture(folder / "images" / found.name)
    return folder


def test_lists_keep_their_split(tree):
    folder = write_lists(
        tree,
        train=["a 1.png COVID-19 cohen", "b 2.png normal rsna", "b 2.png normal rsna", "nonsense"],
        val=["c 3.png normal rsna"],
        test=["d 4.png pneumonia rsna", "e 5.png positive ricord"],
    )
    (folder / "images" / "4.png").unlink()
    kept, excluded = (book := read_lists(tree.root)).tables()
    assert dict(zip(kept["image_id"], kept["split"], strict=True)) == {
        "cohen-1": "train",
        "rsna-2": "train",
        "rsna-3": "validation",
    }
    assert sorted(excluded["reason"]) == sorted([ledger.REPEATED, ledger.BAD_NAME, ledger.MISSING, ledger.FINDING])
    assert len(kept) + len(excluded) == sum(book.read.values()) == 7


def test_the_mark_that_windows_writes_first_is_no_part_of_a_patient_s_id(tree):
    folder = write_lists(tree, train=["a 1.png normal rsna", "a 2.png normal rsna"], test=["b 3.png normal rsna"])
    path = folder / "train.txt"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert set(read_lists(tree.root).tables()[0]["group_id"]) == {"rsna-a", "rsna-b"}


def test_of_files_that_differ_only_in_case_the_named_one_is_taken_and_none_where_several_can_be_meant(tree):
    names = ["a.png", "A.png", "b.png", "B.png"]
    folder = tree.cohen([{"patientid": name, "filename": name} for name in names])
    rows = [{"patientid": "1", "filename": name} for name in ("a.png", "A.png", "b.PNG", "c.png")]
    tree.cohen(rows, missing=("b.PNG", "c.png"))
    tree.picture(folder / "images/C.png")
    kept, excluded = read_sources(tree.root, "report").tables()
    assert [file.rsplit("/", 1)[-1] for file in kept["file"]] == ["A.png", "C.png", "a.png"]
    assert excluded[["reason", "detail"]].values.tolist() == [
        [ledger.BAD_NAME, "in another case there are B.png and b.png"]
    ]


@pytest.mark.filterwarnings("ignore:Length of header")
def test_a_comma_at_the_end_of_each_line_shifts_no_column(tree):
    folder = tree.cohen([{"patientid": "1", "filename": "a.png"}, {"patientid": "2", "filename": "b.png"}])
    header, *lines = (folder / "metadata.csv").read_text().splitlines()
    (folder / "metadata.csv").write_text("\n".join([header, *(line + "," for line in lines)]))
    assert read_sources(tree.root, "report").tables()[0]["group_id"].tolist() == ["cohen-1", "cohen-2"]


GOOD = "a 1.png normal rsna"


@pytest.mark.parametrize(
    ("lists", "says"),
    [
        (
            {"train_COVIDx5": [GOOD], "train_COVIDx8A": [GOOD], "test": [GOOD]},
            r"several lists for train \(train_COVIDx5.txt, train_COVIDx8A.txt\)",
        ),
        ({"train": ["image,label", "1.png,normal"], "test": [GOOD]}, r"train\.txt: 2 lines, none reads"),
        ({"train": [GOOD]}, r"expected train\.txt, test\.txt .*; found: images, train\.txt"),
    ],
    ids=["two versions", "another format", "missing"],
)
def test_lists_that_cannot_be_used_are_a_message(tree, lists, says):
    write_lists(tree, **lists)
    with pytest.raises(DataError, match=says):
        read_lists(tree.root)


def test_ham10000_groups_by_lesion(tree):
    rows = pd.DataFrame({"lesion_id": ["HAM_1", "HAM_1", "HAM_2", "HAM_3"], "dx": ["nv", "nv", "wart", "mel"]})
    rows = rows.assign(image_id=[f"ISIC_{i}" for i in range(1, 5)], age="40", sex="male", dataset="rosendahl")
    rows.loc[0, "dataset"] = "vidir_modern"
    folder = tree.ham10000(rows.to_dict("records"))
    (folder / "HAM10000_images_part_2" / "ISIC_4.jpg").unlink()
    kept, excluded = read_ham10000(tree.root).tables()
    assert kept[["image_id", "group_id", "label"]].values.tolist() == [
        ["ISIC_1", "HAM_1", "nv"],
        ["ISIC_2", "HAM_1", "nv"],
    ]
    assert sorted(kept["source"]) == ["rosendahl", "vidir_modern"]
    assert sorted(excluded["reason"]) == [ledger.FINDING, ledger.MISSING]


def test_ham10000_without_images_is_a_message(tmp_path):
    folder = tmp_path / "ham10000"
    folder.mkdir()
    (folder / "HAM10000_metadata.csv").write_text("lesion_id,image_id,dx\n")
    with pytest.raises(DataError, match=r"no image folder; found: HAM10000_metadata\.csv; expected"):
        read_ham10000(tmp_path)
