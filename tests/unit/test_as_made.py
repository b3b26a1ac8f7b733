"""Published rows are never shown under settings that they were not made with."""

import json
import re
import shutil
from pathlib import Path

import pytest

from pipeline.errors import InputError
from pipeline.profile import load_profile
from stages import analyse, profiles
from stages.as_made import check_as_made, check_rows, check_unchanged

ROOT = Path(__file__).parents[2]
NAME = "published"


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The published profile and its lock, without rows."""
    for name in (".dvcignore", "dvc.yaml", f"profiles/{NAME}.yaml", f"profiles/{NAME}/dvc.lock"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_profile_that_is_as_its_rows_were_made_is_taken(place):
    check_as_made(load_profile(NAME))
    (place / f"profiles/{NAME}/dvc.lock").unlink()
    with pytest.raises(InputError, match=r"published: nothing is published of this profile; take it out, and it is"):
        check_as_made(load_profile(NAME))


@pytest.mark.parametrize(
    ("now", "then", "words"),
    [
        (
            "    repeats: 15\n    epochs: 40",
            "    repeats: 16\n    epochs: 40",
            "experiments.spectra.repeats is 15, and the published rows were made with 16; set it back, or copy",
        ),
        (
            "    threshold: 0.95\n    matmul: float32\n",
            "    threshold: 0.95\n",
            "experiments.spectra.matmul is float32, and the published rows did not have it; set it back, or copy",
        ),
        (
            "    hidden: [100, 50]\n    threshold",
            "    hidden: [100, 100]\n    threshold",
            "experiments.spectra.hidden is [100, 50], and the published rows were made with [100, 100]; set it back",
        ),
    ],
)
def test_another_setting_is_refused_by_name(place, capsys, now, then, words):
    path = place / f"profiles/{NAME}.yaml"
    before = path.read_text()
    head, spectra, rest = before.partition("  spectra:\n")
    assert then in rest
    path.write_text(head + spectra + rest.replace(then, now, 1))
    with pytest.raises(InputError, match=re.escape(f"profiles/{NAME}.yaml: {words}")):
        check_as_made(load_profile(NAME))
    for command, arguments in ((profiles.main, [NAME]), (analyse.main, ["spectra", "--profile", NAME])):
        with pytest.raises(SystemExit):
            command(arguments)
        assert words in capsys.readouterr().err
    path.write_text(before.replace("published: true", "published: false"))  # it is run anew, so that all is well
    check_as_made(load_profile(NAME))


def test_an_experiment_of_which_nothing_is_published_is_refused(place):
    lock = place / f"profiles/{NAME}/dvc.lock"
    lock.write_text(lock.read_text().replace("run@spectra:", "run@other:"))
    with pytest.raises(InputError, match=r"experiments\.spectra: nothing is published of it; take it out, or run it"):
        check_as_made(load_profile(NAME))


def test_rows_are_not_shown_under_settings_that_they_were_not_made_with(place):
    """As after an edit and `make tables`: of any profile, by the record of the run."""
    profile = load_profile(NAME)
    made = profile.settings("spectra").model_dump(mode="json")
    record = json.loads(json.dumps({"settings": made}))
    check_rows(profile, "spectra", record)
    check_rows(profile, "spectra", {})  # of an older version
    with pytest.raises(InputError) as caught:
        check_rows(profile, "spectra", {"settings": made | {"epochs": 3, "hidden": [7, 7]}})
    said = f"profiles/{NAME}.yaml: experiments.spectra.epochs is {made['epochs']}, and the rows were made with 3; "
    assert str(caught.value).startswith(said) and "`dvc repro` makes them anew" in str(caught.value)


@pytest.mark.parametrize("section", ["experiments", "data"])
def test_a_profile_that_was_changed_meanwhile_is_refused(place, section):
    then = load_profile(NAME)
    path = place / f"profiles/{NAME}.yaml"
    check_unchanged(then, load_profile(NAME), section, "spectra" if section == "experiments" else "cifar10")
    text = path.read_text()
    if section == "experiments":
        head, spectra, rest = text.partition("  spectra:\n")
        path.write_text(head + spectra + rest.replace("epochs: ", "epochs: 1", 1))
        name = "spectra"
    else:
        path.write_text(text.replace("  cifar10: {", "  cifar10: {optional: true, ", 1))
        name = "cifar10"
    with pytest.raises(InputError, match=rf"{section}\.{name} was changed while this ran"):
        check_unchanged(then, load_profile(NAME), section, name)
    check_unchanged(then, load_profile(NAME), "experiments", "invariance")
