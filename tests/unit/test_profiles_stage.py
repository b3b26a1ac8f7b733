"""What DVC needs of a profile is made from the profile: params.yaml and the copy of dvc.yaml."""

import configparser
import shutil
from pathlib import Path

import pytest
import yaml

from pipeline.profile import load_profile
from pipeline.yaml_file import read_yaml
from stages import profiles

ROOT = Path(__file__).parents[2]


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A repository's profiles, none of them run."""
    (tmp_path / "profiles").mkdir()
    for name in (".dvcignore", "dvc.yaml", "params.yaml", "profiles/digits.yaml", "profiles/smoke.yaml"):
        shutil.copy(ROOT / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_files_in_the_repository_are_what_is_made(monkeypatch):
    monkeypatch.chdir(ROOT)
    for name in profiles.made():
        for path, text in profiles.files(load_profile(name)).items():
            assert path.read_text() == text, "run `make profiles`"


def test_a_profile_of_ones_own_gets_its_pipeline(place, capsys):
    text = (place / "profiles/smoke.yaml").read_text()
    (place / "profiles/mine.yaml").write_text(text.replace("  digits-turned: {source", "  turned: {source"))
    with pytest.raises(SystemExit):
        profiles.main(["mine"])  # task_schedule still names digits-turned
    said = capsys.readouterr().err
    assert said.startswith(
        "error: profiles/mine.yaml: experiments.task_schedule.data.2: 'digits-turned' is not one of"
    )
    assert said.count("\n") == 1 and not (place / "profiles/mine").exists()

    (place / "profiles/mine.yaml").write_text(
        text.replace("digits-turned", "turned").replace(": turned}", ": digits-turned}")
    )
    profiles.main(["mine"])
    assert capsys.readouterr().out == "profiles/mine/params.yaml is written\nprofiles/mine/dvc.yaml is written\n"
    made = yaml.safe_load((place / "profiles/mine/params.yaml").read_text())
    assert made == {
        "profile": "mine",
        "root": "../..",
        "datasets": ["digits", "digits-permuted", "turned"],
        "experiments": made["experiments"],
    }
    assert list(made["experiments"]) == list(yaml.safe_load(text)["experiments"]), "in the same order"
    assert (place / "profiles/mine/dvc.yaml").read_text() == (place / "dvc.yaml").read_text()


def test_only_what_differs_is_written_and_only_of_profiles_that_were_run(place, capsys):
    profiles.main([])
    assert capsys.readouterr().out == "" and not (place / "profiles/smoke").exists()
    profiles.main(["smoke"])
    before = {path: path.stat().st_mtime_ns for path in (place / "profiles/smoke").iterdir()}
    assert len(before) == 2
    capsys.readouterr()
    profiles.main(["smoke"])
    assert {path: path.stat().st_mtime_ns for path in before} == before and capsys.readouterr().out == ""
    (place / "dvc.yaml").write_text((place / "dvc.yaml").read_text() + "# edited\n")
    profiles.main([])
    assert capsys.readouterr().out == "profiles/smoke/dvc.yaml is written\n"


def test_without_invariance_there_is_nothing_to_plot(place):
    content = yaml.safe_load((place / "profiles/smoke.yaml").read_text())
    del content["experiments"]["invariance"]
    (place / "profiles/mine.yaml").write_text(yaml.safe_dump(content))
    profiles.main(["mine", "smoke"])
    mine, smoke = (yaml.safe_load((place / f"profiles/{name}/dvc.yaml").read_text()) for name in ("mine", "smoke"))
    assert list(mine) == ["stages"] and list(smoke) == ["stages", "plots"] and mine["stages"] == smoke["stages"]


def test_a_data_set_has_no_dot_in_its_name(place, capsys):
    text = (place / "profiles/smoke.yaml").read_text().replace("digits-turned", "my.turned")
    (place / "profiles/mine.yaml").write_text(text.replace(": my.turned}", ": digits-turned}"))
    with pytest.raises(SystemExit):
        profiles.main(["mine"])
    assert capsys.readouterr().err.startswith("error: profiles/mine.yaml: data: 'my.turned' has a dot")


def test_of_a_published_profile_rows_go_to_its_remote_and_the_report_to_git(place):
    """Data sets are never pushed, and what was published is not run again because code has changed."""
    text = (place / "profiles/smoke.yaml").read_text()
    (place / "profiles/mine.yaml").write_text(text)
    (place / "profiles/known.yaml").write_text(f"published: true\n{text}")
    settings = read_yaml(place / "profiles/known.yaml")["experiments"]
    made = {
        f"run@{name}": {"params": {"profiles/known.yaml": {f"experiments.{name}": own}}}
        for name, own in settings.items()
    }
    (place / "profiles/known").mkdir()
    (place / "profiles/known/dvc.lock").write_text(yaml.safe_dump({"stages": made}))
    profiles.main(["mine", "known"])
    mine, known = (yaml.safe_load((place / f"profiles/{name}/dvc.yaml").read_text()) for name in ("mine", "known"))
    for name, flag in {
        "fetch": {"push": False},
        "run": {"remote": "published"},
        "analyse": {"cache": False},
        "report": {"cache": False},
    }.items():
        own, other = (each["stages"][name] for each in (known, mine))
        own, other = own.get("do", own), other.get("do", other)
        assert own["outs"] == [{out: flag} for out in other["outs"]], name
        assert own.pop("frozen", False) == (name == "run") and "frozen" not in other
        assert own | {"outs": None} == other | {"outs": None}, "all else is as of any profile"
    assert known["stages"]["publish"] == mine["stages"]["publish"] and known["plots"] == mine["plots"]
    remotes = configparser.ConfigParser()
    remotes.read(ROOT / ".dvc/config")
    assert remotes["'remote \"published\"'"]["url"] == "../published", "below .dvc, in the repository"


@pytest.mark.parametrize("name", ["data", "data/smoke", "results/smoke/spectra", "reports"])
def test_a_file_in_the_way_of_what_dvc_will_make_is_said_first(name, place, capsys):
    (place / name).parent.mkdir(parents=True, exist_ok=True)
    (place / name).touch()
    with pytest.raises(SystemExit):
        profiles.main(["smoke"])
    assert capsys.readouterr().err == f"error: {name} is a file, where a folder is needed: move or remove it\n"
    (place / name).unlink()
    profiles.main(["smoke"])
