"""Profiles: every one in the repository is valid, and a wrong one gives one clear line."""

from pathlib import Path

import pytest

from pipeline.errors import InputError
from pipeline.profile import load_profile

ROOT = Path(__file__).parents[2]
PROFILES = sorted(path.stem for path in (ROOT / "profiles").glob("*.yaml"))


@pytest.fixture(autouse=True)
def _in_root(monkeypatch):
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize("name", PROFILES)
def test_profiles_are_valid(name):
    assert load_profile(name).name == name


def test_data_sets_that_would_be_one_file_are_refused(tmp_path, monkeypatch):
    text = (ROOT / "profiles/smoke.yaml").read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    Path("profiles").mkdir()
    for name, right in (("other", True), ("Digits", False)):
        Path("profiles/own.yaml").write_text(text.replace("data:\n", f"data:\n  {name}: {{source: digits}}\n", 1))
        if right:
            assert name in load_profile("own").data
        else:
            with pytest.raises(InputError, match=r"own\.yaml: data\.digits: differs from data\.Digits only in"):
                load_profile("own")


@pytest.mark.parametrize("others", [("my_set", "my-set"), ("my+set", "My.set")])
def test_data_sets_that_would_have_the_same_figures_are_refused(tmp_path, monkeypatch, others):
    text = (ROOT / "profiles/smoke.yaml").read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    Path("profiles").mkdir()
    added = "".join(f"  {name}: {{source: digits}}\n" for name in others)
    Path("profiles/own.yaml").write_text(text.replace("data:\n", f"data:\n{added}", 1))
    with pytest.raises(
        InputError, match=r"data\..*: differs from data\..* only in \. \+ - and _, which are all - in"
    ):
        load_profile("own")


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


def test_paper_holds_the_protocol_of_spectra():
    """EXPERIMENTS, the row `spectra`; the threshold is that of the policy, theta."""
    settings = load_profile("paper").experiments["spectra"]
    assert (settings.optimiser, settings.learning_rate, settings.weight_decay) == ("adamw", 0.05, 1e-3)
    assert (settings.batch_size, settings.psi_decay, settings.threshold) == (48, 0.1, 0.95)
    assert (settings.data, settings.hidden, settings.repeats, settings.epochs) == (["cifar10"], [100, 100], 40, 40)
    assert [c.label for c in settings.configurations] == ["trainable, trainable+decay", "standard tanh"]


def test_paper_compares_activations_as_the_protocol_does():
    """EXPERIMENTS: the row `tanh_comparison`, and the further data of the row `invariance`."""
    profile = load_profile("paper")
    settings = profile.experiments["tanh_comparison"]
    assert {profile.data[name].source for name in settings.data} == {
        "mnist", "fashion-mnist", "emnist-aj", "cifar10", "cifar100", "caltech256"
    }  # fmt: skip
    assert (settings.hidden_widths, settings.hidden_layers) == ([500, 1000], [2, 3, 4, 5])
    assert (settings.repeats, settings.epochs, settings.batch_size) == (4, 50, 48)
    assert (settings.optimiser, settings.learning_rate, settings.weight_decay) == ("adamw", 1e-3, 1e-3)
    treatments = [(c.activation, c.intrinsic_length, c.compensation) for c in settings.configurations]
    assert treatments == [("isotropic-tanh", "none", "none"), ("tanh", "none", "none")]
    assert profile.experiments["invariance"].data == ["cifar10", "cifar100", "caltech256"]
    assert all(profile.data[name].source == name and profile.data[name].download for name in settings.data)


def test_paper_holds_the_protocol_of_abundance():
    """EXPERIMENTS, the row `abundance`: 36 pairs, 4 repeats, 15 + 75 + 10 epochs."""
    settings = load_profile("paper").experiments["abundance"]
    assert (settings.optimiser, settings.learning_rate, settings.weight_decay) == ("adamw", 1e-3, 1e-3)
    assert (settings.batch_size, settings.psi_decay, settings.columns) == (48, 0.1, "normal")
    assert (settings.hidden_widths, settings.hidden_layers) == ([7, 10, 25, 50, 75, 100], 2)
    assert (settings.repeats, len(settings.members())) == (4, 36 * 4)
    assert (settings.epochs_at_start, settings.moving_epochs, settings.epochs_at_end) == (15, 75, 10)
    assert settings.configuration.label == "trainable, trainable+decay"


def test_paper_holds_the_protocol_of_width_transitions():
    """EXPERIMENTS, the row `width_transitions`: 16 repeats, 24 + 48 epochs, a neuron an epoch, and the controls."""
    settings = load_profile("paper").experiments["width_transitions"]
    assert (settings.optimiser, settings.learning_rate, settings.weight_decay) == ("adam", 0.08, 0.0)
    assert (settings.data, settings.batch_size, settings.columns) == (["cifar10"], 24, "normal")
    assert (settings.hidden_widths, settings.neurons_per_epoch) == ([8, 16, 24, 32], 1)
    assert (settings.epochs_before, settings.epochs - settings.epochs_before) == (24, 48)
    assert settings.configuration.label == "trainable, expectation"
    assert [m.label for m in settings.members()] == ["trainable, expectation"] * 64 + ["standard tanh"] * 64
    invariance = load_profile("paper").experiments["invariance"]
    assert settings.expectation_samples == invariance.expectation_samples


