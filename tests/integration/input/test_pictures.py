"""Thumbnails, face crops, and what clients expect of every file: HEAD, ETag, a name."""

from __future__ import annotations

import io

import httpx
import pytest
from PIL import Image

from tests.integration.input.rig import Rig, photograph

FILES = (
    "result",
    "result?fields=faces",
    "annotated",
    "source",
    "thumbnail.jpg",
    "faces/0/crop.jpg",
)


@pytest.fixture(scope="module")
def image_id(rig: Rig) -> str:
    image_id = rig.accept(photograph(200, (400, 200)), name="Zoë at sea.png")
    rig.finish(image_id, ages=(30, 60))
    return image_id


def test_a_thumbnail_is_the_square_around_the_faces(rig: Rig) -> None:
    # Given a wide image that is red where its one face is, at the left, and blue elsewhere
    image = Image.new("RGB", (400, 100), "blue")
    image.paste("red", (0, 0, 25, 25))
    image_id = rig.accept(_png(image))
    rig.finish(image_id, ages=(30,))

    # When thumbnails are asked for
    square = _picture(rig.http.get(f"/v1/images/{image_id}/thumbnail.jpg?size=40"))
    whole = _picture(rig.http.get(f"/v1/images/{image_id}/thumbnail.jpg?size=40&fit=whole"))

    # Then one shows the face, the other one everything
    assert (square.size, whole.size) == ((40, 40), (40, 10))
    assert _is_red(square.getpixel((5, 5)))
    assert not _is_red(square.getpixel((30, 30)))


def test_an_image_that_waits_has_a_thumbnail_of_its_middle(rig: Rig) -> None:
    image_id = rig.accept(photograph(201, (300, 100)))
    first = rig.http.get(f"/v1/images/{image_id}/thumbnail.jpg")

    rig.finish(image_id, ages=(30,))
    second = rig.http.get(f"/v1/images/{image_id}/thumbnail.jpg")

    assert _picture(first).size == (100, 100)
    assert first.headers["etag"] != second.headers["etag"]


def test_a_face_is_cut_out_as_the_models_see_it(rig: Rig, image_id: str) -> None:
    answers = [rig.http.get(f"/v1/images/{image_id}/faces/{n}/crop.jpg") for n in (0, 1, 2)]

    assert [answer.status_code for answer in answers] == [200, 200, 404]
    assert _picture(answers[0]).size == (224, 224)


def test_of_an_image_without_a_result_there_is_no_face(rig: Rig) -> None:
    waiting = rig.accept(photograph(202))

    answer = rig.http.get(f"/v1/images/{waiting}/faces/0/crop.jpg")

    assert (answer.status_code, answer.json()["code"]) == (409, "not_finished")


def test_what_is_deleted_has_no_picture_any_more(rig: Rig) -> None:
    image_id = rig.accept(photograph(203))
    rig.finish(image_id, ages=(30,))
    paths = [f"/v1/images/{image_id}/{file}" for file in ("thumbnail.jpg", "faces/0/crop.jpg")]
    etags = [rig.http.get(path).headers["etag"] for path in paths]

    rig.http.delete(f"/v1/images/{image_id}")

    for path, etag in zip(paths, etags, strict=True):
        answer = rig.http.get(path, headers={"If-None-Match": etag})
        assert (answer.status_code, answer.json()["code"]) == (410, "deleted")


@pytest.mark.parametrize("file", FILES)
def test_what_a_client_has_already_is_not_sent_again(rig: Rig, image_id: str, file: str) -> None:
    path = f"/v1/images/{image_id}/{file}"
    etag = rig.http.get(path).headers["etag"]

    for known in (etag, f'"other", W/{etag}', "*"):
        again = rig.http.get(path, headers={"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == etag
    assert rig.http.get(path, headers={"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize("file", [*FILES, "", "events", "trace"])
def test_head_is_get_without_the_body(rig: Rig, image_id: str, file: str) -> None:
    path = f"/v1/images/{image_id}/{file}".rstrip("/")

    head = rig.http.head(path)

    assert head.content == b""
    if file == "events":  # it goes on until the image is finished
        assert head.headers["content-type"].startswith("text/event-stream")
        return
    get = rig.http.get(path)
    assert head.status_code == get.status_code
    same = ("content-type", "content-length", "etag", "content-disposition")
    assert [head.headers.get(name) for name in same] == [get.headers.get(name) for name in same]


def test_head_of_an_image_that_is_followed_ends(rig: Rig) -> None:
    waiting = rig.accept(photograph(204))

    assert rig.http.head(f"/v1/images/{waiting}/events").status_code == 200


def test_head_where_nothing_can_be_got(rig: Rig) -> None:
    assert rig.http.head("/v1/nowhere").status_code == 404
    assert rig.http.head("/v1/export?format=csv").headers["content-type"].startswith("text/csv")


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("result", "Zo%C3%AB%20at%20sea.json"),
        ("annotated", "Zo%C3%AB%20at%20sea-annotated.jpg"),
        ("source", "Zo%C3%AB%20at%20sea.png"),
        ("thumbnail.jpg?size=64", "Zo%C3%AB%20at%20sea-64.jpg"),
        ("faces/1/crop.jpg", "Zo%C3%AB%20at%20sea-face-1.jpg"),
    ],
)
def test_a_file_brings_its_name(rig: Rig, image_id: str, file: str, name: str) -> None:
    header = rig.http.get(f"/v1/images/{image_id}/{file}").headers["content-disposition"]

    assert header.startswith('inline; filename="Zo_ at sea')
    assert header.endswith(f"; filename*=UTF-8''{name}")


def test_of_a_result_only_what_was_asked_for_is_sent(rig: Rig, image_id: str) -> None:
    url = f"/v1/images/{image_id}/result"
    whole = rig.http.get(url).json()

    chosen = rig.http.get(url, params={"fields": "num_faces, faces.box.x1,faces.agegender"}).json()
    short = rig.http.get(url, params={"landmarks": False}).json()

    assert chosen == {
        "num_faces": 2,
        "faces": [
            {"box": {"x1": face["box"]["x1"]}, "agegender": face["agegender"]}
            for face in whole["faces"]
        ],
    }
    assert short == whole | {
        "faces": [{k: v for k, v in face.items() if k != "landmarks"} for face in whole["faces"]]
    }


def test_a_field_that_there_is_not_is_refused(rig: Rig, image_id: str) -> None:
    answer = rig.http.get(f"/v1/images/{image_id}/result?fields=faces.agegender.agee")

    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_parameter")
    assert "`age`" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/images?statuss=stored"),
        ("POST", "/v1/images?wiat=3"),
        ("GET", "/v1/stats?status=stored"),
        ("DELETE", f"/v1/images/{'0' * 64}?force=true"),
        ("GET", "/v1/export?format=csv&fromat=csv"),
    ],
)
def test_a_parameter_that_there_is_not_is_refused(rig: Rig, method: str, path: str) -> None:
    answer = rig.http.request(method, path)

    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_parameter")


def _picture(answer: httpx.Response) -> Image.Image:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/jpeg"
    image = Image.open(io.BytesIO(answer.content))
    image.load()
    return image


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def _is_red(pixel: object) -> bool:
    assert isinstance(pixel, tuple)
    return bool(pixel[0] > pixel[2])
