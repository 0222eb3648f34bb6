"""`make demo`: from nothing to the faces of a photograph."""

from __future__ import annotations

from pathlib import Path

from facepipe.web.visible import visible
from facepipe_client import (
    WITH_RESULT,
    BusyError,
    Client,
    ClientError,
    ImageState,
    RefusedError,
    Status,
    WaitTimeoutError,
)
from tools.paths import VENVS
from tools.stack.configuration import Stack
from tools.stack.errors import StackError
from tools.stack.lifecycle import start
from tools.stack.report import describe
from tools.stack.services import SERVICES

_INPUT = next(s for s in SERVICES if s.name == "input_service")
_VIEWER = next(s for s in SERVICES if s.name == "gradio_viewer")
_WAIT_S = 120


def demo(stack: Stack, own_photo: str) -> int:
    """Analyses a photograph and prints what was found, and by which models.

    Returns 0 when it did; for the demo's own portrait only if a face came out, with all parts.
    """
    photo = _photo(own_photo)
    start(stack)
    print(f"\nsending {visible(photo.name)}", flush=True)
    with Client(stack.address(_INPUT), verify=stack.trust) as api:
        image_id = _send(api, photo)
        state = _finished(api, image_id)
        reason = state.error.message if state.error else ""
        if state.status not in WITH_RESULT:
            raise StackError(f"the photograph could not be analysed: {reason}")
        document = api.result(image_id)
    print()
    for line in describe(document):
        print(f"  {line}")
    if state.status == Status.PARTIAL:
        print(f"  incomplete: {reason or 'a part is missing'}")
    models = [model.name for _, model in document.models if model is not None]
    print(f"\n  models     {', '.join(models)}")
    saved = stack.volumes / "saved_data"
    print(f"  result     {saved / f'{image_id}.json'}")
    print(f"  annotated  {saved / f'{image_id}.jpg'}")
    print(f"  viewer     {stack.address(_VIEWER)}   (`make stop` ends everything)\n")
    is_whole = state.status == Status.STORED and bool(document.faces)
    return 0 if is_whole or own_photo else 1


def astronaut() -> Path:
    """A portrait of Eileen Collins by NASA, in the public domain; scikit-image carries it."""
    found = list((VENVS / "tools").glob("lib/python*/site-packages/skimage/data/astronaut.png"))
    if not found:
        raise StackError("the photograph of the demo is missing: run `make setup`")
    return found[0]


def _photo(own: str) -> Path:
    if not own:
        return astronaut()
    path = Path(own).expanduser()
    if not path.is_file():
        raise StackError(f"there is no file {path}")
    return path


def _send(api: Client, photo: Path) -> str:
    try:
        return api.upload(photo).image_id
    except RefusedError as error:
        raise StackError(f"{photo.name} was not accepted: {error}") from error
    except BusyError as error:
        raise StackError(f"the pipeline is busy, try again later: {error}") from error
    except ClientError as error:
        raise StackError(f"the input API had a fault: {error}; `make logs` says more") from error


def _finished(api: Client, image_id: str) -> ImageState:
    try:
        return api.wait(image_id, _WAIT_S)
    except WaitTimeoutError as error:
        raise StackError(f"{error}: `make status` and `make logs` say more") from error
