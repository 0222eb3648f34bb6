"""Conversions of what is told of many images at once: statistics, and reanalyses."""

from __future__ import annotations

from dataclasses import asdict, fields
from datetime import datetime

from facepipe.domain.analysis import Gender
from facepipe.domain.status import Status
from facepipe.ledger.messages import (
    error_from_pb,
    error_to_pb,
    timestamp_from_pb,
    timestamp_to_pb,
)
from facepipe.ledger.states import (
    Accuracy,
    Difference,
    ReanalysedImage,
    Reanalysis,
    ReanalysisState,
    Stats,
)
from facepipe.v1 import face_store_pb2 as pb


def stats_to_pb(stats: Stats) -> pb.Stats:
    return pb.Stats(
        images_by_status={str(key): value for key, value in stats.images_by_status.items()},
        accepted=stats.accepted,
        faces=stats.faces,
        faces_by_gender={str(key): value for key, value in stats.faces_by_gender.items()},
        stored_last_hour=stats.stored_last_hour,
        revision=stats.revision,
        accuracy=pb.Accuracy(**asdict(stats.accuracy)),
        paused_at=timestamp_to_pb(stats.paused_at),
    )


def stats_from_pb(message: pb.Stats) -> Stats:
    return Stats(
        images_by_status={Status(key): value for key, value in message.images_by_status.items()},
        accepted=message.accepted,
        faces=message.faces,
        faces_by_gender={Gender(key): value for key, value in message.faces_by_gender.items()},
        stored_last_hour=message.stored_last_hour,
        revision=message.revision,
        accuracy=_accuracy_from_pb(message.accuracy),
        paused_at=paused_at_from_pb(message),
    )


def paused_at_from_pb(message: pb.Stats | pb.QueueState) -> datetime | None:
    return timestamp_from_pb(message.paused_at) if message.HasField("paused_at") else None


def _accuracy_from_pb(message: pb.Accuracy) -> Accuracy:
    has_ages = message.HasField("age_error_years")
    return Accuracy(
        images=message.images,
        found=message.found,
        not_faces=message.not_faces,
        missed=message.missed,
        ages=message.ages,
        age_error_years=message.age_error_years if has_ages else None,
        genders=message.genders,
        genders_right=message.genders_right,
    )


def reanalysis_to_pb(found: Reanalysis) -> pb.Reanalysis:
    return pb.Reanalysis(
        reanalysis_id=found.reanalysis_id,
        created_at=timestamp_to_pb(found.created_at),
        images={str(state): count for state, count in found.images.items()},
        difference=pb.Difference(**asdict(found.difference)),
        changed=[
            pb.ReanalysedImage(
                image_id=image.image_id,
                state=image.state,
                difference=pb.Difference(**asdict(image.difference)),
                error=error_to_pb(image.error),
            )
            for image in found.changed
        ],
        next_cursor=found.next_cursor,
    )


def reanalysis_from_pb(message: pb.Reanalysis) -> Reanalysis:
    return Reanalysis(
        reanalysis_id=message.reanalysis_id,
        created_at=timestamp_from_pb(message.created_at),
        images={state: message.images.get(state, 0) for state in ReanalysisState},
        difference=_difference_from_pb(message.difference),
        changed=tuple(
            ReanalysedImage(
                image.image_id,
                ReanalysisState(image.state),
                _difference_from_pb(image.difference),
                error_from_pb(image.error),
            )
            for image in message.changed
        ),
        next_cursor=message.next_cursor,
    )


def _difference_from_pb(message: pb.Difference) -> Difference:
    return Difference(**{one.name: getattr(message, one.name) for one in fields(Difference)})
