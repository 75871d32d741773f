import stat
import zipfile

import pytest

from lib.data import DataError
from tests.workflow.download.conftest import zipped
from workflow.download.unpack import commit_of, unpack


@pytest.fixture
def archive(tmp_path):
    """Writes an archive of the given bytes and returns its path."""

    def archive(content):
        (tmp_path / "a.zip").write_bytes(content)
        return tmp_path / "a.zip"

    return archive


@pytest.mark.parametrize("top", ["", "repo-abc/"])
def test_a_single_top_folder_is_dropped(archive, tmp_path, top):
    path = archive(zipped({f"{top}metadata.csv": "x", f"{top}images/1.png": "y"}))
    target = unpack(path, tmp_path / "to" / "repo", max_bytes=100)
    assert (target / "metadata.csv").read_text() == "x"
    assert (target / "images" / "1.png").read_text() == "y"


def bad():
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    understated = zipped({"zeros": b"\0" * 100_000})
    understated = understated.replace((100_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    damaged = bytearray(zipped({"a.txt": "fine", "b.txt": bytes(range(256)) * 50}))
    at = damaged.index(b"b.txt") + 40
    damaged[at : at + 20] = b"\xff" * 20
    leaving = ["../out.txt", "a/../../out.txt", "/etc/out.txt", "C:/out.txt", "..\\out.txt"]
    return {name: (zipped({"fine.txt": "x", name: "bad"}), "would leave the target folder") for name in leaving} | {
        "link": (zipped({link: "/etc"}), "links are not unpacked"),
        "bomb": (zipped({"zeros": b"\0" * 10_000_000}), r"would unpack to 0\.0 GB, at most"),
        "larger than stated": (understated, r"larger than the archive says|is damaged"),
        "damage inside": (damaged, r"'b\.txt' is damaged"),
        "no zip": (b"<html>please sign in</html>", "not readable as a zip archive"),
    }


@pytest.mark.parametrize(("content", "says"), bad().values(), ids=bad().keys())
def test_a_hostile_or_damaged_archive_stops_and_leaves_nothing_behind(archive, tmp_path, content, says):
    path = archive(content)
    with pytest.raises(DataError, match=says):
        unpack(path, tmp_path / "to", max_bytes=1_000_000)
    assert list(tmp_path.iterdir()) == [path]


def test_the_commit_is_read_from_the_comment(archive):
    commit = "6a4242344473ccb5ed0d2148d8c7bfb1691e4ed8"
    assert commit_of(archive(zipped({"a": "b"}, commit))) == commit
    assert commit_of(archive(zipped({"a": "b"}, "hello"))) == ""
