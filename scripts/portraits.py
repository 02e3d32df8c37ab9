"""Measures a classifier on portraits of members of two parliaments, by gender and age class, and writes the report.

    python -m scripts.portraits FOLDER

FOLDER holds the pictures, `parliament/mpsL/`, `parliament/mps/` and `congress/`; the report says where they come from.
`portraits.csv` has their labels and no picture and no name: `facetally train` and `facetally evaluate` read it as
`--data parliament=FOLDER/parliament+scripts/portraits.csv`. Each person is measured once, on the larger picture, also
with the pictures made narrower and wider, as wrong pixel shapes of videos do. Of a model that was trained on some of
them, only those are measured that it neither learned from nor was selected by.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd
import rich_click as click

from facetally.cli.options import DETECTOR, MODELS_DIR
from facetally.cli.train import CACHE, detector_path
from facetally.datasets.labelled_images import ImageSource, LabelledImage
from facetally.detection.crops import CropRecipe
from facetally.errors import ModelError, PipelineError
from facetally.files import write_whole
from facetally.formatting import command
from facetally.gender.classifier import FaceGenderClassifier
from facetally.gender.data.face_sets import all_faces, pixel_digest
from facetally.gender.metrics import GenderEvaluation
from facetally.gender.model.card import ModelCard
from facetally.training.evaluate import predictions_for
from facetally.training.face_crops import cut_sources
from scripts.provenance import machine

LIST = Path(__file__).with_suffix(".csv")
NAMES = {"parliament": "United Kingdom", "congress": "United States"}
AGE_CLASSES = ("young", "middle", "old")
WIDTHS = (0.7, 0.85, 1.0, 1.15, 1.35)
METHOD = """The list is `scripts/portraits.csv`: names of files and labels, no picture, no name of a person. The
pictures are those of

- the United Kingdom's parliament: `mysociety/theyworkforyou` at 4a5b59c, `www/docs/images/mpsL/` (up to 120 x 160
  pixels) and `mps/` (mostly 60 x 80), Creative Commons BY 3.0 in the main;
- the United States' Congress: `rullyvm/pke.github.io` at 530ed06, `images/congress/` (100 x 122), public domain in the
  main.

```
git clone https://github.com/mysociety/theyworkforyou && git clone https://github.com/rullyvm/pke.github.io
mkdir -p portraits/parliament
git -C theyworkforyou archive 4a5b59c www/docs/images/mpsL www/docs/images/mps |
    tar x -C portraits/parliament --strip-components=3
git -C pke.github.io archive 530ed06 images/congress | tar x -C portraits --strip-components=1
facetally evaluate parliament=portraits/parliament+scripts/portraits.csv -o evaluation
```

**How they were labelled** (2026-11-30). Every person was seen once, on the larger picture, on numbered sheets of 80
pictures in a shuffled order (seeds 44 and 46), without any prediction. The labels are the *perceived* gender (female,
male, or not clear) and an age class: young (under 35) or old (60 and more) where that was easy to see, else middle.
Not clear are placeholders, sculptures, some drawings and a few photographs; they have no label. The column `group`
has the age class, `person` keeps the pictures of a person in the same part of a split. `labelled_by` is `eye` for the
picture that was seen, `person` for the other picture of the same person (the same photograph, smaller, for 1,031 of
1,352 people, another one for the rest; it has no age class), and `id` where a public list names the gender.

