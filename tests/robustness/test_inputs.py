"""What a user can write, and what is said about it: one line a case, before anything runs."""

import contextlib
import io
import os
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from lib import params
from lib.data import decode
from lib.params import ParameterError
from lib.paths import ROOT
from workflow import clean, front

PATTERN_ROW = "should be a row's name"
PATTERN_RUN = "should be a run's name"
PAIR = "expected key=value"
DEMO = (params.RUNS / "demo.yaml").read_text(encoding="utf-8")

SETS = [
    # what is no pair
    ("epochs", "SET: found 'epochs', " + PAIR),
    ("epochs=3 5", "SET: found '5', " + PAIR),
    ("=3", "SET: found '=3', " + PAIR),
    ("own_image=my file.png", "SET: found 'file.png', " + PAIR),
    ("experiments=[RN1, RN2", "SET: found 'experiments=[RN1,', " + PAIR),
    ("own_image='x", 'SET: found "own_image=\'x", ' + PAIR),
    ('own_image="x', "SET: found 'own_image=\"x', " + PAIR),
    ("seeds=[1]2", "SET: found 'seeds=[1]2', " + PAIR),
    ("-n", "SET: found '-n', " + PAIR),
    ("epochs:3", "SET: found 'epochs:3', " + PAIR),
    ("my-key=3", "SET: found 'my-key=3', " + PAIR),
    ("epochs=3 epochs=4", "SET: epochs: set twice"),
    ("epochs={a: 1}", "SET: epochs: found '{a:', not readable as YAML"),
    ("epochs=*x", "SET: epochs: found '*x', not readable as YAML"),
    ("epochs=!!python/name:os.system", "not readable as YAML"),
    ("epochs=!!int", "an alias (*name) or a tag (!name); write the value itself"),
    ("epochs=!!timestamp", "an alias (*name) or a tag (!name); write the value itself"),
    ("epochs=@x", "SET: epochs: found '@x', not readable as YAML"),
    # keys
    ("epoch=3", "SET: epoch: unknown key (found 3); did you mean epochs"),
    ("Epochs=3", "SET: Epochs: unknown key (found 3); did you mean epochs"),
    ("épochs=3", "SET: épochs: unknown key (found 3); did you mean epochs"),
    ("zzz=3", "SET: zzz: unknown key (found 3); allowed keys: run, data"),
    ("run=other", "found 'other', expected 'demo'"),
    ("experiment=RN9", "found 'RN9', expected"),
    ("seed=5", "SET: seed: changes nothing in a run; each row is made with every one of `seeds`"),
    ("z" * 100_000 + "=3", "... (100,000 characters): unknown key (found 3)"),
    ("zzz=" + "x" * 100_000, "... (100,002 characters)); allowed keys: run, data"),
    ("x" * 100_000, "... (100,002 characters), " + PAIR),
    ("epochs=@" + "x" * 100_000, "... (100,003 characters), not readable as YAML"),
    # numbers
    ("epochs=", "SET: epochs: found None; should be a valid integer"),
    ("epochs=three", "SET: epochs: found 'three'; should be a valid integer"),
    ("epochs=3.5", "SET: epochs: found 3.5; should be a valid integer"),
    ("epochs=0", "SET: epochs: found 0; should be greater than or equal to 1"),
    ("epochs=-1", "SET: epochs: found -1; should be greater than or equal to 1"),
    ("epochs=1_0", "SET: epochs: found '1_0'; should be a valid integer"),
    ("epochs=1000000000", "SET: epochs: found 1000000000; should be less than or equal to 10000"),
    ("epochs=" + "9" * 5000, "... (5,002 characters), not readable as YAML"),
    ("epochs=" + "9" * 4000, "... (4,000 characters); should be less than or equal to 10000"),
    ("epochs=true", "SET: epochs: found True; should be a valid integer"),
    ("epochs=[3]", "SET: epochs: found [3]; should be a valid integer"),
    ("epochs='3'", "SET: epochs: found '3'; should be a valid integer"),
    ("learning_rate=.inf", "SET: learning_rate: found inf; should be a finite number"),
    ("learning_rate=.nan", "SET: learning_rate: found nan; should be a finite number"),
    ("learning_rate=inf", "SET: learning_rate: found 'inf'; should be a valid number"),
    ("learning_rate=1e400", "SET: learning_rate: found inf; should be a finite number"),
    ("learning_rate=0", "SET: learning_rate: found 0; should be greater than 0"),
    ("learning_rate=1", "SET: learning_rate: found 1; should be less than 1"),
    ("learning_rate=1e-4x", "SET: learning_rate: found '1e-4x'; should be a valid number"),
    ("l2=-0.1", "SET: l2: found -0.1; should be greater than or equal to 0"),
    ("l2=1e9", "SET: l2: found 1000000000.0; should be less than or equal to 100"),
    ("test_share=0", "SET: test_share: found 0; should be greater than or equal to 0.01"),
    ("test_share=0.99", "SET: test_share: found 0.99; should be less than or equal to 0.8"),
    ("validation_share=1", "SET: validation_share: found 1; should be less than or equal to 0.8"),
    ("max_unreadable=2", "SET: max_unreadable: found 2; should be less than or equal to 1"),
    ("near_duplicate_bits=65", "SET: near_duplicate_bits: found 65; should be less than or equal to 64"),
    ("batch_norm_momentum=1", "SET: batch_norm_momentum: found 1; should be less than 1"),
    ("image_size=50", "SET: image_size: found 50; should be a multiple of 16"),
    ("image_size=16", "SET: image_size: found 16; should be greater than or equal to 32"),
    ("image_size=100000", "SET: image_size: found 100000; should be less than or equal to 1024"),
    ("phantom_images=10", "SET: phantom_images: found 10; should be greater than or equal to 60"),
    ("phantom_images=99999999", "SET: phantom_images: found 99999999; should be less than or equal to 100000"),
    ("threads=-1", "SET: threads: found -1; should be greater than or equal to 0"),
    ("threads=100000", "SET: threads: found 100000; should be less than or equal to 1024"),
    ("split_seed=-1", "SET: split_seed: found -1; should be greater than or equal to 0"),
    ("split_seed=9999999999", "SET: split_seed: found 9999999999; should be less than 2147483648"),
    ("bootstrap_samples=1", "SET: bootstrap_samples: found 1; should be greater than or equal to 100"),
    ("batch_size=1000000", "SET: batch_size: found 1000000; should be less than or equal to 10000"),
    ("grad_cam_cells=0", "SET: grad_cam_cells: found 0; should be greater than or equal to 1"),
    # words
    ("precision=half", "SET: precision: found 'half'; should be 'float32', 'mixed_float16' or 'mixed_bfloat16'"),
    ("covidx_layout=list", "SET: covidx_layout: found 'list'; should be 'sources' or 'lists'"),
    ("label_rules=authors", "SET: label_rules: found 'authors'; should be 'report' or 'covidnet'"),
    ("grad_cam=published", "SET: grad_cam: found 'published'; should be 'as_described' or 'as_published'"),
    ("learning_rate_decay=linear", "SET: learning_rate_decay: found 'linear'; should be 'none' or 'cosine'"),
    ("strategy=all", "SET: strategy: found 'all'; should be 'auto', 'one_device' or 'mirrored'"),
    ("instruction_set=sse", "SET: instruction_set: found 'sse'; should be 'avx2' or 'native'"),
    ("deterministic=yes", "SET: deterministic: found 'yes'; should be a valid boolean"),
    ("deterministic=1", "SET: deterministic: found 1; should be a valid boolean"),
    ("cache_activations=no", "SET: cache_activations: found 'no'; should be a valid boolean"),
    # lists and rows
    ("experiments=RN3", "SET: experiments: found 'RN3'; should be a valid list"),
    ("experiments=[]", "SET: experiments: found []; List should have at least 1 item"),
    ("experiments=[RN3,RN3]", "SET: experiments: found RN3 twice"),
    ("experiments=[mine]", "SET: experiments: found 'mine'; " + PATTERN_ROW),
    ("experiments=[../RN3]", "SET: experiments: found '../RN3'; " + PATTERN_ROW),
    ("experiments=['RN3 ']", "SET: experiments: found 'RN3 '; " + PATTERN_ROW),
    ("experiments=[RN3-seed2]", "SET: experiments: found 'RN3-seed2'; no row's name ends in -seed and a number"),
    ("experiments=[RN9]", "params/experiments/RN9.yaml: no such file; found beside it: CN1"),
    ("experiments=[3]", "SET: experiments: found 3; should be a valid string"),
    ("experiments=[[RN3]]", "SET: found 'experiments=[[RN3]]'"),
    ("explained_experiment=../RN3", "SET: explained_experiment: found '../RN3'; " + PATTERN_ROW),
    ("seeds=1", "SET: seeds: found 1; should be a valid list"),
    ("seeds=[]", "SET: seeds: found []; List should have at least 1 item"),
    ("seeds=[2,1]", "SET: seeds: [2, 1]: the first must be 1"),
    ("seeds=[1,1]", "SET: seeds: found 1 twice"),
    (f"seeds={[*range(2, 2000)]}", "characters): the first must be 1"),
    (f"seeds={[*range(1, 2000)] * 2}", "characters) twice; every one may stand once"),
    ("seeds=[1,-2]", "SET: seeds: found -2; should be greater than or equal to 0"),
    ("seeds=[1,1.5]", "SET: seeds: found 1.5; should be a valid integer"),
    # text
    ("own_image=", "SET: own_image: found None; should be a valid string"),
    ("own_image=''", "SET: own_image: found ''; String should have at least 1 character"),
    ('own_image="a\\nb"', "SET: own_image: found 'a\\nb'; should be one line of text"),
    ('data="\\x07"', "SET: data: found '\\x07'; should be one line of text"),
    ("data=" + "x" * 5000, "(5,002 characters); String should have at most 4096 characters"),
    # what contradicts the row
    ("fine_tuning=true", "fine_tuning: true needs"),
    ("continues=RN1", "continues: found 'RN1'; only a row with fine_tuning: true continues another"),
    ("fine_tuning_start=fc1", "fine_tuning_start: found 'fc1'; only a row with fine_tuning: true has one"),
    ("fine_tuning_start=" + "x" * 100_000, "... (100,002 characters); only a row with fine_tuning: true has one"),
]


