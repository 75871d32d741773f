import hashlib
import shutil

import pytest

from lib.data import DataError
from workflow.download import fetch as downloads
from workflow.download.fetch import Patience, fetch

CONTENT = bytes(range(256)) * 2000
HASH = "md5:" + hashlib.md5(CONTENT).hexdigest()
QUICK = Patience(attempts=3, connect=1, stall=0.4, pause=0.01)


@pytest.fixture
def get(server, tmp_path):
    """Fetches /file, mistreated in the given ways, and returns the target's path."""
    server.files["/file"] = CONTENT

    def get(*faults):
        server.faults["/file"] = list(faults)
        return fetch(server.address + "/file", tmp_path / "file.bin", HASH, patience=QUICK)

    return get


def left_over(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    ("faults", "asked", "ranges"),
    [
        pytest.param([], 1, [], id="none"),
        pytest.param(["truncate"], 2, [len(CONTENT) // 2], id="resumed where it stopped"),
        pytest.param(["stall"], 2, [len(CONTENT) // 2], id="resumed after a silence"),
        # 8 is more than the 3 tries that may bring nothing
        pytest.param(["truncate"] * 8, 9, None, id="as often as bytes arrive"),
        pytest.param(["500", "503"], 3, [], id="asked again"),
        pytest.param(["truncate", "no range"], 2, None, id="read from the start where ranges are ignored"),
        pytest.param(["truncate", "shifted"], 3, None, id="not glued to a range that starts elsewhere"),
        pytest.param(["wrong"], 2, None, id="wrong bytes fetched once more"),
    ],
)
def test_a_whole_file_arrives_whatever_happens_and_nothing_else_is_left(get, server, faults, asked, ranges):
    target = get(*faults)
    assert target.read_bytes() == CONTENT
    assert left_over(target.parent) == ["file.bin"]
    assert server.asked["/file"] == asked
    assert ranges is None or server.ranges == [f"bytes={start}-" for start in ranges]


def test_what_is_there_is_fetched_again_only_where_it_changed(get, server):
    get()
    get()
    assert server.asked["/file"] == 1
    get().write_bytes(b"spoilt")
    assert get().read_bytes() == CONTENT
    assert server.asked["/file"] == 2


def test_a_file_that_changed_during_the_download_is_not_glued(get, server):
    server.files["/file"] = b"old" * 1000
    with pytest.raises(DataError):
        get("truncate", "500", "500", "500")
    server.files["/file"] = CONTENT
    assert get().read_bytes() == CONTENT


@pytest.mark.parametrize("more", [b"", b"more"], ids=["whole", "too long"])
def test_a_part_that_is_whole_already_is_taken_and_one_too_long_thrown_away(get, tmp_path, more):
    (tmp_path / "file.bin.part").write_bytes(CONTENT + more)
    assert get().read_bytes() == CONTENT
    assert left_over(tmp_path) == ["file.bin"]


def test_wrong_bytes_twice_stop_and_leave_nothing_under_the_name(get, tmp_path):
    with pytest.raises(DataError, match=r"wrong bytes twice .*Nothing was written"):
        get("wrong", "wrong")
    assert left_over(tmp_path) == []


@pytest.mark.parametrize("code", ["404", "403"])
def test_a_refusal_stops_at_once_and_says_what_to_do(get, server, code):
    with pytest.raises(DataError, match=rf"the server answers {code} .*fetch it by hand"):
        get(code)
    assert server.asked["/file"] == 1


def test_patience_ends_and_the_next_call_goes_on(get, server, tmp_path):
    with pytest.raises(DataError, match=r"gave up after 3 tries .*goes on from there"):
        get("truncate", "500", "500", "500")
    assert left_over(tmp_path) == ["file.bin.part", "file.bin.part.etag"]
    assert get().read_bytes() == CONTENT
    assert server.ranges[-1] == f"bytes={len(CONTENT) // 2}-"


def test_no_server_is_a_message_not_a_traceback(tmp_path):
    with pytest.raises(DataError, match="gave up after 3 tries"):
        fetch("http://127.0.0.1:9/file", tmp_path / "file", None, patience=QUICK)


def test_a_full_disk_is_noticed_before_writing(get, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=downloads.SPARE + 1000)
    monkeypatch.setattr(downloads.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(DataError, match="make room or choose another folder"):
        get()
    assert left_over(tmp_path) == []