**How far they can be trusted.** A second pass over 200 random people, in a new order, agreed on the gender in 200 of
200 and on the age class in 189 of 200. For the 185 members of Congress that `unitedstates/congress-legislators` at
dfa9622 (`legislators-current.yaml`) names, the labels by eye agreed with its gender in 185 of 185, 46 of them women.
The 58 people whose label and model disagree were then looked at again at a larger size, and so were the 28 other
pictures of a person for which the model is sure (0.8) of another gender: none was corrected."""
FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@dataclass(frozen=True)
class StretchedSource(ImageSource):
    """A data set whose images are made narrower or wider before their faces are found."""

    width: float = 1.0
    """The new width as a share of the old one; the height stays."""

    def read(self) -> Iterator[LabelledImage]:
        """As in `ImageSource`; images that cannot be decoded are left as they are."""
        for labelled in super().read():
            try:
                yield labelled if self.width == 1 else replace(labelled, content=stretched(labelled, self.width))
            except ValueError:
                yield labelled

    def fingerprint(self) -> str:
        """As in `ImageSource`; also depends on the width."""
        return f"{super().fingerprint()} {self.width}"


def stretched(labelled: LabelledImage, width: float) -> bytes:
    """The image at another width, as PNG; raises ValueError if it cannot be decoded."""
    image = labelled.image_bgr()
    interpolation = cv2.INTER_AREA if width < 1 else cv2.INTER_CUBIC
    wide = cv2.resize(image, (max(round(image.shape[1] * width), 1), image.shape[0]), interpolation=interpolation)
    return cv2.imencode(".png", wide)[1].tobytes()


def read_list(path: Path = LIST) -> pd.DataFrame:
    """The labels: file, person, gender (empty where it cannot be seen), group (the age class), labelled_by.

    `labelled_by` says what the label was read from: "eye", this picture; "person", a larger picture of the same person;
    "id", a public list of members.
    """
    with path.open(newline="") as file:
        return pd.DataFrame(csv.DictReader(file))


def predictions_at(
    model: Path, folder: Path, detector: Path, cache: Path, width: float, names: tuple[str, ...] = tuple(NAMES)
) -> tuple[pd.DataFrame, int]:
    """The faces of each person's labelled picture with `female_prob`, and how many pictures have no face that is found.

    Args:
        model: the classifier; of pictures that it may have learned from there are no faces.
        folder: with a folder for each of `names`.
        detector: SCRFD weights.
        cache: for the crops.
        width: of the images, as a share of their own.
        names: of the sets.

    Raises:
        ModelError: the weights cannot be used.
        OptionError: a folder has no image with a face.
    """
    try:
        classifier = FaceGenderClassifier(model)
    except ValueError as error:
        raise ModelError(str(error), fix="give the weights of a classifier with --model") from error
    sources = [StretchedSource(name, (folder / name,), (LIST,), width=width) for name in names]
    sets, _ = cut_sources(sources, detector, CropRecipe(**classifier.card.crop), cache, None, lambda *_: None)
    labels = read_list()
    measured = set(labels["file"][(labels["labelled_by"] != "person") & (labels["gender"] != "")])
    corpus = all_faces(sets)
    corpus = corpus.only(corpus.faces["file"].isin(measured))
    missed = sum((folder / name / file).exists() for name in names for file in measured) - len(corpus)
    corpus = corpus.only(is_unseen(classifier.card, corpus.faces, folder))
    return corpus.faces.assign(female_prob=predictions_for(classifier, corpus).female_prob), missed


def is_unseen(card: ModelCard, faces: pd.DataFrame, folder: Path) -> npt.NDArray[np.bool_]:
    """Which of the faces a model has not seen: those of its test split, and of sets that it was not trained on.

    The images themselves are asked, because one that was made wider is none of those that the card knows.
    """

    def unseen(name: str, file: str) -> bool:
        image = np.asarray(cv2.imread(str(folder / name / file)), np.uint8)
        return name not in card.data["sets"] or card.images_held_out.split_of(pixel_digest(image)) == "test"

    return np.array([unseen(*row) for row in faces[["set", "file"]].itertuples(index=False)], bool)


def evaluation_of(faces: pd.DataFrame) -> GenderEvaluation:
    """The confusion matrix of rows with `female` and `female_prob`."""
    return GenderEvaluation.of(faces["female"].to_numpy() == 1, faces["female_prob"].to_numpy() > 0.5)


def row_of(name: str, faces: pd.DataFrame) -> str:
    """A row of a table: women, their accuracy, men, theirs, and the difference in points."""
    found = evaluation_of(faces)
    gap = f"{100 * (found.female_recall - found.male_recall):+.1f}" if found.male_count and found.female_count else ""
    women = f"{found.female_recall:.1%}" if found.female_count else ""
    men = f"{found.male_recall:.1%}" if found.male_count else ""
    return f"| {name} | {found.female_count} | {women} | {found.male_count} | {men} | {gap} |"


def age_table(faces: pd.DataFrame) -> str:
    """Accuracy by set and age class."""
    rows = [
        "| pictures, age class | women | correct | men | correct | women less men, points |",
        "|---|---|---|---|---|---|",
    ]
    for name, title in NAMES.items():
        part = faces[faces["set"] == name]
        rows += [row_of(f"{title}, {age}", part[part["group"] == age]) for age in AGE_CLASSES]
        rows.append(row_of(f"**{title}, all**", part))
    return "\n".join(rows)


def width_table(by_width: dict[float, tuple[pd.DataFrame, int]]) -> str:
    """Accuracy by the width of the pictures."""
    rows = [
        "| width | women | correct | men | correct | women less men, points | no face found |",
        "|---|---|---|---|---|---|---|",
    ]
    rows += [f"{row_of(f'{width:g}', faces)} {missed} |" for width, (faces, missed) in by_width.items()]
    return "\n".join(rows)


def error_counts(faces: pd.DataFrame) -> str:
    """How many errors are confident ones."""
    wrong = faces[(faces["female_prob"] > 0.5) != (faces["female"] == 1)]
    sure = np.maximum(wrong["female_prob"], 1 - wrong["female_prob"]) >= 0.9
    confident = f"{int(sure.sum())} of them with a probability of 0.9 or more"
    return f"{len(wrong)} of {len(faces)} people are classified wrongly, {confident}."


def label_table(labels: pd.DataFrame) -> str:
    """How many people were labelled as what, from what."""
    rows = ["| pictures | people | women | men | not clear | pictures with a label |", "|---|---|---|---|---|---|"]
    in_parliament = labels["file"].str.contains("/")
    for name, title in NAMES.items():
        part = labels[in_parliament == (name == "parliament")]
        people = part[part["labelled_by"] != "person"]
        counts = [int((people["gender"] == gender).sum()) for gender in ("female", "male", "")]
        cells = (title, len(people), *counts, int((part["gender"] != "").sum()))
        rows.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(rows)


def page(by_width: dict[float, tuple[pd.DataFrame, int]], model_name: str, line: str) -> str:
    """The report on a model that was measured with the command `line`."""
    faces, missed = by_width[1.0]
    return f"""# Portraits of members of parliament

