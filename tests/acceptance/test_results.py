"""What comes of images: documents, files, exports, numbers and plots."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import httpx
import pyarrow.parquet
import pytest
from jsonschema import Draft202012Validator
from PIL import Image

from tests.acceptance.conftest import Album, Fresh
from tests.support.running_stack import Stack
from tests.support.waiting import wait_until
from tools.paths import ROOT
from tools.stack_driver.api import analyse
from tools.stack_driver.photos import resized

# The plots are drawn when somebody looks, at most every ten seconds.
_PATIENCE_S = 120.0


def test_every_document_follows_the_published_schema(album: Album) -> None:
    schema = Draft202012Validator(json.loads((ROOT / "docs" / "result.schema.json").read_text()))

    for image_id, document in album.documents.items():
        schema.validate(document)
        assert document["image"]["sha256"] == image_id
        assert document["image_path"] == f"saved_data/{image_id}.jpg"
        assert document["redis_key"] == f"image:{image_id}"


def test_the_annotated_image_is_a_jpeg_of_the_size_of_the_upload(
    http: httpx.Client, album: Album
) -> None:
    image_id = album.group
    answer = http.get(f"/v1/images/{image_id}/annotated")

    assert answer.headers["content-type"] == "image/jpeg"
    with Image.open(io.BytesIO(answer.content)) as image:
        size = album.documents[image_id]["image"]
        assert (image.format, image.size) == ("JPEG", (size["width"], size["height"]))


def test_the_upload_comes_back_byte_for_byte_and_in_parts(
    http: httpx.Client, stack: Stack, fresh: Fresh, portraits: list[Path]
) -> None:
    data = fresh(resized(portraits[8], 700))
    url = f"/v1/images/{analyse(stack.api, data).image.sha256}/source"

    whole, part = http.get(url), http.get(url, headers={"Range": "bytes=10-19"})
    beyond = http.get(url, headers={"Range": "bytes=99999999-"})

    assert (whole.content, whole.headers["content-type"]) == (data, "image/jpeg")
    assert (part.status_code, part.content) == (206, data[10:20])
    assert (beyond.status_code, beyond.json()["code"]) == (416, "range_not_satisfiable")


def test_the_files_are_where_the_readme_says(
    volumes: Path, http: httpx.Client, album: Album
) -> None:
    saved = volumes / "saved_data"
    for image_id, document in album.documents.items():
        assert json.loads((saved / f"{image_id}.json").read_text()) == document
        annotated = http.get(f"/v1/images/{image_id}/annotated").content
        assert (saved / f"{image_id}.jpg").read_bytes() == annotated
        # And nothing of it is left in the inbox
        assert not list((volumes / "inbox").glob(f"{image_id}*"))


def test_the_export_has_a_row_for_each_face(http: httpx.Client, album: Album) -> None:
    # When everything is exported as CSV and as Parquet
    answers = {name: http.get(f"/v1/export?format={name}") for name in ("csv", "parquet")}
    lines = list(csv.DictReader(io.StringIO(answers["csv"].text)))
    table = pyarrow.parquet.read_table(io.BytesIO(answers["parquet"].content)).to_pylist()

    # Then both have a row for each face with what the document says, and one for nobody
    expected = {
        (image_id, face["face_index"]): (face["box"]["x1"], face["agegender"]["age"])
        for image_id, document in album.documents.items()
        for face in document["faces"] or [{"face_index": None}]
        if document["faces"]
    } | {(album.nobody, None): (None, None)}
    for rows in (lines, table):
        ours = [row for row in rows if row["image_id"] in album.ids]
        found = {
            (row["image_id"], _number(row["face_index"])): (
                _number(row["x1"]),
                _number(row["age"]),
            )
            for row in ours
        }
        assert len(ours) == len(expected)
        assert found == expected


def test_the_coco_export_has_boxes_and_keypoints(http: httpx.Client, album: Album) -> None:
    coco = http.get("/v1/export?format=coco").json()

    numbers = {image["id"]: image["sha256"] for image in coco["images"]}
    assert set(numbers.values()) >= album.ids
    ours = [one for one in coco["annotations"] if numbers[one["image_id"]] in album.ids]
    assert len(ours) == sum(document["num_faces"] for document in album.documents.values())
    assert {one["num_keypoints"] for one in ours} == {478}
    for one in ours:
        faces = album.documents[numbers[one["image_id"]]]["faces"]
        boxes = [face["box"] for face in faces]
        x, y, width, height = one["bbox"]
        assert {"x1": x, "y1": y, "x2": x + width, "y2": y + height} in boxes


def test_the_numbers_count_each_image_once(
    stack: Stack, fresh: Fresh, portraits: list[Path]
) -> None:
    before = stack.api.stats()

    data = fresh(resized(portraits[9], 700))
    for _ in range(2):
        analyse(stack.api, data)

    after = stack.api.stats()
    assert after.accepted - before.accepted == 1
    assert after.stored - before.stored == 1
    assert after.faces - before.faces == 1
    final = after.stored + after.partial + after.failed + after.deleted
    assert after.accepted == final + after.in_flight


@pytest.mark.usefixtures("album")
def test_the_plots_show_what_the_numbers_say(http: httpx.Client, stack: Stack) -> None:
    # When the plots are looked at
    def plots_and_numbers_agree() -> bool:
        return _genders(stack) == stack.api.stats().faces_by_gender

    wait_until(plots_and_numbers_agree, _PATIENCE_S, every_s=1)

    # Then there is a picture of each
    plots = stack.api.plots()
    assert {plot.name for plot in plots} >= {"age_by_gender", "gender_split", "faces_per_image"}
    for plot in plots:
        png, svg = (http.get(f"/v1/plots/{plot.name}.{kind}") for kind in ("png", "svg"))
        assert png.headers["content-type"] == "image/png"
        assert Image.open(io.BytesIO(png.content)).size > (300, 200)
        assert svg.headers["content-type"].startswith("image/svg+xml")
        assert b"<svg" in svg.content


def _genders(stack: Stack) -> dict[str, int]:
    """Faces by gender, as the plot has them; it is drawn when somebody asks which there are."""
    if not stack.api.plots():
        return {}
    plot = json.loads(stack.api.plot("gender_split", "json"))
    (series,) = plot["series"]
    counts = zip(plot["categories"], series["values"], strict=True)
    return {gender: int(count) for gender, count in counts if count}


def _number(value: str | int | None) -> int | None:
    return None if value in (None, "") else int(value)


@pytest.mark.usefixtures("album")
def test_plots_of_some_images_count_what_the_list_finds(stack: Stack) -> None:
    listed = stack.api.image_page(min_faces=9, max_faces=9).total or 0
    plots = {str(plot["name"]): plot for plot in stack.api.plots_data(min_faces=9, max_faces=9)}

    faces = plots["faces_per_image"]
    counted = dict(zip(faces["categories"], faces["series"][0]["values"], strict=True))
    assert counted["9"] == sum(counted.values()) == listed
    # and the pyramid tells of the same faces, with intervals
    pyramid = plots["age_pyramid"]
    assert sum(sum(one["values"]) for one in pyramid["series"]) == pytest.approx(9 * listed, abs=1)
    for one in pyramid["series"]:
        assert all(low <= high for low, high in zip(one["low"], one["high"], strict=True))
