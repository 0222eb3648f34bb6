from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine

from data_storage_service.due_jobs import DueJob
from data_storage_service.outcomes import Saved
from facepipe.domain.analysis import AgeGenderPart, LandmarksPart
from facepipe.domain.status import Status
from facepipe.stages import StageName
from services.data_storage_service.tests.rig import Rig
from tests.support import store_samples as samples


class TestRegistering:
    def test_an_image_is_entered_once(self, rig: Rig) -> None:
        image_id = samples.image_id_of(1)
        image = samples.info(image_id)

        first = rig.ledger.register(image_id, image, samples.START, traceparent="00-a-b-01")
        again = rig.ledger.register(image_id, image, samples.START + timedelta(hours=1))

        assert (first.created, again.created) == (True, False)
        assert again.state == first.state
        assert first.state.status is Status.RECEIVED
        assert first.state.generation == 1
        assert first.state.image == image
        assert first.state.traceparent == "00-a-b-01"

    def test_what_redis_takes_is_queued_unless_a_stage_was_faster(self, rig: Rig) -> None:
        # given two images with a job to be sent, one of which was begun already
        first, second = rig.accept(1), rig.accept(2)
        jobs = rig.queries.unsent_jobs()
        rig.ledger.save_started(samples.run(second, StageName.LANDMARK))

        # when Redis has taken the jobs
        rig.ledger.sent(jobs)

        # then the states say so, and nothing is sent again
        assert rig.state(first).status is Status.QUEUED
        assert rig.state(second).status is Status.DETECTING
        assert rig.queries.unsent_jobs() == []

    def test_a_new_generation_drops_what_was_found(self, rig: Rig) -> None:
        # given an image with a part
        image_id = rig.accept()
        rig.ledger.save_part(samples.run(image_id, StageName.LANDMARK), samples.landmarks())

        # when it is started over
        fresh = rig.ledger.register(
            image_id, samples.info(image_id), samples.START, new_generation=True
        ).state

        # then nothing of it is left, and late parts are dropped
        state = rig.queries.joined(image_id).state
        assert fresh.generation == state.generation == 2
        assert (state.status, state.num_faces, state.timeline) == (Status.RECEIVED, None, ())
        assert state.parts == {}
        late = rig.ledger.save_part(samples.run(image_id, StageName.AGEGENDER), samples.agegender())
        assert late == Saved(accepted=False)

    def test_two_who_start_over_at_once_start_over_once(self, rig: Rig) -> None:
        image_id = rig.accept()

        states = [
            rig.ledger.register(
                image_id,
                samples.info(image_id),
                samples.START,
                new_generation=True,
                expected_generation=1,
            ).state
            for _ in range(2)
        ]

        assert [state.generation for state in states] == [2, 2]


class TestParts:
    def test_all_parts_make_it_ready_for_storage(self, rig: Rig) -> None:
        image_id = rig.accept()

        rig.ledger.save_started(samples.run(image_id, StageName.LANDMARK))
        assert rig.state(image_id).status is Status.DETECTING
        first = rig.ledger.save_part(samples.run(image_id, StageName.LANDMARK), samples.landmarks())
        assert rig.state(image_id).status is Status.ANALYSING
        second = rig.ledger.save_part(
            samples.run(image_id, StageName.AGEGENDER), samples.agegender()
        )

        assert first.accepted
        assert second.accepted
        assert [job.stage for job in (*first.due, *second.due)] == ["agegender", "storage"]
        assert rig.due(image_id) == ["landmark", "agegender", "storage"]
        state = rig.queries.joined(image_id).state
        assert state.status is Status.STORING
        assert state.num_faces == 1
        assert state.part(LandmarksPart) == samples.landmarks()
        assert state.part(AgeGenderPart) == samples.agegender()
        assert [run.stage for run in state.timeline] == ["landmark", "agegender"]

    def test_without_a_face_nothing_more_is_awaited(self, rig: Rig) -> None:
        image_id = rig.accept()

        rig.ledger.save_part(samples.run(image_id, StageName.LANDMARK), samples.landmarks(0))

        assert rig.due(image_id) == ["landmark", "storage"]
        assert rig.state(image_id).num_faces == 0

    def test_a_repeated_part_asks_for_no_second_job(self, rig: Rig) -> None:
        # given an image whose jobs were all sent
        image_id = rig.accept()
        rig.analyse(image_id)
        rig.ledger.sent(rig.queries.unsent_jobs())

        # when a part comes once more
        run = samples.run(image_id, StageName.AGEGENDER, attempt=2)
        again = rig.ledger.save_part(run, samples.agegender())

        # then there is nothing more to send
        assert again == Saved(accepted=True)
        assert rig.due(image_id) == []

    def test_a_repeated_part_of_a_stored_image_is_accepted_and_changes_nothing(
        self, rig: Rig
    ) -> None:
        image_id = rig.stored()
        before = rig.state(image_id)

        again = rig.ledger.save_part(
            samples.run(image_id, StageName.LANDMARK, attempt=2), samples.landmarks(3)
        )

        assert again == Saved(accepted=True)
        assert rig.state(image_id) == before

    def test_parts_of_an_unknown_image_are_dropped(self, rig: Rig) -> None:
        run = samples.run(samples.image_id_of(9), StageName.LANDMARK)

        assert not rig.ledger.save_started(run)
        assert not rig.ledger.save_part(run, samples.landmarks()).accepted

    def test_a_late_start_does_not_move_an_image_back(self, rig: Rig) -> None:
        image_id = rig.accept()
        rig.analyse(image_id)

        rig.ledger.save_started(samples.run(image_id, StageName.LANDMARK, attempt=2))

        assert rig.state(image_id).status is Status.STORING

    def test_a_run_is_open_until_its_part_comes(self, rig: Rig) -> None:
        image_id = rig.accept()
        run = samples.run(image_id, StageName.LANDMARK, detect=41.0)

        rig.ledger.save_started(run)
        (opened,) = rig.state(image_id).timeline
        rig.ledger.save_part(run, samples.landmarks())
        rig.ledger.save_started(run)
        (ended,) = rig.state(image_id).timeline

        assert opened.ended_at is None
        assert ended == run