Written by `python -m scripts.portraits`; {date.today()}, {machine()}.

```
{line}
```

## The labels

{label_table(read_list())}

{METHOD}

## Accuracy of `{model_name}`

Not one of the pictures that are measured here was used to train or to select the model. Each person is measured once,
on the larger picture. In {missed} pictures of all, mostly engravings and figures seen from afar, no face is found.

{age_table(faces)}

{error_counts(faces)}

Most of the women who are classified as men have short or grey hair. The portraits of Congress show everyone close and
in the same light. The British ones are more varied: many show the shoulders too, so that faces are small, and many of
the older people in them are photographed in a bluish light.

## Narrower and wider pictures

The whole picture is resized in width before the face is found, as the wrong shape of pixels does in a video.

{width_table(by_width)}
"""


@click.command(help=__doc__)
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--model", type=FILE, default=Path("models/facetally.onnx"), show_default=True)
@DETECTOR
@MODELS_DIR
@CACHE
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), default=Path("reports/PORTRAITS.md"), show_default=True
)
def main(folder: Path, model: Path, detector: str, models_dir: Path | None, cache: Path | None, out: Path) -> None:
    if absent := [str(folder / name) for name in NAMES if not (folder / name).is_dir()]:
        raise click.UsageError(f"there is no folder {' or '.join(absent)}; reports/PORTRAITS.md says how to get them")
    line = command("python", "-m", "scripts.portraits", folder.name, "--model", model)
    try:
        detector_file = detector_path(detector, models_dir)
        with TemporaryDirectory() as temporary:
            crops = cache or Path(temporary)
            by_width = {width: predictions_at(model, folder, detector_file, crops, width) for width in WIDTHS}
        write_whole(out, page(by_width, model.stem, line))
    except PipelineError as error:
        raise click.ClickException(f"{error}\nFix: {error.fix}") from error
    click.echo(f"Written to {out}", err=True)


if __name__ == "__main__":
    main()
