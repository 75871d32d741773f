import pytest
import yaml

from lib import params, paths
from lib.params import ParameterError, check, load, merge

DEMO = params.read_yaml(params.RUNS / "demo.yaml")
ROWS = sorted(path.stem for path in params.EXPERIMENTS.glob("*.yaml"))


@pytest.mark.parametrize("run", ["demo", "cpu", "paper"])
@pytest.mark.parametrize("row", ROWS)
def test_every_file_is_valid(run, row):
    assert load(run, row).experiment == row


def test_the_paper_run_is_the_papers():
    p = load("paper")
    assert (p.image_size, p.epochs, p.fine_tuning_epochs, p.batch_size) == (224, 30, 10, 32)
    assert (p.learning_rate, p.fine_tuning_learning_rate, p.l2) == (1e-4, 1e-6, 0.01)
    assert (p.test_share, p.validation_share, p.batch_norm_momentum) == (0.15, 0.15, 0.99)
    assert p.imagenet_weights == "imagenet"


def test_rows_are_table_1s():
    for line in (paths.PUBLISHED / "table1.csv").read_text().splitlines()[1:]:
        name, transfer, *choices = line.split(",")[:5]
        p = load("paper", name)
        assert p.pretraining == (transfer.lower() or "none")
        assert [p.class_weights, p.augmentation, p.fine_tuning] == [choice == "yes" for choice in choices]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"epoch": 3}, ["epoch: unknown key (found 3)", "did you mean epochs"]),
        ({"image_size": "big"}, ["image_size: found 'big'", "should be a valid integer"]),
        ({"image_size": 16}, ["image_size: found 16", "should be greater than or equal to 32"]),
        ({"image_size": 50}, ["image_size: found 50", "should be a multiple of 16"]),
        ({"test_share": 1.5}, ["test_share: found 1.5", "should be less than or equal to 0.8"]),
        ({"precision": "half"}, ["precision: found 'half'", "'float32', 'mixed_float16' or 'mixed_bfloat16'"]),
        ({"seeds": [2, 1]}, ["the first must be 1"]),
        ({"seeds": [1, 1]}, ["seeds: found 1 twice"]),
        ({"seeds": [1, "two"]}, ["seeds: found 'two'", "should be a valid integer"]),
        ({"fine_tuning": True, "continues": "RN1"}, ["fine_tuning: true needs pretraining (imagenet or ham10000)"]),
        ({"fine_tuning": True, "pretraining": "imagenet"}, ["fine_tuning: true needs `fine_tuning_start: <the first"]),
        ({"fine_tuning_start": "fc1"}, ["fine_tuning_start: found 'fc1'; only a row with fine_tuning: true has one"]),
        ({"continues": "RN1"}, ["continues: found 'RN1'; only a row with fine_tuning: true continues another"]),
        ({"shortcuts": "chained"}, ["shortcuts: found 'chained'", "'as_described' or 'as_published'"]),
        ({"resizing": "nearest"}, ["resizing: found 'nearest'", "'as_described' or 'as_published'"]),
        ({"class_weights": "yes"}, ["class_weights: found 'yes'", "should be a valid boolean"]),
    ],
)
def test_a_bad_value_is_named_with_its_file_and_what_is_allowed(change, words):
    with pytest.raises(ParameterError) as error:
        merge([("params/runs/demo.yaml", DEMO), ("params/runs/mine.yaml", change)])
    message = str(error.value)
    assert message.startswith("params/runs/mine.yaml: ")
    assert len(message.splitlines()) == 1
    for word in words:
        assert word in message


def test_a_missing_key_is_named():
    with pytest.raises(ParameterError, match=r"demo\.yaml: epochs: missing; params/runs/paper"):
        merge([("params/runs/demo.yaml", {k: v for k, v in DEMO.items() if k != "epochs"})])


def test_later_layers_win():
    assert merge([("a", DEMO), ("b", {"epochs": 5}), ("c", {"epochs": 6})]).epochs == 6
    assert load("demo", "RN2", {"epochs": 7}).epochs == 7


@pytest.mark.parametrize(
    ("text", "words"),
    [("- a\n- b\n", "expected `key: value` lines"), ("a: [1\n", "not readable as YAML"), ("a: 1\na: 2\n", "set twice")],
)
def test_a_file_that_is_no_mapping_is_refused(tmp_path, text, words):
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(ParameterError, match=words):
        params.read_yaml(tmp_path / "x.yaml")


def test_a_missing_run_names_those_that_are_there():
    with pytest.raises(ParameterError, match=r"nope\.yaml: no such file; found beside it: .*demo"):
        load("nope")


def test_the_name_inside_must_be_the_files(tmp_path, monkeypatch):
    monkeypatch.setattr(params, "RUNS", tmp_path)
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(DEMO))
    with pytest.raises(ParameterError, match="found 'demo', expected 'mine'"):
        load("mine")


def test_the_variants_are_what_their_names_say():
    published, described = load("paper", "CN1"), load("paper", "CN1-described")
    readings = ("pepx", "shortcuts", "classifier_l2")
    assert {getattr(published, name) for name in readings} == {"as_published"}
    assert {getattr(described, name) for name in readings} == {"as_described"}
    assert load("paper", "RN4-direct").continues == ""
    assert load("paper", "RN4-few").continues == load("paper", "RN4").continues
    assert not {"RN4-direct", "RN4-few"} & set(load("paper").experiments)


