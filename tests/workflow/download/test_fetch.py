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

    def get(*faults, known_hash=HASH):
        server.faults["/file"] = list(faults)
        return fetch(server.address + "/file", tmp_path / "to" / "file.bin", known_hash, patience=QUICK, progress=False)

    return get


def left_over(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_whole_file_arrives_and_nothing_else_is_left(get, server):
    target = get()
    assert target.read_bytes() == CONTENT
    assert left_over(target.parent) == ["file.bin"]
    assert server.asked["/file"] == 1


def test_what_is_there_is_not_fetched_again(get, server):
    get()
    get()
    assert server.asked["/file"] == 1


def test_a_changed_file_on_disk_is_fetched_again(get, server):
    get().write_bytes(b"spoilt")
    assert get().read_bytes() == CONTENT
    assert server.asked["/file"] == 2


def test_a_truncated_answer_is_resumed_where_it_stopped(get, server):
    assert get("truncate").read_bytes() == CONTENT
    assert server.ranges == [f"bytes={len(CONTENT) // 2}-"]


def test_a_stalled_answer_is_resumed(get, server):
    assert get("stall").read_bytes() == CONTENT
    assert len(server.ranges) == 1


def test_many_interruptions_are_survived_as_long_as_bytes_arrive(get, server):
    # 8 is more than the 3 tries that may bring nothing
    assert get(*["truncate"] * 8).read_bytes() == CONTENT
    assert server.asked["/file"] == 9


def test_a_server_error_is_asked_again(get, server):
    assert get("500", "503").read_bytes() == CONTENT
    assert server.asked["/file"] == 3


def test_a_server_that_ignores_ranges_is_read_from_the_start(get, server):
    assert get("truncate", "no range").read_bytes() == CONTENT


def test_a_range_that_starts_elsewhere_is_not_glued(get, server):
    assert get("truncate", "shifted").read_bytes() == CONTENT


def test_a_file_that_changed_during_the_download_is_not_glued(server, tmp_path):
    server.files["/file"] = b"old" * 1000
    server.faults["/file"] = ["truncate", "500", "500", "500"]
    target = tmp_path / "file.bin"
    with pytest.raises(DataError):
        fetch(server.address + "/file", target, HASH, patience=QUICK, progress=False)
    server.files["/file"] = CONTENT
    assert fetch(server.address + "/file", target, HASH, patience=QUICK, progress=False).read_bytes() == CONTENT


def test_a_part_that_is_whole_already_is_taken(server, tmp_path):
    server.files["/file"] = CONTENT
    (tmp_path / "file.bin.part").write_bytes(CONTENT)
    target = fetch(server.address + "/file", tmp_path / "file.bin", HASH, patience=QUICK, progress=False)
    assert target.read_bytes() == CONTENT
    assert left_over(tmp_path) == ["file.bin"]


def test_a_part_that_is_too_long_is_thrown_away(server, tmp_path):
    server.files["/file"] = CONTENT
    (tmp_path / "file.bin.part").write_bytes(CONTENT + b"more")
    target = fetch(server.address + "/file", tmp_path / "file.bin", HASH, patience=QUICK, progress=False)
    assert target.read_bytes() == CONTENT


def test_wrong_bytes_are_fetched_once_more(get, server):
    assert get("wrong").read_bytes() == CONTENT
    assert server.asked["/file"] == 2


def test_wrong_bytes_twice_stop_and_leave_nothing_under_the_name(get, tmp_path):
    with pytest.raises(DataError, match=r"wrong bytes twice .*Nothing was written"):
        get("wrong", "wrong")
    assert left_over(tmp_path / "to") == []


@pytest.mark.parametrize("code", ["404", "403"])
def test_a_refusal_stops_at_once_and_says_what_to_do(get, server, code):
    with pytest.raises(DataError, match=rf"the server answers {code} .*fetch it by hand"):
        get(code)
    assert server.asked["/file"] == 1


def test_patience_ends_and_the_next_call_goes_on(get, server, tmp_path):
    with pytest.raises(DataError, match=r"gave up after 3 tries .*goes on from there"):
        get("truncate", "500", "500", "500")
    assert left_over(tmp_path / "to") == ["file.bin.part", "file.bin.part.etag"]
    assert get().read_bytes() == CONTENT
    assert server.ranges[-1] == f"bytes={len(CONTENT) // 2}-"


def test_no_server_is_a_message_not_a_traceback(tmp_path):
    with pytest.raises(DataError, match="gave up after 3 tries"):
        fetch("http://127.0.0.1:9/file", tmp_path / "file", None, patience=QUICK, progress=False)


def test_a_full_disk_is_noticed_before_writing(get, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=downloads.SPARE + 1000)
    monkeypatch.setattr(downloads.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(DataError, match="make room or choose another folder"):
        get()
    assert left_over(tmp_path / "to") == []
