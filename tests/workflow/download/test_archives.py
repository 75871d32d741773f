import hashlib
import io
import zipfile

import pytest

from lib.data import DataError
from lib.data.sources import FOLDERS
from workflow.download import archives, kaggle
from workflow.download.__main__ import main
from workflow.download.archives import acquire


def zipped(members, comment=""):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as opened:
        for name, content in members.items():
            opened.writestr(name, content)
        opened.comment = comment.encode()
    return stream.getvalue()


@pytest.fixture
def hosts(server, monkeypatch):
    """A server that holds small stand-ins of HAM10000 and the three repositories."""
    monkeypatch.setattr(archives, "GB", 1000)  # the stand-ins need no gigabytes of room
    contents = [
        b"lesion_id,image_id,dx\nL1,I1,nv\n",
        zipped({"I1.jpg": "one"}),
        zipped({"I2.jpg": "two"}),
    ]
    chosen = {}
    for (name, (number, _)), content in zip(archives.SKIN_FILES.items(), contents, strict=True):
        server.files[f"/api/access/datafile/{number}"] = content
        chosen[name] = (number, hashlib.md5(content).hexdigest())
    monkeypatch.setattr(archives, "SKIN_FILES", chosen)
    for repository, commit in archives.REPOSITORIES.values():
        top = f"{repository.split('/')[1]}-{commit}"
        members = {f"{top}/metadata.csv": "patientid\n", f"{top}/images/1.png": "x"}
        server.files[f"/{repository}/archive/{commit}.zip"] = zipped(members, commit)
    monkeypatch.setattr(archives, "HOSTS", dict.fromkeys(archives.HOSTS, server.address))
    return server


OPEN = ["ham10000", "cohen", "fig1", "actmed"]


def test_the_open_archives_are_fetched_unpacked_and_cleaned_up(hosts, tmp_path):
    assert acquire(tmp_path, OPEN) == 0
    assert (tmp_path / "ham10000" / "HAM10000_images_part_2" / "I2.jpg").read_text() == "two"
    for source in ("cohen", "fig1", "actmed"):
        assert (tmp_path / "covidx-sources" / FOLDERS[source] / "images" / "1.png").is_file()
    assert not [path for path in tmp_path.rglob("*") if path.suffix in (".zip", ".part")]


def test_a_second_call_fetches_nothing(hosts, tmp_path, capsys):
    acquire(tmp_path, OPEN)
    asked = hosts.asked.total()
    assert acquire(tmp_path, OPEN) == 0
    assert hosts.asked.total() == asked
    assert capsys.readouterr().out.count("there already") == len(OPEN)


def test_one_failure_does_not_stop_the_others_and_is_mended_by_the_next_call(hosts, tmp_path, capsys):
    repository, commit = archives.REPOSITORIES["cohen"]
    hosts.faults[f"/{repository}/archive/{commit}.zip"] = ["404"]
    assert acquire(tmp_path, OPEN) == 1
    assert "cohen: " in capsys.readouterr().err
    assert (tmp_path / "covidx-sources" / FOLDERS["actmed"] / "metadata.csv").is_file()
    assert acquire(tmp_path, OPEN) == 0


def test_an_archive_of_another_commit_is_refused(hosts, tmp_path, capsys):
    repository, commit = archives.REPOSITORIES["fig1"]
    hosts.files[f"/{repository}/archive/{commit}.zip"] = zipped({"a/metadata.csv": ""}, "0" * 40)
    assert acquire(tmp_path, ["fig1"]) == 1
    assert f"expected {commit}; it was deleted" in capsys.readouterr().err
    assert not (tmp_path / "covidx-sources" / FOLDERS["fig1"]).exists()


def test_an_archive_that_differs_from_the_first_download_is_refused(hosts, tmp_path, capsys):
    acquire(tmp_path, ["fig1"])
    target = tmp_path / "covidx-sources" / FOLDERS["fig1"]
    target.rename(tmp_path / "elsewhere")
    repository, commit = archives.REPOSITORIES["fig1"]
    hosts.files[f"/{repository}/archive/{commit}.zip"] = zipped({"a/metadata.csv": "", "a/images/2": ""}, commit)
    assert acquire(tmp_path, ["fig1"]) == 1
    assert "wrong bytes twice" in capsys.readouterr().err
    assert not target.exists()


def test_half_an_item_is_not_overwritten(hosts, tmp_path, capsys):
    (tmp_path / "covidx-sources" / FOLDERS["fig1"]).mkdir(parents=True)
    assert acquire(tmp_path, ["fig1"]) == 1
    assert "move it away" in capsys.readouterr().err


def test_an_unknown_name_is_refused(tmp_path):
    with pytest.raises(DataError, match="expected ham10000, cohen, fig1, actmed, sirm, rsna"):
        acquire(tmp_path, ["kohen"])


def test_the_demo_has_nothing_to_fetch(capsys):
    assert main(["--run", "demo"]) == 0
    assert "nothing to fetch" in capsys.readouterr().out


def test_an_unknown_run_is_one_line(capsys):
    assert main(["--run", "nosuchrun"]) == 1
    assert "no such file" in capsys.readouterr().err


def refuse(status):
    import requests
    from kagglehub.exceptions import KaggleApiHTTPError

    answer = requests.Response()
    answer.status_code = status

    def download(*_, **__):
        raise KaggleApiHTTPError(f"{status} Client Error.\n\nYou don't have permission", response=answer)

    return download


def test_kaggle_without_accepted_rules_gives_the_steps(tmp_path, monkeypatch):
    import kagglehub

    monkeypatch.setattr(kagglehub, "competition_download", refuse(403))
    with pytest.raises(DataError, match=r"(?s)403 Client Error.*rules and accept the rules.*By hand: "):
        kaggle.get("rsna", tmp_path / "rsna")
    assert not (tmp_path / "rsna").exists()


def test_kaggle_without_a_connection_gives_the_steps(tmp_path, monkeypatch):
    monkeypatch.setenv("KAGGLE_API_ENDPOINT", "http://127.0.0.1:9")
    import kagglehub
    import requests

    def unreachable(*_, **__):
        raise requests.ConnectionError("refused")

    monkeypatch.setattr(kagglehub, "dataset_download", unreachable)
    with pytest.raises(DataError, match=r"(?s)cannot be reached.*create a token.*By hand: "):
        kaggle.get("sirm", tmp_path / "sirm")


def test_the_radiography_folder_is_found_inside_the_download(tmp_path, monkeypatch):
    import kagglehub

    def download(handle, output_dir):
        assert handle == "tawsifurrahman/covid19-radiography-database/versions/1"
        folder = tmp_path / output_dir / "COVID-19 Radiography Database"
        (folder / "COVID-19").mkdir(parents=True)
        (folder / "COVID-19.metadata.xlsx").write_bytes(b"")

    monkeypatch.setattr(kagglehub, "dataset_download", download)
    kaggle.get("sirm", tmp_path / "sources" / "sirm")
    assert (tmp_path / "sources" / "sirm" / "COVID-19.metadata.xlsx").is_file()
    assert sorted(path.name for path in (tmp_path / "sources").iterdir()) == ["sirm"]


def test_a_download_without_the_files_says_what_it_holds(tmp_path):
    (tmp_path / "got" / "train").mkdir(parents=True)
    with pytest.raises(DataError, match="the download holds train, expected stage_2_detailed_class_info"):
        kaggle.adopt("rsna", tmp_path / "got", tmp_path / "rsna")
