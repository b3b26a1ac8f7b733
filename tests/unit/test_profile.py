"""Profiles: every one in the repository is valid, and a wrong one gives one clear line."""

from pathlib import Path

import pytest
import yaml

from pipeline.errors import InputError
from pipeline.profile import load_profile

ROOT = Path(__file__).parents[2]
PROFILES = sorted(path.stem for path in (ROOT / "profiles").glob("*.yaml"))


@pytest.fixture(autouse=True)
def _in_root(monkeypatch):
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize("name", PROFILES)
def test_profiles_are_valid_and_have_their_pipeline(name):
    profile = load_profile(name)
    folder = ROOT if name == "digits" else ROOT / "profiles" / name
    params = yaml.safe_load((folder / "params.yaml").read_text())
    assert params["profile"] == name
    assert params["datasets"] == list(profile.data)
    assert (folder / "dvc.yaml").read_text() == (ROOT / "dvc.yaml").read_text(), "run `make profiles`"
    pipeline = yaml.safe_load((ROOT / "dvc.yaml").read_text())
    assert pipeline["stages"]["run"]["matrix"]["name"] == list(profile.experiments)


def test_paper_holds_the_protocol():
    """EXPERIMENTS: "Common to all" and the row `invariance`."""
    settings = load_profile("paper").experiments["invariance"]
    assert (settings.optimiser, settings.learning_rate, settings.weight_decay) == ("adamw", 1e-3, 1e-3)
    assert (settings.batch_size, settings.psi_decay, settings.columns) == (48, 0.1, "normal")
    assert (settings.hidden, settings.layer, settings.repeats, settings.epochs) == ([100, 100], 2, 20, 50)
    assert sorted(settings.changes) == [-75, -50, -25, -5, -1, 1, 5, 25, 50, 75]
    assert [c.label for c in settings.configurations] == [
        "none, trainable+decay",
        "constant, trainable+decay",
        "trainable, trainable+decay",
        "trainable, none",
        "trainable, constant",
        "trainable, trainable",
        "trainable, expectation",
    ]


@pytest.mark.parametrize("name", PROFILES)
def test_scaled_profiles_keep_all_configurations_and_proportions(name):
    paper, scaled = (load_profile(n).experiments["invariance"] for n in ("paper", name))
    assert scaled.configurations == paper.configurations
    assert sorted(scaled.changes) == sorted(-change for change in scaled.changes)


def changed(**changes):
    content = yaml.safe_load((ROOT / "profiles/smoke.yaml").read_text())
    settings = content["experiments"]["invariance"]
    for key, value in changes.items():
        if value is None:
            del settings[key]
        else:
            settings[key] = value
    return yaml.safe_dump(content)


BROKEN = {
    "unknown key": (changed(epoch=3), "experiments.invariance: epoch: is not a setting"),
    "missing key": (changed(epochs=None), "experiments.invariance: epochs: is missing"),
    "wrong type": (changed(epochs="ten"), "experiments.invariance: epochs: 'ten'"),
    "YAML's 1e-3": (changed(learning_rate="1e-3"), "experiments.invariance: learning_rate: '1e-3' is text"),
    "out of range": (changed(batch_size=0), "experiments.invariance: batch_size: 0"),
    "not one of": (changed(columns="random"), "'random' is not one of normal, semi-orthogonal, combination, zero"),
    "prunes a layer away": (changed(changes=[-8]), "-8 of 8 neurons"),
    "layer beyond": (changed(layer=3), "layer 3 is no hidden layer"),
    "unknown data": (changed(data=["mnist"]), "'mnist' is not one of the profile's data sets, digits"),
    "not a mapping": ("- 1\n", "expected a mapping"),
    "not YAML": ("a: [1\n", "not valid YAML"),
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
    assert "profiles/broken.yaml" in message
    assert "\n" not in message


def test_unknown_profile_lists_those_there_are():
    with pytest.raises(InputError, match="desk, digits, paper, smoke"):
        load_profile("dgits")