def read(text: str) -> None:
    """As the front door reads SET."""
    changes = front.overrides(text, "")
    for name in [*params.load("demo", None, changes).experiments, "RN7"]:
        params.load("demo", name, changes)


@pytest.mark.parametrize(("text", "words"), SETS, ids=[f"{number}" for number in range(len(SETS))])
def test_what_set_cannot_mean_is_answered_in_a_line(text, words):
    with pytest.raises(ParameterError) as error:
        read(text)
    assert words in str(error.value)
    assert len(str(error.value)) < 1500


ACCEPTED = [
    ("experiments=[RN1, RN2]", {"experiments": ["RN1", "RN2"]}),
    ("learning_rate=1e-4", {"learning_rate": 1e-4}),
    ("learning_rate=1.e-4 l2=0", {"learning_rate": 1e-4, "l2": 0}),
    ("  epochs=3\n\tseeds=[1,\n 2]  ", {"epochs": 3, "seeds": [1, 2]}),
    ("own_image='my file.png'", {"own_image": "my file.png"}),
    ("own_image=it's.png", {"own_image": "it's.png"}),
    ('own_image="it\'s [1]"', {"own_image": "it's [1]"}),
    ("own_image='it''s'", {"own_image": "it's"}),
    ("own_image=/é/ü=1.png", {"own_image": "/é/ü=1.png"}),
    ("data=$HOME/x", {"data": "$HOME/x"}),
    ("", {}),
]