class TestFailures:
    def test_without_landmarks_the_image_fails(self, rig: Rig) -> None:
        image_id = rig.accept()

        saved = rig.ledger.save_failure(samples.run(image_id, StageName.LANDMARK), samples.ERROR)

        assert saved.is_failed
        state = rig.state(image_id)
        assert (state.status, state.error) == (Status.FAILED, samples.ERROR)
        assert state.timeline[0].error == samples.ERROR

    def test_without_age_and_gender_it_goes_on(self, rig: Rig) -> None:
        image_id = rig.accept()
        rig.ledger.save_part(samples.run(image_id, StageName.LANDMARK), samples.landmarks())

        rig.ledger.save_failure(samples.run(image_id, StageName.AGEGENDER), samples.ERROR)

        assert rig.due(image_id)[-1] == "storage"
        assert rig.state(image_id).status is Status.STORING
        assert rig.queries.joined(image_id).failures == {StageName.AGEGENDER: samples.ERROR}

    def test_a_part_beats_the_report_that_it_would_not_come(self, rig: Rig) -> None:
        # given a worker that was given up, and finished after all
        image_id = rig.accept()
        rig.analyse(image_id)

        # when its failure arrives before or after its part
        for stage in (StageName.LANDMARK, StageName.AGEGENDER):
            assert rig.ledger.save_failure(samples.run(image_id, stage), samples.ERROR).accepted

        # then the part counts
        assert rig.state(image_id).status is Status.STORING
        assert rig.queries.joined(image_id).failures == {}

    def test_a_failure_of_an_older_generation_is_dropped(self, rig: Rig) -> None:
        image_id = rig.accept()
        rig.ledger.register(image_id, samples.info(image_id), samples.START, new_generation=True)

        assert not rig.ledger.save_failure(
            samples.run(image_id, StageName.LANDMARK), samples.ERROR
        ).accepted


class TestDeleting:
    def test_a_tombstone_knows_nothing_personal(self, rig: Rig) -> None:
        image_id = rig.stored()

        assert rig.ledger.delete(image_id)
        assert not rig.ledger.delete(image_id)

        state = rig.state(image_id)
        assert state.status is Status.DELETED
        assert state.image.file_name == ""
        assert state.image.width == state.image.size_bytes == 0
        assert (state.timeline, state.num_faces, state.traceparent) == ((), None, "")
        assert rig.queries.stats().faces == 0

    def test_who_still_works_on_it_finds_it_gone(self, rig: Rig) -> None:
        # given an image that is deleted while it is analysed
        image_id = rig.accept()
        rig.ledger.delete(image_id)
        image = samples.info(image_id)

        # when the stages, the reconciler and a late dispatcher come
        part = rig.ledger.save_part(samples.run(image_id, StageName.LANDMARK), samples.landmarks())
        rig.ledger.register(
            image_id, image, samples.START, new_generation=True, expected_generation=1
        )
        rig.ledger.sent([DueJob(image_id, 1, StageName.LANDMARK, False, "")])

        # then it stays deleted
        assert not part.accepted
        assert rig.state(image_id).status is Status.DELETED

    def test_sent_again_it_begins_anew(self, rig: Rig) -> None:
        image_id = rig.accept()
        rig.ledger.delete(image_id)

        state = rig.ledger.register(image_id, samples.info(image_id), samples.START).state

        assert state.status is Status.RECEIVED
        assert state.generation == 3
        assert state.image.file_name == "holiday.png"

    def test_an_unknown_image_cannot_be_deleted(self, rig: Rig) -> None:
        assert not rig.ledger.delete(samples.image_id_of(5))


@pytest.mark.parametrize("database", ["sqlite"])
@pytest.mark.parametrize("table", ["stage_parts", "stage_runs", "faces"])
def test_rows_of_an_image_are_found_by_an_index(engine: Engine, table: str) -> None:
    with engine.connect() as connection:
        query = f"EXPLAIN QUERY PLAN SELECT * FROM {table} WHERE image_id = 'x'"  # noqa: S608  # our own names
        (plan,) = connection.exec_driver_sql(query).all()

    assert plan.detail.startswith("SEARCH")


@pytest.mark.parametrize("database", ["sqlite"])
def test_the_ledger_is_a_write_ahead_log(engine: Engine) -> None:
    with engine.connect() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }

    assert pragmas == {"journal_mode": "wal", "synchronous": 1, "foreign_keys": 1}
