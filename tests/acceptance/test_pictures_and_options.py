"""Small pictures of what was found, and images that are analysed as their upload asks."""

from __future__ import annotations

import io
from pathlib import Path

import httpx
from PIL import Image

from tests.acceptance.conftest import Album, Fresh
from tools.stack_driver.photos import collage


def test_each_face_and_each_image_has_a_small_picture(http: httpx.Client, album: Album) -> None:
    faces = album.documents[album.group]["num_faces"]

    thumbnail = http.get(f"/v1/images/{album.group}/thumbnail.jpg?size=200")
    crops = [http.get(f"/v1/images/{album.group}/faces/{n}/crop.jpg") for n in range(faces)]

    assert Image.open(io.BytesIO(thumbnail.content)).size == (200, 200)
    assert {Image.open(io.BytesIO(crop.content)).size for crop in crops} == {(224, 224)}
    known = {"If-None-Match": thumbnail.headers["etag"]}
    again = http.get(f"/v1/images/{album.group}/thumbnail.jpg?size=200", headers=known)
    assert (again.status_code, again.content) == (304, b"")


def test_an_annotated_picture_looks_as_one_asks(http: httpx.Client, album: Album) -> None:
    address = f"/v1/images/{album.group}/annotated"
    looks = ("", "?labels=none", "?labels=numbers", "?landmarks=false", "?blur=true")

    answers = [http.get(address + look) for look in looks]

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == len(looks)
    info = album.documents[album.group]["image"]
    sizes = [Image.open(io.BytesIO(answer.content)).size for answer in answers]
    assert {sizes[n] for n in (0, 1, 3, 4)} == {(info["width"], info["height"])}
    assert sizes[2] > (info["width"], info["height"]), "numbers come with a legend"
    again = http.get(
        f"{address}?labels=none", headers={"If-None-Match": answers[1].headers["etag"]}
    )
    assert (again.status_code, again.content) == (304, b"")
    refused = http.get(f"{address}?labels=some")
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid_request")


def test_an_upload_is_analysed_as_it_asks_and_again_as_it_asks_then(
    http: httpx.Client, fresh: Fresh, portraits: list[Path]
) -> None:
    # Given a photograph of four faces, sent once as it is and once with options
    data = fresh(collage(portraits[:4]))
    asked = {"max_faces": "2", "attributes": "age", "folder": "acceptance", "wait": "120"}

    [plain] = http.post("/v1/images?wait=120", content=data).json()["images"]
    [chosen] = http.post("/v1/images", params=asked, content=data).json()["images"]

    assert (plain["result"]["num_faces"], plain["result"]["image"]["options"]) == (4, None)
    result = chosen["result"]
    assert (result["generation"], result["num_faces"]) == (2, 2)
    assert result["image"]["options"]["max_faces"] == 2
    for face in result["faces"]:
        assert (face["landmarks"], face["pose"]) == ([], None)
        assert face["agegender"]["age"] is not None
        assert face["agegender"]["gender"] == "unknown"
    # And the labels that came with it are those that it has now
    [found] = http.get("/v1/images?folder=acceptance").json()["images"]
    assert found["image_id"] == plain["image_id"]