@pytest.mark.parametrize(("text", "expected"), ACCEPTED)
def test_what_set_can_mean_is_accepted(text, expected):
    assert front.overrides(text, "") == expected


TAGGED = [b"!!int '3'", b"!!int ''", b"!!bool maybe", b"!!timestamp x", b"!!int 0x" + b"f" * 5000, b"!mine 3"]
PARAMETER_FILES = [
    (b"", "expected `key: value` lines, found NoneType"),
    (b"- a\n", "expected `key: value` lines, found list"),
    (b"text\n", "expected `key: value` lines, found str"),
    (b"epochs: [1\n", "not readable as YAML"),
    (b"epochs: 1\nepochs: 2\n", "epochs: set twice"),
    ("# é\nepochs: 1\n".encode("latin-1"), "byte 2 is no UTF-8"),
    ("epochs: 1\n".encode("utf-16"), "byte 0 is no UTF-8"),
    (b"\x00\x01", "not readable as YAML"),
    (b"epochs: !!python/object/apply:os.system [x]\n", "not readable as YAML"),
    (b"\tepochs: 1\n", "not readable as YAML"),
    (b"epochs: 1\n  image_size: 2\n", "not readable as YAML"),
    (b"[a]: 1\n", "not readable as YAML"),
    (b"epochs: *x\n", "not readable as YAML"),
    (b"a: &a [1]\nb: *a\n", "not readable as YAML: found an alias (*name) or a tag (!name); write the value itself"),
    *(
        (b"epochs: " + tagged + b"\n", "not readable as YAML: found an alias (*name) or a tag (!name)")
        for tagged in TAGGED
    ),
    (b"[" * 5000, "not readable as YAML"),
    (DEMO.replace("epochs: 8", "epochs: eight", 1).encode(), "epochs: found 'eight'; should be a valid integer"),
    (DEMO.replace("epochs: 8", "epoch: 8", 1).encode(), "epoch: unknown key (found 8); did you mean epochs"),
    (DEMO.replace("l2: 0.01", "l2: 1e400", 1).encode(), "l2: found inf; should be a finite number"),
    (DEMO.replace("run: demo", "run: other", 1).encode(), "run: found 'other', expected 'mine', the file's name"),
    (DEMO.encode(), "run: found 'demo', expected 'mine', the file's name"),
    (DEMO.replace("run: demo", "run: ../x", 1).encode(), PATTERN_RUN),
    (b"1: 2\n" + DEMO.encode(), "1: found 1; Keys should be strings"),
    (b"? {a: 1}\n: 2\n", "not readable as YAML"),
]


