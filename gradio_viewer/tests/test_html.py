"""Formatting: what a person reads, and that nothing a user sends becomes markup."""

from __future__ import annotations

import doctest
from typing import Any

import pytest

from facepipe_client.documents import Models
from gradio_viewer import (
    contours,
    face_html,
    image_html,
    list_html,
    markup,
    plots_html,
    trace_html,
    words,
)
from gradio_viewer.address import Place
from gradio_viewer.list_html import Upload
from tests.support.fake_documents import document, trace_document
from tests.support.fake_input_api import FakeApi

HOSTILE = "\"><img src=x onerror=alert(1)>'.jpg"


@pytest.mark.parametrize("module", [words, markup])
def test_examples_in_docstrings_hold(module: Any) -> None:
    assert doctest.testmod(module).failed == 0


def test_file_name_is_text_everywhere() -> None:
    # given
    fake = FakeApi()
    image = fake.images[fake.add(HOSTILE)]
    # when
    pages = [
        list_html.gallery([image], {}),
        list_html.progress([Upload(HOSTILE, "stored", image["image_id"], 1, HOSTILE)]),
        image_html.image_view({**image, "error": {"code": "x", "message": HOSTILE}}, None),
        trace_html.trace(
            {"spans": [], "logs": [{"time": HOSTILE, "level": HOSTILE, "message": HOSTILE}]}
        ),
        trace_html.trace({"spans": [{"name": HOSTILE, "time": "2026-11-22T20:12:00Z"}]}),
    ]
    # then
    for page in pages:
        assert "onerror" in page
        assert "<img src=x" not in page


def test_image_view_marks_every_face() -> None:
    # given
    fake = FakeApi()
    image_id = fake.add("family.jpg")
    # when
    html = image_html.image_view(fake.images[image_id], document(image_id))
    # then
    assert html.count('class="fp-box"') == 2
    assert html.count('class="fp-points"') == 1
    assert html.count('class="fp-number"') == 2
    assert html.count('data-face="1"') == 2  # box and card have the same number
    assert 'viewBox="0 0 800 600"' in html
    assert f"/files/{image_id}/annotated.jpg" in html
    assert f"/files/{image_id}/result.json" in html


def test_face_card_says_why_an_estimate_is_doubtful() -> None:
    html = face_html.face_cards("ab" * 32, document("ab" * 32))
    assert "28 years</strong>" in html
    assert "23\u201334" in html
    assert 'style="left:23.0%;width:11.0%"' in html  # the interval on a line of a hundred years
    assert "98 %" in html
    assert "Not reliable: the face is small; no landmarks were found" in html
    assert "A larger picture of the face helps." in html
    assert "Age not judged" in html


@pytest.mark.parametrize(
    ("pose", "told"),
    [
        ({"yaw": 31.6, "pitch": -4.2, "roll": 0.3}, "head turned right 32°, looks down 4°"),
        (
            {"yaw": -12.0, "pitch": 8.0, "roll": -90.0},
            "turned left 12°, looks up 8°, tilted left 90°",
        ),
        ({"yaw": 0.2, "pitch": -0.3, "roll": 0.0}, "head straight"),
    ],
)
def test_face_card_says_which_way_the_head_is_turned(pose: dict[str, float], told: str) -> None:
    # given
    result = document("ab" * 32)
    # when
    bare = face_html.face_cards("ab" * 32, result)
    result["faces"][0]["pose"] = pose
    # then
    assert "head " not in bare
    assert told in face_html.face_cards("ab" * 32, result)


def test_image_without_a_face_says_so() -> None:
    assert "No face was found" in face_html.face_cards("ab" * 32, {"faces": []})


def test_failed_image_says_why() -> None:
    # given
    fake = FakeApi()
    error = {"code": "model_not_found", "message": "the weights are missing"}
    image = fake.images[fake.add("a.jpg", "failed", error=error)]
    # when / then
    assert "the weights are missing" in image_html.image_view(image, None)


def test_shown_document_has_short_landmark_lists() -> None:
    shown = image_html.shortened(document("ab" * 32))
    assert shown["faces"][0]["landmarks"][2] == "... 476 more"
    assert shown["faces"][1]["landmarks"] == []


