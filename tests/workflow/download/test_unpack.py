import stat
import zipfile

import pytest

from lib.data import DataError
from workflow.download.unpack import commit_of, unpack


def archive(path, members, comment=b""):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in members.items():
            opened.writestr(name, content)
        opened.comment = comment
    return path


def nothing_left(folder, path):
    return sorted(found.name for found in folder.iterdir()) == [path.name]


@pytest.mark.parametrize("top", ["", "repo-abc/"])
def test_a_single_top_folder_is_dropped(tmp_path, top):
    path = archive(tmp_path / "a.zip", {f"{top}metadata.csv": "x", f"{top}images/1.png": "y"})
    target = unpack(path, tmp_path / "to" / "repo", max_bytes=100)
    assert (target / "metadata.csv").read_text() == "x"
    assert (target / "images" / "1.png").read_text() == "y"


@pytest.mark.parametrize("name", ["../out.txt", "a/../../out.txt", "/etc/out.txt", "C:/out.txt", "..\\out.txt"])
def test_a_name_that_leaves_the_target_stops(tmp_path, name):
    path = archive(tmp_path / "a.zip", {"fine.txt": "x", name: "bad"})
    with pytest.raises(DataError, match="would leave the target folder"):
        unpack(path, tmp_path / "to", max_bytes=100)
    assert nothing_left(tmp_path, path)


def test_a_link_stops(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as opened:
        link = zipfile.ZipInfo("link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        opened.writestr(link, "/etc")
    with pytest.raises(DataError, match="links are not unpacked"):
        unpack(path, tmp_path / "to", max_bytes=100)


def test_a_bomb_stops_before_a_byte_is_written(tmp_path):
    path = archive(tmp_path / "a.zip", {"zeros": b"\0" * 10_000_000})
    with pytest.raises(DataError, match=r"would unpack to 0\.0 GB, at most"):
        unpack(path, tmp_path / "to", max_bytes=1_000_000)
    assert nothing_left(tmp_path, path)


def test_a_member_larger_than_stated_leaves_nothing_behind(tmp_path):
    path = archive(tmp_path / "a.zip", {"zeros": b"\0" * 100_000})
    data = path.read_bytes()
    path.write_bytes(data.replace((100_000).to_bytes(4, "little"), (10).to_bytes(4, "little")))
    with pytest.raises(DataError, match=r"larger than the archive says|is damaged"):
        unpack(path, tmp_path / "to", max_bytes=1_000_000)
    assert nothing_left(tmp_path, path)


def test_damage_inside_leaves_nothing_behind(tmp_path):
    path = archive(tmp_path / "a.zip", {"a.txt": "fine", "b.txt": bytes(range(256)) * 50})
    data = bytearray(path.read_bytes())
    at = data.index(b"b.txt") + 40
    data[at : at + 20] = b"\xff" * 20
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"'b\.txt' is damaged"):
        unpack(path, tmp_path / "to", max_bytes=1_000_000)
    assert nothing_left(tmp_path, path)


def test_no_zip_is_a_message(tmp_path):
    path = tmp_path / "a.zip"
    path.write_bytes(b"<html>please sign in</html>")
    with pytest.raises(DataError, match="not readable as a zip archive"):
        unpack(path, tmp_path / "to", max_bytes=100)


def test_the_commit_is_read_from_the_comment(tmp_path):
    commit = "6a4242344473ccb5ed0d2148d8c7bfb1691e4ed8"
    assert commit_of(archive(tmp_path / "a.zip", {"a": "b"}, commit.encode())) == commit
    assert commit_of(archive(tmp_path / "b.zip", {"a": "b"}, b"hello")) == ""