@pytest.mark.parametrize(("content", "words"), PARAMETER_FILES, ids=range(len(PARAMETER_FILES)))
def test_a_bad_parameter_file_is_named_with_what_is_wrong(content, words, tmp_path, monkeypatch):
    monkeypatch.setattr(params, "RUNS", tmp_path)
    (tmp_path / "mine.yaml").write_bytes(content)
    with pytest.raises(ParameterError) as error:
        params.load("mine")
    assert words in str(error.value)
    assert "mine.yaml" in str(error.value)


NO_FILES = [
    (lambda path: path.mkdir(), "found a folder, expected a file"),
    (lambda path: path.symlink_to(path), "found a link to no file, expected a file"),
    (os.mkfifo, "found a pipe or device, expected a file"),
]


@pytest.mark.parametrize(("make", "words"), NO_FILES)
@pytest.mark.timeout(20)
def test_what_is_no_file_is_not_called_missing(make, words, tmp_path, monkeypatch):
    monkeypatch.setattr(params, "RUNS", tmp_path)
    make(tmp_path / "mine.yaml")
    with pytest.raises(ParameterError, match=rf"mine\.yaml: {words}"):
        params.load("mine")


FINE_TUNED = "pretraining: imagenet\nfine_tuning: true\nfine_tuning_start: conv4_block6_3_conv\ncontinues: "
ROWS = [
    ({"MY1": "image_size: 48\n"}, "MY1.yaml: image_size: found 48; belongs to a run: set it in params/runs/demo.yaml"),
    ({"MY1": "data: /x\n"}, "MY1.yaml: data: found '/x'; belongs to a run"),
    ({"MY1": "run: other\n"}, "MY1.yaml: run: found 'other'; belongs to a run"),
    ({"MY1": "bootstrap_samples: 5\n"}, "MY1.yaml: bootstrap_samples: found 5; belongs to a run"),
    ({"MY1": "seed: 5\n"}, "MY1.yaml: seed: found 5; belongs to a run"),
    ({"MY1": "imge_size: 48\n"}, "MY1.yaml: imge_size: unknown key (found 48); did you mean image_size"),
    ({"MY1": FINE_TUNED + "MY9"}, "MY1.yaml: continues: found 'MY9'; "),
    ({"MY1": FINE_TUNED + "MY9"}, "MY9.yaml: no such file; found beside it: MY1"),
    ({"MY1": FINE_TUNED + "MY1"}, "MY1.yaml: continues: found 'MY1', the row itself; expected a row that trains"),
    (
        {"MY1": FINE_TUNED + "MY2", "MY2": FINE_TUNED + "MY3", "MY3": "pretraining: imagenet\n"},
        "MY1.yaml: continues: found 'MY2', fine-tuned itself; expected a row that trains its classifier alone",
    ),
]