def test_paper_holds_the_protocol_of_task_schedule():
    """EXPERIMENTS: the row `task_schedule` and "`task_schedule` in detail"."""
    settings = load_profile("paper").experiments["task_schedule"]
    assert (settings.optimiser, settings.learning_rate, settings.weight_decay) == ("adamw", 1e-3, 1e-3)
    assert (settings.batch_size, settings.psi_decay, settings.columns) == (48, 0.1, "normal")
    assert settings.data == ["mnist", "fashion-mnist", "emnist-aj"]
    assert settings.configuration.label == "trainable, trainable+decay"
    assert (settings.layers, settings.narrowest, settings.widest) == (3, 500, 2500)
    assert (settings.repeats, settings.epochs, settings.threshold, settings.scaffold) == (25, 600, 0.95, 5)
    assert (settings.train_samples, settings.test_samples) == (None, None)
    assert [(phase.epochs, phase.active) for phase in settings.schedule] == [
        (150, ["mnist"]),
        (150, ["mnist", "fashion-mnist"]),
        (150, ["mnist", "fashion-mnist", "emnist-aj"]),
        (150, ["fashion-mnist"]),
    ]


def test_paper_holds_the_protocol_of_sparsification():
    """EXPERIMENTS, the row `sparsification` and "Common to all"."""
    settings = load_profile("paper").experiments["sparsification"]
    assert (settings.optimiser, settings.learning_rate, settings.weight_decay) == ("adamw", 1e-3, 1e-3)
    assert (settings.batch_size, settings.psi_decay, settings.present_above) == (48, 0.1, 1e-4)
    assert (settings.hidden_widths, settings.hidden_layers) == ([500, 1000], [2, 3, 4, 5, 6])
    assert settings.data == ["cifar10", "cifar100", "caltech256"]
    assert (settings.repeats, settings.epochs) == (5, 25)
    assert settings.latency_batches == [1, 32, 1024]
    assert [c.label for c in settings.configurations] == ["trainable, trainable+decay"]


def test_paper_times_as_the_protocol_does():
    """EXPERIMENTS: the row `timing`."""
    profile = load_profile("paper")
    settings = profile.experiments["timing"]
    assert [profile.data[name].source for name in settings.data] == ["cifar10"]
    assert (settings.hidden, settings.layer, settings.learning_rate) == ([500, 500], 2, 0.08)
    assert (settings.warm_up, settings.epochs, settings.neurons, settings.batch_size) == (5, 25, 1, 48)
    assert (settings.optimiser, settings.weight_decay, settings.psi_decay) == ("adamw", 1e-3, 0.1)
    assert (settings.testing, settings.adaptations) == ([False, True], ["none", "prune", "grow"])
    assert (settings.columns, settings.configuration.label) == ("normal", "trainable, trainable+decay")


def test_paper_has_the_experiment_that_the_claim_lacks():
    """EXPERIMENTS has no row `equivariance`: what is common to all, the networks and repeats of `invariance`."""
    experiments = load_profile("paper").experiments
    settings, invariance = experiments["equivariance"], experiments["invariance"]
    assert (settings.optimiser, settings.learning_rate, settings.weight_decay) == ("adamw", 1e-3, 1e-3)
    assert (settings.batch_size, settings.psi_decay) == (48, 0.1)
    assert (settings.data, settings.hidden, settings.repeats) == (["cifar10"], invariance.hidden, invariance.repeats)
    assert (settings.epochs_before, settings.epochs) == (5, 15)
    assert settings.configuration.label == "trainable, trainable+decay"
    trained = {each.name: (settings.trained_by(each), each.momentum) for each in settings.optimisers}
    assert {name: (own.optimiser, own.learning_rate, momentum) for name, (own, momentum) in trained.items()} == {
        "gradient descent": ("sgd", 0.05, 0.0),
        "momentum": ("sgd", 0.02, 0.9),
        "Adam": ("adam", 1e-3, 0.0),
        "AdamW": ("adamw", 1e-3, 0.0),
    }


@pytest.mark.parametrize("name", ["desk", "digits", "smoke"])
def test_scaled_profiles_keep_all_configurations_and_proportions(name):
    paper, scaled = (load_profile(n).experiments["invariance"] for n in ("paper", name))
    assert scaled.configurations == paper.configurations
    assert sorted(scaled.changes) == sorted(-change for change in scaled.changes)
    turned = [load_profile(n).experiments["equivariance"] for n in ("paper", name)]
    assert turned[0].optimisers == turned[1].optimisers and turned[0].configuration == turned[1].configuration


def test_unknown_profile_lists_those_there_are():
    with pytest.raises(InputError, match=r"desk.*, digits.*, paper.*, smoke"):
        load_profile("dgits")
