import hashlib
from unittest.mock import Mock

import kagglehub
import pytest
import requests
from kagglehub.exceptions import KaggleApiHTTPError

from lib import params, paths
from lib.data import DataError
from lib.data.sources import FOLDERS
from tests.workflow.download.conftest import zipped
from workflow.download import archives, kaggle
from workflow.download.__main__ import main
from workflow.download.archives import acquire


@pytest.fixture
def hosts(server, monkeypatch):
    """A server that holds small stand-ins of HAM10000 and the three repositories."""
    monkeypatch.setattr(archives, "GB", 1000)  # the stand-ins need no gigabytes of room
    contents = [b"lesion_id,image_id,dx\nL1,I1,nv\n", zipped({"I1.jpg": "one"}), zipped({"I2.jpg": "two"})]
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


def test_the_open_archives_are_fetched_unpacked_cleaned_up_and_not_fetched_again(hosts, tmp_path, capsys):
    assert acquire(tmp_path, OPEN) == 0
    assert (tmp_path / "ham10000" / "HAM10000_images_part_2" / "I2.jpg").read_text() == "two"
    for source in ("cohen", "fig1", "actmed"):
        assert (tmp_path / "covidx-sources" / FOLDERS[source] / "images" / "1.png").is_file()
    assert not [path for path in tmp_path.rglob("*") if path.suffix in (".zip", ".part")]
    asked = hosts.asked.total()
    assert acquire(tmp_path, OPEN) == 0
    assert hosts.asked.total() == asked
    assert capsys.readouterr().out.count("there already") == len(OPEN)


def test_the_readme_s_line_fetches_what_is_open_and_says_what_needs_an_account(hosts, tmp_path, monkeypatch, capsys):
    """What make hands on of it: `RUN=paper` in the environment, and no argument (tests/test_readme.py)."""
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    monkeypatch.setenv("RUN", "paper")
    monkeypatch.delenv("DATA", raising=False)
    for way in ("dataset_download", "competition_download"):
        monkeypatch.setattr(kagglehub, way, Mock(side_effect=requests.ConnectionError("refused")))
    assert main([]) == 1
    data = tmp_path / params.load("paper").data
    assert {path.name for path in data.glob("covidx-sources/*/")} == {FOLDERS[name] for name in OPEN[1:]}
    assert (data / "ham10000" / "HAM10000_images_part_1" / "I1.jpg").is_file()
    said = capsys.readouterr().err
    assert said.count("By hand: ") == 2
    assert "Not fetched: sirm, rsna. " in said


def test_one_failure_does_not_stop_the_others_and_is_mended_by_the_next_call(hosts, tmp_path, capsys):
    repository, commit = archives.REPOSITORIES["cohen"]
    hosts.faults[f"/{repository}/archive/{commit}.zip"] = ["404"]
    assert acquire(tmp_path, OPEN) == 1
    assert "cohen: " in capsys.readouterr().err
    assert (tmp_path / "covidx-sources" / FOLDERS["actmed"] / "metadata.csv").is_file()
    assert acquire(tmp_path, OPEN) == 0


def test_an_archive_of_another_commit_or_unlike_the_first_download_or_half_there_is_refused(hosts, tmp_path, capsys):
    repository, commit = archives.REPOSITORIES["fig1"]
    target = tmp_path / "covidx-sources" / FOLDERS["fig1"]

    def refused(comment):
        hosts.files[f"/{repository}/archive/{commit}.zip"] = zipped({"a/metadata.csv": "", "a/images/2": ""}, comment)
        assert acquire(tmp_path, ["fig1"]) == 1
        return capsys.readouterr().err

    acquire(tmp_path, ["fig1"])
    target.rename(tmp_path / "elsewhere")
    assert "wrong bytes twice" in refused(commit)
    (tmp_path / "covidx-sources" / "checksums.json").unlink()
    assert f"expected {commit}; it was deleted" in refused("0" * 40)
    assert not target.exists()
    target.mkdir()
    assert "move it away" in refused(commit)


def test_an_unknown_name_is_refused(capsys):
    with pytest.raises(SystemExit):
        main(["--only", "kohen"])
    assert "'kohen' (choose from" in capsys.readouterr().err


def test_the_demo_has_nothing_to_fetch(capsys):
    assert main(["--run", "demo"]) == 0
    assert "nothing to fetch" in capsys.readouterr().out


def test_an_unknown_run_is_one_line(capsys):
    assert main(["--run", "nosuchrun"]) == 1
    assert "no such file" in capsys.readouterr().err


RULES = KaggleApiHTTPError("403 Client Error.\n\nYou don't have permission", response=requests.Response())


@pytest.mark.parametrize(
    ("source", "way", "error", "says"),
    [
        ("rsna", "competition_download", RULES, "403 Client Error.*rules and accept the rules"),
        ("sirm", "dataset_download", requests.ConnectionError("refused"), "cannot be reached.*create a token"),
    ],
)
def test_kaggle_without_accepted_rules_or_a_connection_gives_the_steps(tmp_path, monkeypatch, source, way, error, says):
    monkeypatch.setattr(kagglehub, way, Mock(side_effect=error))
    with pytest.raises(DataError, match=f"(?s){says}.*By hand: "):
        kaggle.get(source, tmp_path / source)
    assert not (tmp_path / source).exists()


def test_the_radiography_folder_is_found_inside_the_download(tmp_path, monkeypatch):
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