def test_the_rows_of_augmentation_change_what_their_names_say():
    ranges = ("rotation_range", "shift_range", "zoom_range", "horizontal_flip", "brightness_range")
    alone = dict(zip(("rotation", "shift", "zoom", "flip", "brightness"), ranges, strict=True))
    for row in params.study("augmentation")["rows"]:
        whole, setting = row.split("-")
        found, papers = load("paper", row).model_dump(), load("paper", whole).model_dump()
        changed = {key for key, value in found.items() if value != papers[key]} - {"experiment"}
        if setting in alone:
            assert changed == set(ranges) - {alone[setting]}
            assert not any(found[key] for key in changed)
        elif setting in ("half", "double"):
            assert changed == set(ranges) - {"horizontal_flip"}
            assert all(found[key] == {"half": 0.5, "double": 2}[setting] * papers[key] for key in changed)
        else:
            assert changed == ({"brightness"} if setting == "stretched" else {"fill_mode"})


def test_augmentation_that_would_change_nothing_is_refused():
    nothing = dict.fromkeys(("rotation_range", "shift_range", "zoom_range", "brightness_range"), 0.0)
    with pytest.raises(ParameterError, match="augmentation: true would change no image: every range is 0"):
        load("demo", "RN8", nothing | {"horizontal_flip": False})
    assert load("demo", "RN7", nothing | {"horizontal_flip": False}).rotation_range == 0


def test_a_row_that_is_not_fine_tuned_continues_none():
    with pytest.raises(ParameterError, match=r"RN2\.yaml: continues: found 'RN1'; only a row with fine_tuning: true"):
        load("demo", "RN2", {"fine_tuning": False})


def notebook(*cells):
    """The namespace after these cells have run in a kernel."""
    namespace = {"In": ["", *cells, "from lib import params\np = params.check(globals())"]}
    for cell in cells:
        exec(cell, namespace)
    return namespace


def test_a_notebook_gets_what_it_lists_and_nothing_else():
    given = check(notebook('run = "demo"\nepochs = 10', "# Parameters\nepochs = 4\nbatch_size = 8\n"))
    assert given.epochs == 4
    with pytest.raises(AttributeError, match="does not list 'batch_size'"):
        _ = given.batch_size


def test_a_misspelt_injected_key_stops_the_notebook():
    with pytest.raises(ParameterError, match="epoch: unknown key"):
        check(notebook('run = "demo"\nepochs = 10', "# Parameters\nepoch = 4\n"))


def test_later_variables_of_a_session_are_not_parameters():
    namespace = notebook('run = "demo"\nepochs = 10')
    namespace["In"].append("x = some_call()")
    namespace["x"] = 3
    assert check(namespace).epochs == 10


def test_a_run_set_alone_is_refused():
    with pytest.raises(ParameterError, match="run: 'paper' was set alone, so epochs would keep the demo's values"):
        check(notebook('run = "demo"\nepochs = 10', '# Parameters\nrun = "paper"\n'))


@pytest.mark.parametrize("path", sorted(params.RUNS.glob("*.yaml")) + sorted(params.EXPERIMENTS.glob("*.yaml")))
def test_every_value_has_a_comment(path):
    lines = path.read_text().splitlines()
    for number, line in enumerate(lines):
        if line and not line.startswith("#"):
            assert "  # " in line or lines[number - 1].startswith("# "), f"{path.name}: {line}"


def test_a_variant_s_file_holds_what_differs_from_its_row(tmp_path, monkeypatch):
    border, whole = load("demo", "RN7-border"), load("demo", "RN7")
    unlike = {key for key, value in border.model_dump().items() if value != getattr(whole, key)}
    assert unlike == {"experiment", "view"}
    assert params.of_row("RN3-without_sirm")["pretraining"] == "imagenet"
    assert [path.stem for path in params.files_of("XX1-alone", params.EXPERIMENTS)] == ["XX1-alone"], "no row XX1"


def test_a_run_s_file_may_hold_what_differs_from_another_run():
    marked, plain = params.load("demo-marker_50").model_dump(), params.load("demo").model_dump()
    assert {key for key, value in marked.items() if value != plain[key]} == {"run", "phantom_marker", "experiments"}
    assert params.of_run("demo-marker_50") == DEMO | params.read_yaml(params.RUNS / "demo-marker_50.yaml")


def test_a_study_names_rows_and_an_unknown_one_is_refused(tmp_path, monkeypatch):
    for name in params.studies():
        found = params.study(name)
        named = (*found["rows"], *found["compared_with"], *found["space"])
        assert all(load("demo", row).experiment == row for row in named)
        assert all((paths.NOTEBOOKS / f"{notebook}.ipynb").is_file() for notebook in found["notebooks"])
    with pytest.raises(ParameterError, match="STUDY: found 'short', expected augmentation or search or shortcuts"):
        params.study("short")
    monkeypatch.setattr(params, "STUDIES", tmp_path)
    (tmp_path / "mine.yaml").write_text("rows: RN7")
    with pytest.raises(ParameterError, match=r"mine\.yaml: compared_with: found None, expected a list of names"):
        params.study("mine")
