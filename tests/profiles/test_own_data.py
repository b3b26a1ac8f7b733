"""Images of one's own and a profile of one's own, made as the README says, go through the whole pipeline."""

import json
import re
import sys
from pathlib import Path

import pandas as pd
import pytest
from clones import cloned, equipped, run, tried
from own_images import draw

# One of each kind: widths changed after training, and while training; images of what a layer sees; channels of
# convolutions over coloured images. All sixteen take five minutes.
EXPERIMENTS = ["invariance", "width_transitions", "components", "convolutions"]


def profile(smoke: str) -> str:
    """Smoke with other data, enough steps to learn, and some of its experiments."""
    data = "data:\n  shapes: {source: image-folder, root: datasets/shapes, side: 12}\n\n"
    text = re.sub(r"^data:\n.*?\n\n", data, smoke, flags=re.DOTALL | re.MULTILINE).replace("[digits]", "[shapes]")
    head, *sections = re.split(r"^(?=  \w+:(?: #.*)?$)", text.partition("experiments:\n")[2], flags=re.MULTILINE)
    kept = "".join(section for section in sections if section.partition(":")[0].strip() in EXPERIMENTS)
    kept = kept.replace(
        "repeats: 2\n    epochs: 2\n    hidden: [8, 8]\n    layer",
        "repeats: 8\n    epochs: 4\n    hidden: [8, 8]\n    layer",
    )
    return text.partition("experiments:\n")[0].replace("1.0e-3", "1.0e-2", 1) + "experiments:\n" + head + kept


@pytest.fixture(scope="module")
def clone(tmp_path_factory) -> Path:
    folder = equipped(cloned(tmp_path_factory.mktemp("own")))
    draw(folder / "datasets/shapes")
    (folder / "profiles/own.yaml").write_text(profile((folder / "profiles/smoke.yaml").read_text()))
    run(folder, sys.executable, "-m", "stages.profiles", "own")
    run(folder, "dvc", "repro", "profiles/own/dvc.yaml")
    return folder


def test_the_report_names_the_data(clone):
    page = (clone / "reports/own.html").read_text()
    said = "shapes: folder of images, one folder per class, resized to 12 x 12 (120 + 45 images, 3 classes)"
    assert page.count(said) > 1 and "digits" not in page
    assert {path.name for path in (clone / "reports/own").iterdir()} == set(EXPERIMENTS)
    for name in EXPERIMENTS:
        record = json.loads((clone / f"results/own/{name}/run.json").read_text())
        assert list(record["datasets"]) == ["shapes"] and record["datasets"]["shapes"]["features"] == 3 * 12 * 12


def test_the_classes_are_learnt(clone):
    rows = pd.read_parquet(clone / "results/own/invariance/rows.parquet")
    accuracy = (
        rows[(rows["phase"] == "training") & (rows["measure"] == "test_accuracy")].groupby("epoch")["value"].mean()
    )
    assert accuracy.loc[0] < 50, "the control: chance is 33"
    assert accuracy.loc[4] > 90


def test_dvc_shows_it(clone):
    shown = json.loads(run(clone, "dvc", "metrics", "show", "--json", "results/own/invariance/metrics.json"))
    assert shown[""]["data"]["results/own/invariance/metrics.json"]["data"]["shapes"]["accuracy"] > 90
    said = tried(clone, "dvc", "plots", "show", "profiles/own/dvc.yaml::accuracy")
    assert said.returncode == 0 and "failed" not in said.stderr
    assert '"configuration": "trainable, none"' in (clone / "dvc_plots/index.html").read_text()


def test_what_is_wrong_with_an_image_is_one_line(clone):
    path = clone / "datasets/shapes/train/disc/extra.png"
    path.write_bytes(b"no image")
    said = tried(clone, sys.executable, "-m", "stages.fetch", "shapes", "--profile", "own")
    path.unlink()
    assert said.returncode == 1 and said.stderr.count("\n") == 1
    assert said.stderr.startswith(
        "error: profiles/own.yaml: data.shapes: datasets/shapes/train/disc/extra.png is not"
    )
