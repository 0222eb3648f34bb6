from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from facepipe.domain.analysis import Gender
from facepipe.domain.errors import ImageNotFoundError, InvalidRequestError
from facepipe.domain.face_fields import conditions_of
from facepipe.domain.status import Status
from facepipe.ledger.states import ImageState, ListQuery, Sort
from facepipe.stages import StageName
from services.data_storage_service.tests.rig import Rig
from tests.support import store_samples as samples


def with_face(**filters: object) -> ListQuery:
    return ListQuery(faces=conditions_of(filters))


class TestReading:
    def test_pages_follow_each_other_newest_first(self, rig: Rig) -> None:
        # given 25 images, some of the same moment
        ids = [samples.image_id_of(number) for number in range(25)]
        for number, image_id in enumerate(ids):
            received_at = samples.START + timedelta(seconds=number // 3)
            rig.ledger.register(image_id, samples.info(image_id), received_at)

        # when they are listed in pages of seven
        seen: list[ImageState] = []
        cursor, pages = "", 0
        while True:
            page = rig.queries.page(ListQuery(limit=7, cursor=cursor))
            seen += page.images
            pages += 1
            assert pages <= len(ids)
            if not (cursor := page.next_cursor):
                break

        # then each comes once, newest first
        assert pages == 4
        assert sorted(state.image_id for state in seen) == sorted(ids)
        moments = [state.received_at for state in seen]
        assert moments == sorted(moments, reverse=True)

    @pytest.mark.parametrize("sort", Sort)
    def test_every_order_is_the_same_in_pages_as_at_once(self, rig: Rig, sort: Sort) -> None:
        # given images whose names differ in case, some with and some without faces
        for number, name in enumerate(("b.png", "A.png", "a.png", "B2.png", "_.png", "é.png")):
            image_id = samples.image_id_of(number)
            image = samples.info(image_id).model_copy(update={"file_name": name})
            rig.ledger.register(image_id, image, samples.START + timedelta(seconds=number // 2))
            if number % 2:
                run = samples.run(image_id, StageName.LANDMARK)
                rig.ledger.save_part(run, samples.landmarks(number))

        at_once = rig.queries.page(ListQuery(limit=50, sort=sort)).images
        paged: list[ImageState] = []
        cursor = ""
        while len(paged) <= len(at_once):
            page = rig.queries.page(ListQuery(limit=1, cursor=cursor, sort=sort))
            paged += page.images
            if not (cursor := page.next_cursor):
                break

        assert [state.image_id for state in paged] == [state.image_id for state in at_once]
        assert len(paged) == 6
        if sort is Sort.NAME:
            names = [s.image.file_name for s in at_once if s.image.file_name[0].isascii()]
            assert [name.lower() for name in names] == [
                "_.png",
                "a.png",
                "a.png",
                "b.png",
                "b2.png",
            ]

    def test_age_and_gender_must_fit_the_same_face(self, rig: Rig) -> None:
        # given a picture of a young woman and an old man, and one of an old woman
        pair = samples.agegender(samples.estimate(20), samples.estimate(70, Gender.MALE))
        couple = rig.stored(1, faces=2, part=pair)
        woman = rig.stored(2, part=samples.agegender(samples.estimate(70)))
        rig.stored(3, faces=0)

        def found(query: ListQuery) -> set[str]:
            return {state.image_id for state in rig.queries.page(query).images}

        assert found(with_face(min_age=60, gender="female")) == {woman}
        assert found(with_face(min_age=60)) == {couple, woman}
        assert found(with_face(max_age=30)) == {couple}
        assert found(with_face(gender="male")) == {couple}
        assert found(ListQuery(min_faces=1, max_faces=1)) == {woman}
        assert found(ListQuery(min_faces=0)) >= {couple, woman}
        assert found(ListQuery(received_after=samples.START)) == set()

    def test_an_image_is_counted_once_whichever_of_its_faces_fit(self, rig: Rig) -> None:
        # given images of two faces: both old, the second one, the first one; and one without
        ages = [(70, 80), (20, 80), (80, 20)]
        for number, pair in enumerate(ages):
            part = samples.agegender(*(samples.estimate(age) for age in pair))
            rig.stored(number, faces=2, part=part)
        rig.stored(7, faces=0)

        def counted(query: ListQuery) -> int | None:
            return rig.queries.page(replace(query, limit=1, with_total=True)).total

        assert counted(ListQuery()) == 4
        assert counted(with_face(min_age=60)) == 3
        assert counted(with_face(min_age=75)) == 3
        assert counted(with_face(max_age=75, min_age=60)) == 1
        assert counted(replace(with_face(min_age=60), min_faces=3)) == 0
        assert counted(replace(with_face(min_age=60), statuses=(Status.STORED,))) == 3

        # when one is deleted, then it no longer counts
        rig.ledger.delete(samples.image_id_of(0))
        assert counted(with_face(min_age=60)) == 2
        assert counted(ListQuery()) == 3

    def test_reliable_and_quality_are_asked_of_a_face(self, rig: Rig) -> None:
        # given a picture with a good face and one with a doubtful one
        doubtful = samples.estimate().model_copy(
            update={"reliable": False, "age_reliable": False, "quality": 0.2}
        )
        sure = samples.estimate().model_copy(update={"age_reliable": True, "quality": 0.9})
        good = rig.stored(1, part=samples.agegender(sure))
        poor = rig.stored(2, part=samples.agegender(doubtful))

        def found(**filters: Any) -> set[str]:
            return {state.image_id for state in rig.queries.page(with_face(**filters)).images}

        assert found(reliable=True) == found(age_reliable=True) == {good}
        assert found(reliable=False) == {poor}
        assert found(min_quality=0.5) == {good}
        assert found(max_quality=0.5) == {poor}
        assert found(min_quality=0.1) == {good, poor}

    def test_deleted_images_are_listed_only_when_asked_for(self, rig: Rig) -> None:
        image_id = rig.accept()
        rig.ledger.delete(image_id)

        assert rig.queries.page(ListQuery()).images == ()
        (gone,) = rig.queries.page(ListQuery(statuses=(Status.DELETED,))).images
        assert gone.image_id == image_id

    @pytest.mark.parametrize("cursor", ["x", "!!!", "AAAA", "OTk5OTk5OTk5OTk5OTk5OTk5OS54"])
    def test_a_foreign_cursor_is_refused(self, rig: Rig, cursor: str) -> None:
        with pytest.raises(InvalidRequestError):
            rig.queries.page(ListQuery(cursor=cursor))

    def test_numbers_add_up(self, rig: Rig) -> None:
        rig.stored(1)
        rig.accept(2)
        rig.ledger.delete(rig.accept(3))

        stats = rig.queries.stats()

        assert stats.accepted == sum(stats.images_by_status.values()) == 3
        assert stats.images_by_status == {
            Status.STORED: 1,
            Status.RECEIVED: 1,
            Status.DELETED: 1,
        }
        assert stats.faces_by_gender == {Gender.FEMALE: 1}
        assert stats.stored_last_hour == 1

    def test_changes_are_seen_in_order_and_once(self, rig: Rig) -> None:
        first, second = rig.accept(1), rig.accept(2)
        states, seen = rig.queries.changed(0)
        assert [state.image_id for state in states] == [first, second]

        rig.ledger.save_started(samples.run(first, StageName.LANDMARK))
        states, seen = rig.queries.changed(seen)
        assert [(state.image_id, state.status) for state in states] == [(first, Status.DETECTING)]
        assert rig.queries.changed(seen) == ([], seen)
        assert rig.queries.changed(0, [second])[0][0].image_id == second

    def test_an_unknown_image_is_not_found(self, rig: Rig) -> None:
        with pytest.raises(ImageNotFoundError):
            rig.queries.get(samples.image_id_of(1))


@pytest.mark.parametrize("database", ["sqlite"])
def test_pages_are_found_by_an_index(engine: Engine) -> None:
    query = (
        "EXPLAIN QUERY PLAN SELECT * FROM images WHERE (received_at, image_id) < (5, 'x') "
        "ORDER BY received_at DESC, image_id DESC LIMIT 50"
    )
    with engine.connect() as connection:
        plan = [row.detail for row in connection.exec_driver_sql(query)]

    assert all("images_newest" in line for line in plan), plan