@pytest.mark.parametrize(("rows", "words"), ROWS, ids=range(len(ROWS)))
def test_a_bad_row_is_named_with_what_is_wrong(rows, words, tmp_path, monkeypatch):
    monkeypatch.setattr(params, "EXPERIMENTS", tmp_path)
    for name, text in rows.items():
        (tmp_path / f"{name}.yaml").write_text(f"experiment: {name}\n{text}")
    with pytest.raises(ParameterError) as error:
        params.load("demo", "MY1")
    assert words in str(error.value)


NAMES = [
    "",
    " ",
    "../lib",
    "..",
    ".",
    "/",
    "/tmp/x",
    "a/b",
    "a b",
    "a.b",
    "A",
    "-x",
    "_x",
    "é",
    "x" * 65,
    "x\n",
    "$HOME",
    "*",
]
NAMES += ["it's", "a;b", "a\\b", "-rf", "~"]


@pytest.mark.parametrize("name", [*NAMES, "published", "reference", "bench", "activations", "real"])
def test_a_name_that_is_no_run_s_deletes_and_reads_nothing(name):
    with pytest.raises(ParameterError, match="found"):
        clean.made_by(name)
    with pytest.raises(ParameterError, match="found"):
        params.load(name)


@pytest.mark.parametrize(
    "name", ["../../evil", "RN3/..", "rn3", "RN", "3", "RN3 ", "RN3\n", "RN3.yaml", "RN3-", "é1", "RN3-seed2"]
)
def test_a_name_that_is_no_row_s_is_refused_wherever_a_notebook_may_get_it(name):
    with pytest.raises(ParameterError, match="found"):
        params.merge([("a", params.read_yaml(params.RUNS / "demo.yaml")), ("papermill", {"experiment": name})])


def png(mode: str = "L", size: tuple[int, int] = (20, 20), form: str = "PNG", **more) -> bytes:
    return saved(Image.new(mode, size, 1), form, **more)


def chunk(name: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big")


def empty_png(side: int) -> bytes:
    header = chunk(b"IHDR", side.to_bytes(4, "big") * 2 + bytes([8, 0, 0, 0, 0]))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IEND", b"")


def noise(side: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(1).integers(0, 256, (side, side), dtype=np.uint8))


def saved(image: Image.Image, form: str, **more) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **more)
    return stream.getvalue()


