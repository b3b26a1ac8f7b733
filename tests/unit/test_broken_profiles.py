"""A wrong profile gives one clear line: file, key, value and what is valid."""

from pathlib import Path

import pytest
import yaml

from pipeline.errors import InputError
from pipeline.profile import load_profile

SMOKE = (Path(__file__).parents[2] / "profiles/smoke.yaml").read_text()
CONTENT = yaml.safe_load(SMOKE)


def changed(name="invariance", **changes):
    settings = dict(CONTENT["experiments"][name])
    for key, value in changes.items():
        if value is None:
            del settings[key]
        else:
            settings[key] = value
    return yaml.safe_dump(CONTENT | {"experiments": CONTENT["experiments"] | {name: settings}})


def replaced(old, new):
    assert SMOKE.count(old) >= 1
    return SMOKE.replace(old, new, 1)


TANH = {"activation": "tanh", "intrinsic_length": "none", "compensation": "none"}
EXPECTATION = {"intrinsic_length": "trainable", "compensation": "expectation"}
PHASES = [{"epochs": 4, "active": ["digits", "digits-permuted", "digits-turned", "digits"]}]
BROKEN = {
    "unknown key": (changed(epoch=3), "experiments.invariance.epoch: is not a setting; there are: repeats, epochs, "),
    "misspelt key, so that it is missing": (
        changed(epochs=None, epoch=3),
        "experiments.invariance.epoch: is not a setting; there are: repeats, epochs, ",
    ),
    "unknown key in a list": (
        changed(configurations=[TANH | {"activaton": "tanh"}]),
        "experiments.invariance.configurations.0.activaton: is not a setting; there are: activation, intrinsic",
    ),
    "unknown key of data": (
        replaced("source: digits}", "source: digits, url: x}"),
        "data.digits.url: is not a setting",
    ),
    "unknown key at the top": (
        changed() + "seed: 1\n",
        "seed: is not a setting; there are: execution, published, data",
    ),
    "unknown key in common": (replaced("psi_decay:", "psi: 0.1\n  psi_decay:"), "common.psi: is not a setting"),
    "common that nothing uses": (
        replaced("  learning_rate: 1.0e-3", "  learning_rate: -1.0"),
        "common.learning_rate: -1.0",
    ),
    "missing key": (changed(epochs=None), "experiments.invariance.epochs: is missing"),
    "wrong type": (changed(epochs="ten"), "experiments.invariance.epochs: 'ten'"),
    "truth for a number": (
        changed(epochs=True),
        "experiments.invariance.epochs: True: input should be a valid integer",
    ),
    "directive": ("%YAML 1.1\n---\na: 1\n", "'%YAML 1.1' is a directive; leave it out: settings are YAML 1.2"),
    "number in quotes": (replaced("rate: 1.0e-3", "rate: '1e-3'"), "common.learning_rate: '1e-3' is text"),
    "decimal comma": (replaced("rate: 1.0e-3", "rate: 1,0e-3"), "common.learning_rate: '1,0e-3' is text"),
    "octal number": (replaced("batch_size: 48", "batch_size: 048"), "048 is another number to YAML 1.1; write"),
    "sexagesimal number": (replaced("batch_size: 48", "batch_size: 1:30"), "common.batch_size: '1:30': input"),
    "out of range": (changed(batch_size=0), "experiments.invariance.batch_size: 0"),
    "no number": (changed(learning_rate=float("nan")), "learning_rate: nan: input should be"),
    "infinity": (
        changed("spectra", threshold=float("inf")),
        "spectra.threshold: inf: input should be a finite number",
    ),
    "absurdly many": (
        changed(repeats=10**30),
        "invariance.repeats: 1000000000000000000000000000000: input should be less",
    ),
    "width of none": (
        changed("spectra", hidden=[8, 8, 0]),
        "experiments.spectra.hidden.2: 0: input should be greater",
    ),
    "too wide": (changed("task_schedule", widest=10**6), "task_schedule.widest: 1000000: input should be less"),
    "empty list": (
        changed("sparsification", latency_batches=[]),
        "sparsification.latency_batches: []: list should have",
    ),
    "a list that is none": (changed("spectra", hidden="8, 8"), "experiments.spectra.hidden: '8, 8' is not a list"),
    "no mapping": (
        changed("abundance", configuration=[1]),
        "abundance.configuration: [1] is not a mapping of settings",
    ),
    "data twice": (
        changed(data=["digits", "digits"]),
        "invariance.data: ['digits', 'digits']: 'digits' is there twice",
    ),
    "change twice": (changed(changes=[1, 2, 1]), "experiments.invariance.changes: [1, 2, 1]: 1 is there twice"),
    "configuration twice": (changed("spectra", configurations=[TANH] * 2), "'standard tanh' is there twice"),
    "task twice": (changed("task_schedule", schedule=PHASES), "task_schedule.schedule.0.active: ['digits', "),
    "not one of": (changed(columns="random"), "'random' is not one of normal, semi-orthogonal, combination, zero"),
    "prunes a layer away": (changed(changes=[-8]), "experiments.invariance.changes: -8 of 8 neurons; valid are -7"),
    "changes nothing": (changed(changes=[1, 0]), "experiments.invariance.changes: 0 of 8 neurons"),
    "layer beyond": (changed(layer=3), "experiments.invariance.layer: layer 3 is no hidden layer"),
    "tanh has no basis": (changed(configurations=[TANH]), "invariance.configurations: standard tanh cannot"),
    "tanh is not sparse": (
        changed("sparsification", configurations=[TANH]),
        "sparsification.configurations: standard",
    ),
    "no map to make diagonal": (changed("sparsification", hidden_layers=[1]), "sparsification.hidden_layers.0: 1"),
    "tanh does not adapt": (
        changed("task_schedule", configuration=TANH),
        "task_schedule.configuration: standard tanh",
    ),
    "needs further data": (
        changed("task_schedule", configuration=EXPECTATION),
        "cannot be adapted without further data",
    ),
    "less than a batch": (
        changed("task_schedule", train_samples=47),
        "task_schedule.train_samples: 47 are less than",
    ),
    "grown beyond bounds": (
        changed("timing", neurons=50_000, adaptations=["grow"]),
        "timing.neurons: width 8 of layer 2",
    ),
    "nothing timed": (changed("timing", epochs=0), "experiments.timing.epochs: 0: input should be greater"),
    "tanh with a length": (
        changed("spectra", configurations=[TANH | {"intrinsic_length": "constant"}]),
        "experiments.spectra.configurations.0.activation: tanh has no intrinsic length",
    ),
    "words of a name": (
        changed("equivariance", optimisers=[{"name": "a\nb"}]),
        "equivariance.optimisers.0.name: 'a\\nb'",
    ),
    "root of nothing": (replaced("source: digits}", 'source: digits, root: ""}'), "data.digits.root: ''"),
    "unknown data": (
        changed(data=["digits", "mnist"]),
        "data.1: 'mnist' is not one of the profile's data sets, digits",
    ),
    "data that is a path": (
        replaced("  digits:", "  ../digits:"),
        "data: line 5: '../digits' is no key; a key is text of",
    ),
    "data with a slash": (replaced("  digits:", "  a/b:"), "data: line 5: 'a/b' is no key"),
    "data without a name": (replaced("  digits:", '  "":'), "data: line 5: '' is no key"),
    "data of two lines": (replaced("  digits:", '  "a\\nb":'), "data: line 5: 'a\\nb' is no key"),
    "key that is a number": (replaced("  digits:", "  1:"), "data: line 5: '1' is no key"),
    "name that is a number": (replaced("  digits:", "  1e3:"), "data: line 5: '1e3' is no key; put it into quotes"),
    "key that is a truth": (replaced("  digits:", "  true:"), "data: line 5: 'true' is no key"),
    "key that is a list": (replaced("  digits:", "  [a]:"), "data: line 5: a list or mapping is no key"),
    "key twice": (
        replaced("    repeats: 2", "    repeats: 2\n    epochs: 2\n    repeats: 3"),
        "experiments.invariance.repeats: is there twice, in lines 20 and 22; leave one",
    ),
    "merged twice": (
        replaced("    <<: *common", "    <<: *common\n    <<: *common"),
        "invariance.<<: is there twice",
    ),
    "anchor in itself": ("data: &a {digits: *a}\n", "data.digits: line 1: an anchor contains itself"),
    "bomb of aliases": (
        "a0: &a0 [1, 1]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9)),
        "a5: line 6: more than 100000 values",
    ),
    "nested without end": ("[" * 5000, "nesting depth"),
    "a date": (
        replaced("source: digits}", "source: 2001-01-01}"),
        "data.digits.source: line 5: '2001-01-01' is of kind",
    ),
    "a foreign tag": ("a: !!python/object/apply:os.getcwd []\n", "a: line 1: a list or mapping is of kind"),
    "an impossible tag": ("a: !!bool x\n", "not valid YAML (KeyError in one of its values)"),
    "endless digits": (f"a: {'9' * 5000}\n", "a: line 1: a value of 5000 characters"),
    "not a mapping": ("- 1\n", "expected a mapping of settings, found list"),
    "empty": ("", "expected a mapping of settings, found nothing"),
    "not YAML": ("a: [1\n", "not valid YAML (line 2: "),
    "two documents": ("a: 1\n---\nb: 2\n", "not valid YAML (line 2: "),
    "no experiments": (
        "execution: {runner: serial, workers: 1, device: cpu}\ndata: {}\nexperiments: {}\n",
        "experiments: {}",
    ),
    "unknown experiment": (
        "execution: {runner: serial, workers: 1, device: cpu}\ndata: {}\nexperiments: {x: {}}\n",
        "'x'",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_profiles_give_one_line(case, tmp_path, monkeypatch):
    content, expected = BROKEN[case]
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles/broken.yaml").write_text(content)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as caught:
        load_profile("broken")
    message = str(caught.value)
    assert expected in message
    assert message.startswith("profiles/broken.yaml: ")
    assert len(message.splitlines()) == 1 and len(message) < 600


@pytest.mark.parametrize(
    ("content", "said"), [(b"a: \xff\n", "byte 3 is not UTF-8"), (b"#" * 1_000_001, "1000001 bytes")]
)
def test_files_that_hold_no_settings(content, said, tmp_path, monkeypatch):
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles/broken.yaml").write_bytes(content)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=f"profiles/broken.yaml: .*{said}"):
        load_profile("broken")


@pytest.mark.parametrize("name", ["../digits", "profiles/digits.yaml", "", "a\0b", "x" * 5000, "a\nb", "/etc/passwd"])
def test_a_profile_is_called_by_its_name(name, monkeypatch):
    monkeypatch.chdir(Path(__file__).parents[2])
    with pytest.raises(
        InputError, match="is no name of a profile; there are desk, digits, paper, published, smoke"
    ) as caught:
        load_profile(name)
    assert len(str(caught.value).splitlines()) == 1


def test_a_folder_is_no_profile(tmp_path, monkeypatch):
    (tmp_path / "profiles/broken.yaml").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"'broken' has no file profiles/broken.yaml; there are none"):
        load_profile("broken")
