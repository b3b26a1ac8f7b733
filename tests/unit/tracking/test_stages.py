from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import proxy_bypass_environment

import made_rows
import pandas as pd
import pytest

from pipeline import paths
from pipeline.profile import load_profile
from pipeline.results.rows import write
from pipeline.tracking import reason, synchronise
from pipeline.tracking.connection import ask_directly, load, shown
from pipeline.tracking.store import Counts
from stages import track, ui

Rows = Callable[..., pd.DataFrame]


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty project with the profile `smoke`, whose store is a folder: a failure without a wait."""
    (tmp_path / "profiles").mkdir()
    shutil.copy("profiles/smoke.yaml", tmp_path / "profiles")
    (tmp_path / "store").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///store")


def test_without_rows_there_is_nothing_to_publish(capsys: pytest.CaptureFixture[str]) -> None:
    track.main(["--profile", "smoke"])
    assert "dvc repro" in capsys.readouterr().out


def test_an_experiment_without_data_is_passed_over(invariance_rows: Rows, capsys: pytest.CaptureFixture[str]) -> None:
    none = invariance_rows().iloc[:0]
    write(none, paths.rows("smoke", "invariance"))
    track.main(["--profile", "smoke"])
    assert "invariance (smoke): nothing to publish: its data sets are absent" in capsys.readouterr().out
    done = synchronise(none, profile="smoke", settings={})
    assert done == Counts(), "nothing to publish is no failure, whatever the store"


def test_a_failure_to_publish_is_one_line_and_exit_1(
    invariance_rows: Rows, capsys: pytest.CaptureFixture[str]
) -> None:
    write(invariance_rows(), paths.rows("smoke", "invariance"))
    with pytest.raises(SystemExit) as ended:
        track.main(["--profile", "smoke"])
    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert said.startswith("error: MLFLOW_TRACKING_URI: cannot publish to sqlite:///")
    assert said.count("\n") == 1


def test_a_store_that_may_not_be_read_is_named_and_how_it_becomes_ones_own(
    invariance_rows: Rows, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root may read everything: the system's answer is imitated."""

    write(invariance_rows(), paths.rows("smoke", "invariance"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///mlflow.db")
    Path("mlflow.db").touch()
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "mlflow.db")
    monkeypatch.setattr(Path, "owner", lambda path: "root" if path.name == "mlflow.db" else "me")
    monkeypatch.setattr("getpass.getuser", lambda: "me")
    remedy = "(PermissionError: mlflow.db belongs to root: `sudo chown -R me mlflow.db` makes it yours)"
    for stage in (lambda: track.main(["--profile", "smoke"]), lambda: ui.main(["--port", "0"])):
        with pytest.raises(SystemExit):
            stage()
        said = capsys.readouterr().err
        assert said.startswith("error: MLFLOW_TRACKING_URI: cannot ") and said.endswith(f"{remedy}\n"), said
        assert said.count("\n") == 1


def test_a_folder_in_the_place_of_the_store_is_said(
    invariance_rows: Rows, capsys: pytest.CaptureFixture[str]
) -> None:
    write(invariance_rows(), paths.rows("smoke", "invariance"))
    with pytest.raises(SystemExit):
        track.main(["--profile", "smoke"])
    assert (
        "(IsADirectoryError: store is a folder, where a file is needed: move or remove it)" in capsys.readouterr().err
    )


def test_in_the_pipeline_a_failure_to_publish_is_a_warning(
    invariance_rows: Rows, capsys: pytest.CaptureFixture[str]
) -> None:
    write(invariance_rows(), paths.rows("smoke", "invariance"))
    track.main(["--profile", "smoke", "--optional"])
    said = capsys.readouterr().err
    assert said.startswith("warning: MLFLOW_TRACKING_URI: cannot publish to sqlite:///")
    assert said.endswith("; `python -m stages.track --profile smoke` does it later\n") and said.count("\n") == 1


def test_in_the_pipeline_a_damaged_file_holds_up_its_own_experiment_alone(
    invariance_rows: Rows, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(track, "synchronise", lambda *rows, **more: Counts())
    write(invariance_rows(), paths.rows("smoke", "invariance"))
    write(made_rows.rows("spectra"), paths.rows("smoke", "spectra"))
    paths.networks("smoke", "invariance").write_text("something else")
    track.main(["--profile", "smoke", "--optional"])
    said = capsys.readouterr()
    assert "warning: results/smoke/invariance/networks.npz: is not a file of networks" in said.err
    assert "does it later" not in said.err and "spectra (smoke): runs added 0" in said.out


def test_what_is_analysed_is_published_meanwhile_and_once(
    invariance_rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    published: list[str] = []

    def publish(table: pd.DataFrame, **more: object) -> Counts:
        published.append(str(table["experiment"].iloc[0]))
        return Counts()

    monkeypatch.setattr(track, "synchronise", publish)
    monkeypatch.setattr(track, "_EVERY", 0.0)
    section = paths.report("smoke") / "invariance" / paths.SECTION
    section.parent.mkdir(parents=True)
    section.write_text("of an earlier run")
    looks: list[list[str]] = []

    def going() -> bool:
        looks.append(list(published))
        if len(looks) == 3:  # it is run and analysed again
            write(invariance_rows(), paths.rows("smoke", "invariance"))
            section.write_text("new")
            os.utime(section, ns=(1, 2))
        return len(looks) < 8

    track.follow(load_profile("smoke"), going)
    assert looks[2] == [] and looks[-1] == published == ["invariance"]


def test_what_cannot_be_published_meanwhile_is_left_to_the_end(
    invariance_rows: Rows, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(track, "_EVERY", 0.0)
    write(invariance_rows(), paths.rows("smoke", "invariance"))
    section = paths.report("smoke") / "invariance" / paths.SECTION
    looks = 0

    def going() -> bool:
        nonlocal looks
        looks += 1
        if looks == 2:
            section.parent.mkdir(parents=True)
            section.write_text("new")
        return looks < 8

    track.follow(load_profile("smoke"), going)  # whose store is a folder
    assert looks < 8 and capsys.readouterr() == ("", "")


def test_a_file_of_networks_that_is_none_is_said(invariance_rows: Rows, capsys: pytest.CaptureFixture[str]) -> None:
    write(invariance_rows(), paths.rows("smoke", "invariance"))
    paths.networks("smoke", "invariance").write_text("something else")
    with pytest.raises(SystemExit) as ended:
        track.main(["--profile", "smoke"])
    assert ended.value.code == 1
    assert "networks.npz: is not a file of networks" in capsys.readouterr().err


def test_a_store_that_cannot_be_read_is_not_served(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        ui.main(["--port", str(_free_port())])
    assert ended.value.code == 1
    assert "cannot read sqlite:///" in capsys.readouterr().err


def test_a_port_in_use_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(SystemExit) as ended:
            ui.main(["--port", str(other.getsockname()[1])])
    assert ended.value.code == 1
    assert "try another port" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("host", "port", "advice"),
    [
        ("127.0.0.1", 80000, "0 for any that is free"),
        ("127.0.0.1", -1, "0 for any that is free"),
        ("192.0.2.1", 5000, "give an address of this machine"),
        ("no.such.host.invalid", 5000, "give an address of this machine"),
    ],
)
def test_an_address_that_cannot_be_listened_on_is_said(
    host: str, port: int, advice: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        ui.main(["--host", host, "--port", str(port)])
    said = capsys.readouterr().err
    assert ended.value.code == 1 and said.startswith("error: --") and advice in said and said.count("\n") == 1


@pytest.mark.parametrize("own", ["", "hub.example.org"])
def test_the_server_may_be_asked_by_every_name_of_this_machine(own: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By MLflow's own judgement, which without these settings is that of the control."""
    rules = pytest.importorskip("mlflow.server.security_utils")
    monkeypatch.setattr(socket, "gethostname", lambda: "my-box")
    monkeypatch.setattr(socket, "getfqdn", lambda: "my-box.example.org")
    monkeypatch.setenv("MLFLOW_SERVER_ALLOWED_HOSTS", own)
    hosts, pages = (each.split(",") for each in ui._allowed("0.0.0.0").values())
    for name in (
        "localhost:8080",
        "127.0.0.1:5000",
        "[::1]:5000",
        "my-box:5000",
        "my-box.example.org",
        own or "10.1.2.3",
    ):
        assert rules.is_allowed_host_header(hosts, name), name
    assert not rules.is_allowed_host_header(hosts, "elsewhere.example.org:5000")
    asked = {
        name: not rules.should_block_cors_request(f"http://{name}:5000", "POST", pages)
        for name in ("localhost", "my-box", "my-box.example.org", "elsewhere.example.org")
    }
    assert asked == dict.fromkeys(asked, True) | {"elsewhere.example.org": False}
    assert not rules.is_allowed_host_header(rules.get_default_allowed_hosts(), "my-box:5000"), "the control"
    assert rules.should_block_cors_request("http://my-box:5000", "POST", None), "the control"


@pytest.mark.parametrize("known", ["", "*", "intern.example.org, 10.0.0.0/8"])
def test_what_is_on_this_machine_is_asked_without_a_proxy(known: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from requests.utils import get_environ_proxies

    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, known)
    here = ["http://localhost:5000/health", "http://127.0.0.1:1/", "http://[::1]:5000/", "http://my.machine:5000"]
    if known != "*":
        assert all(map(get_environ_proxies, here)), "the control"
    ask_directly("my.machine")
    assert not any(map(get_environ_proxies, here))
    assert all(proxy_bypass_environment(urlsplit(each).netloc) for each in here), "by urllib, too"
    assert bool(get_environ_proxies("http://example.org/")) == (known != "*")
    assert not get_environ_proxies("http://intern.example.org/") or not known


def test_how_a_users_own_scripts_are_logged_is_not_for_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """As `test_failures.py` shows in a process of its own, which takes seconds."""
    monkeypatch.setenv("MLFLOW_ACTIVE_MODEL_ID", "m-1")
    monkeypatch.setenv("MLFLOW_ENABLE_ASYNC_LOGGING", "true")
    load()
    assert not {"MLFLOW_ACTIVE_MODEL_ID", "MLFLOW_ENABLE_ASYNC_LOGGING"} & set(os.environ)


def _free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


def test_an_address_is_printed_without_its_password() -> None:
    assert shown("postgresql://me:secret@host:5432/db") == "postgresql://host:5432/db"
    assert shown("sqlite:////home/me/mlflow.db") == "sqlite:////home/me/mlflow.db"
    assert reason(OSError("API request to http://me:secret@host:5/api failed")) == (
        "OSError: API request to http://host:5/api failed"
    )