def test_spans_are_ordered_as_a_tree() -> None:
    # given
    spans = trace_document("x")["spans"]
    orphan = {"name": "late", "span_id": "z", "parent_id": "gone", "time": "2026-11-23"}
    circle = [
        {"name": "egg", "span_id": "1", "parent_id": "2", "time": ""},
        {"name": "hen", "span_id": "2", "parent_id": "1", "time": ""},
    ]
    # when
    rows = trace_html.ordered([*spans[::-1], orphan, *circle])
    # then
    assert [(depth, span["name"]) for depth, span in rows] == [
        (0, "receive"),
        (1, "find_faces"),
        (2, "detect"),
        (1, "estimate"),
        (0, "late"),
    ]


def test_bars_stand_on_a_common_time_axis() -> None:
    html = trace_html.trace(trace_document("x"))
    assert "left:0.00%;width:100.00%" in html
    assert "left:12.50%;width:50.00%" in html
    assert "fp-track fp-bad" in html


def bars(name: str, **more: Any) -> dict[str, Any]:
    series = [{"name": "female", "values": [0, 2, 1, 0]}]
    return {"name": name, "categories": ["0-4", "5-9", "10-14", "15-19"], "series": series, **more}


def test_plots_with_odd_names_and_those_without_a_number_are_left_out() -> None:
    empty = {**bars("confidence"), "series": [{"name": "faces", "values": [0, 0, 0, 0]}]}
    html = plots_html.plots([bars("../etc"), empty, bars("age_by_gender", title="Ages")])
    assert "etc" not in html
    assert "confidence" not in html
    assert "Ages" in html


def test_a_bar_leads_to_its_images_and_empty_ends_are_cut() -> None:
    html = plots_html.plots([bars("age_by_gender", stacked=True)])
    assert "?tab=results&amp;gender=female&amp;min_age=5&amp;max_age=9" in html
    assert "height:50.00%" in html
    assert "0-4" not in html


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ({}, Place()),
        ({"tab": "plots"}, Place("plots")),
        ({"tab": "<b>", "x": "1"}, Place()),
        ({"image": "ab" * 32, "tab": "plots"}, Place("image", "ab" * 32)),
        ({"image": "../etc"}, Place("image", is_broken=True)),
        (
            {"tab": "results", "gender": " female ", "min_age": "", "cursor": "c", "limit": "9"},
            Place("results", search={"gender": "female"}, cursor="c"),
        ),
    ],
)
def test_an_address_is_read_whatever_stands_there(query: dict[str, str], place: Place) -> None:
    assert Place.of(query.items()) == place


def test_contours_need_all_landmarks() -> None:
    points = [{"x": float(n), "y": 0.0} for n in range(478)]
    assert contours.svg_path(points).count("M") == 9
    assert contours.svg_path(points[:468]) == ""


@pytest.mark.parametrize(
    ("confidence", "said"), [(None, "Gender not judged"), (0.61, "Gender uncertain")]
)
def test_an_uncertain_gender_differs_from_one_that_nobody_judged(
    confidence: float | None, said: str
) -> None:
    estimate = {"gender": "unknown", "gender_confidence": confidence}

    assert said in str(face_html._gender(estimate))


def test_what_was_read_of_a_damaged_file_is_said_wherever_the_image_is_shown() -> None:
    # given an image of which a part could be read
    fake = FakeApi()
    image_id = fake.add("half.jpg")
    image = fake.images[image_id]
    image["image"] = {**image["image"], "damaged": True, "decoded_share": 0.596}
    upload = Upload("half.jpg", image_id=image_id)
    upload.update(image)
    # when it is shown
    alone = image_html.image_view(image, document(image_id))
    row, tile = list_html.progress([upload]), list_html.gallery([image], {})
    # then each place says so
    assert "damaged: 60 % of it could be read" in alone
    assert "faces; damaged: 60 %" in row
    assert "\u00b7 damaged" in tile


def test_a_card_says_why_landmarks_were_taken_away() -> None:
    # given a face that is covered in part
    found = document("ab" * 32)
    found["faces"][1]["landmarks_error"] = {"code": "landmarks_occluded", "message": "covered"}
    # then its card does not say that none were found
    assert "no landmarks, as the face is covered in part" in face_html.face_cards("ab" * 32, found)


def test_labels_below_columns_are_no_more_than_can_be_read() -> None:
    # given columns as many as one can have a number over each
    plot = {
        "name": "images_over_time",
        "categories": [f"29 Nov 18:{minute}" for minute in range(10, 22)],
        "series": [{"name": "images", "values": [1] * 12}],
    }
    # when their labels are long
    html = plots_html.plots([plot])
    # then some are left out, and no number is
    assert html.count("<span>29 Nov") == 4
    assert html.count("<b ") == 12


def test_each_part_of_a_result_has_a_plain_name() -> None:
    assert set(words.PARTS) == set(Models.model_fields)