HUGE, WIDE, NOISE = empty_png(60_000), empty_png(12_000), saved(noise(64), "PNG")
FRAMES = saved(noise(20), "GIF", save_all=True, append_images=[Image.new("L", (20, 20), 9)])
IMAGES = [
    (b"", "the file is empty"),
    (b"text", "no image: neither DICOM nor PNG, JPEG, BMP, TIFF, GIF"),
    (b"\x89PNG\r\n\x1a\n", "no image"),
    (NOISE[:1000], "truncated"),
    (png(size=(300, 300), form="JPEG")[:200], "Truncated"),
    (HUGE, "DecompressionBombError"),
    (WIDE, "12000 x 12000 pixels; more than 100,000,000 are taken for a decompression bomb"),
    (FRAMES, "holds 2 pictures, expected one"),
    (png(form="WEBP"), "no image"),
    (png(form="ICO", sizes=[(16, 16)]), "no image"),
    (png(form="PPM"), "no image"),
    (png("RGB", form="EPS"), "no image"),
    (png(form="TGA"), "no image"),
    (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(%pipe%id) (w) file\n", "no image"),
    (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no image"),
    (b"GIF89a", "no image"),
    (b"II*\0" + b"\xff" * 40, "no image"),
    (b"\0" * 128 + b"DICM", "DICOM without Rows"),
    (b"\0" * 128 + b"DICM" + b"\xff" * 200, "DICOM without Rows"),
    (b"PK\x03\x04" + b"\0" * 60, "no image"),
    (png("F", form="TIFF"), "floating-point grey levels"),
    (png("I", form="TIFF").replace(b"\x01\0\0\0" * 100, b"\xff\xff\xff\xff" * 100), "grey levels -1"),
]


@pytest.mark.parametrize(("data", "words"), IMAGES, ids=range(len(IMAGES)))
def test_a_file_that_is_no_usable_image_is_told_apart(data, words):
    with pytest.raises(decode.Unreadable) as error:
        decode.decode_image(data, 32, 1)
    assert words in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def a_folder(path: Path) -> None:
    path.mkdir()


def a_large_file(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(20 * 2**30)


def a_loop(path: Path) -> None:
    path.symlink_to(path)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (a_pipe, "no regular file"),
        (a_folder, "no regular file|Is a directory"),
        (a_large_file, "20,480 MiB; at most 512 are read"),
        (a_loop, "symbolic links"),
        (lambda path: path.symlink_to("/dev/zero"), "no regular file"),
        (lambda path: path.symlink_to("/nowhere"), "No such file"),
    ],
)
@pytest.mark.timeout(20)
def test_only_regular_files_of_a_bounded_size_are_read(make, words, tmp_path):
    make(tmp_path / "x.png")
    with pytest.raises((decode.Unreadable, OSError), match=words):
        decode.read_bytes(tmp_path / "x.png")


COMMANDS = [
    ({"JOBS": "-1"}, "JOBS: found '-1', expected a whole number from 0"),
    ({"JOBS": "two"}, "JOBS: found 'two'"),
    ({"JOBS": "1e3"}, "JOBS: found '1e3'"),
    ({"JOBS": "99999999"}, "JOBS: found '99999999'"),
    ({"PROFILE": "../x"}, "PROFILE: found '../x', expected local or slurm"),
    (
        {"PROFILE": "slurm", "PATH": "/nowhere"},
        "PROFILE: found 'slurm', expected Slurm's command sbatch on this machine",
    ),
    ({"SNAKEMAKE_ARGS": "'x"}, "No closing quotation"),
    (
        {"RUN": "nope"},
        "params/runs/nope.yaml: no such file; found beside it: cpu, demo, demo-marker_100, demo-marker_50, paper",
    ),
    ({"RUN": "../lib"}, "run: found '../lib'; should be a run's name"),
    ({"DATA": '/it\'s $x "q" ü'}, '/it\'s $x "q" ü: found no such folder'),
    ({"DATA": "/tmp", "SET": "data=/x"}, "SET: data: set in DATA, too"),
    ({"SET": "own_image='nö $x.png'"}, "own_image: found 'nö $x.png', no file; expected a file or example"),
    (
        {"SET": "imagenet_weights=/x.h5"},
        "imagenet_weights: found '/x.h5', no file; expected a file or imagenet or stand_in",
    ),
    ({"SET": "own_image=~nobody-here/x.png"}, "own_image: found '~nobody-here/x.png', no file; expected a file"),
    ({"DATA": "~nobody-here"}, "~nobody-here: found no such folder"),
    ({"SET": "explained_experiment=RN99"}, "params/experiments/RN99.yaml: no such file"),
]


@pytest.mark.parametrize(("given", "words"), COMMANDS, ids=range(len(COMMANDS)))
def test_the_front_door_answers_before_snakemake_starts(given, words):
    plain = {name: text for name, text in os.environ.items() if name not in ("RUN", "DATA", "SET", "JOBS", "PROFILE")}
    command = [sys.executable, "-m", "workflow.front"]
    done = subprocess.run(command, cwd=ROOT, env=plain | given, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_make_hands_on_what_it_is_given_letter_by_letter(tmp_path):
    """`make` itself, with a stand-in for Python that writes down what reaches it."""
    (tmp_path / "bin").mkdir()
    python = tmp_path / "bin/python"
    python.write_text('#!/bin/sh\nprintf \'%s\\n\' "$RUN" "$DATA" "$SET" "$SNAKEMAKE_ARGS" > ' + f"'{tmp_path}/seen'\n")
    python.chmod(0o755)
    (tmp_path / ".installed").touch()
    os.utime(tmp_path / ".installed", (2**32, 2**32))  # newer than the lock file
    given = [
        "it's",
        '/a $HOME $(touch x) "q" ü\\',
        "own_image='my $file.png' seeds=[1, 2]",
        "-n --rerun-triggers 'a b'",
    ]
    words = [f"{name}={text}" for name, text in zip(("RUN", "DATA", "SET", "SNAKEMAKE_ARGS"), given, strict=True)]
    command = ["make", "--no-print-directory", "reproduce", f"VENV={tmp_path}", *words]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    assert (tmp_path / "seen").read_text().splitlines() == given


@given(st.text(max_size=60))
@settings(max_examples=200, deadline=None)
def test_any_set_is_read_or_answered(text):
    try:
        found = front.overrides(text, "")
    except ParameterError:
        return
    assert all(key in text for key in found)


@given(
    st.dictionaries(
        st.sampled_from(sorted(params.Params.model_fields)), st.integers() | st.text(max_size=5), max_size=3
    )
)
@settings(max_examples=100, deadline=None)
def test_any_value_is_accepted_or_answered_in_a_line_a_problem(changes):
    try:
        checked = params.load("demo", None, changes)
    except ParameterError:
        return
    assert {name: getattr(checked, name) for name in changes} == changes


@given(st.text(max_size=12))
@settings(max_examples=200, deadline=None)
def test_a_run_s_name_is_always_a_plain_folder_name(name):
    try:
        params.named(name, params.Run, "run")
    except ParameterError:
        return
    assert Path(name).name == name
    assert not name.startswith((".", "-"))


@given(st.binary(max_size=300))
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_an_image_or_unreadable(data):
    for start in (b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"BM", b"\0" * 128 + b"DICM"):
        with contextlib.suppress(decode.Unreadable):
            pixels, _, _ = decode.decode_image(start + data, 32, 1)
            assert pixels.shape == (32, 32, 1)
            assert pixels.dtype == np.uint8
