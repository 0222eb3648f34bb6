"""Statuses and doubts in words, for people. Clients carry a copy that `make format` writes."""

from __future__ import annotations

from facepipe.domain.analysis import Doubt
from facepipe.domain.status import Status

STATUS_WORDS = {
    Status.RECEIVED: "received",
    Status.QUEUED: "waiting for a worker",
    Status.DETECTING: "looking for faces",
    Status.ANALYSING: "estimating age and gender",
    Status.STORING: "saving the result",
    Status.STORED: "done",
    Status.PARTIAL: "done, with a part missing",
    Status.FAILED: "failed",
    Status.DELETED: "deleted",
}

DOUBT_WORDS = {
    Doubt.SWITCHED_OFF: "age and gender are switched off",
    Doubt.STAGE_FAILED: "the age and gender stage failed",
    Doubt.SMALL_FACE: "the face is small",
    Doubt.BLURRED: "the face is blurred",
    Doubt.TURNED_AWAY: "the face is turned away",
    Doubt.NO_LANDMARKS: "no landmarks were found",
    Doubt.LOW_CONFIDENCE: "the detector is not sure",
    Doubt.NOT_A_FACE: "it may be no human face",
    Doubt.MOUTH_COVERED: "the mouth is covered",
    Doubt.EYES_COVERED: "the eyes are covered",
    Doubt.BADLY_EXPOSED: "the face is badly exposed",
    Doubt.DISTORTED: "the face is stretched",
    Doubt.WIDE_AGE_RANGE: "the age range is wide",
    Doubt.UNCERTAIN_GENDER: "the gender is uncertain",
}
