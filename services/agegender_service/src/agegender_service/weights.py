"""Where the weights are, by setting, and whether they are intact."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from agegender_service.settings import AgeGenderServiceSettings, WeightsChoice
from facepipe.domain.analysis import ModelInfo
from facepipe.domain.errors import ModelNotFoundError
from facepipe.files.models import ModelFile, project_models_dir, read_model, read_recorded_model
from facepipe.system.settings import Settings

# One graph with both answers.
JOINT_FILE = "age_gender.onnx"
# DeepFace's own names; it finds weights by them.
AGE_FILE = "age_model_weights.onnx"
GENDER_FILE = "gender_model_weights.onnx"

_PROJECT_CHOICES = (WeightsChoice.OPEN, WeightsChoice.RESEARCH)


@dataclass(frozen=True, slots=True)
class Weights:
    """The files of both answers, verified; one and the same where a graph gives both."""

    age: ModelFile
    gender: ModelFile

    @property
    def are_joint(self) -> bool:
        return self.age == self.gender

    @property
    def info(self) -> ModelInfo:
        """As it stands in the result document: both names and checksums, age first."""
        names = dict.fromkeys((self.age.name, self.gender.name))
        checksums = dict.fromkeys((self.age.sha256, self.gender.sha256))
        return ModelInfo(name=" + ".join(names), sha256="+".join(checksums))


def deepface_folder(settings: Settings) -> Path:
    """Where DeepFace's own weights are kept after `make fetch-deepface`."""
    return settings.volumes.models / "deepface"


def weights_folder(settings: AgeGenderServiceSettings) -> Path:
    """The folder in which the chosen weights are looked for; not to be asked for `none`."""
    choice = settings.agegender.weights
    if choice not in _PROJECT_CHOICES:
        return deepface_folder(settings)
    return project_models_dir(settings) / "age_gender" / choice


def find_weights(settings: AgeGenderServiceSettings) -> Weights:
    """The chosen weights, checked against their records.

    They are one file where there is one with both answers, and else two.

    Raises:
        ModelNotFoundError: a file or its record is missing; the message says what to do.
        ModelCorruptError: a file does not match its recorded checksum.
    """
    folder = weights_folder(settings)
    is_ours = settings.agegender.weights in _PROJECT_CHOICES
    paths = [folder / name for name in (AGE_FILE, GENDER_FILE)]
    is_split = any(path.is_file() for path in paths) or not is_ours
    if (folder / JOINT_FILE).is_file() or not is_split:
        paths = [folder / JOINT_FILE] * 2
    missing = [str(path) for path in dict.fromkeys(paths) if not path.is_file()]
    if missing:
        raise ModelNotFoundError(
            f"no age and gender weights: {' and '.join(missing)} not there. "
            + _remedy(settings.agegender.weights)
        )
    read = read_recorded_model if is_ours else read_model
    return Weights(*map(read, paths))


def _remedy(choice: WeightsChoice) -> str:
    if choice is WeightsChoice.DEEPFACE:
        return "Run `make fetch-deepface` (about 1.1 GB)."
    return (
        "They come with the project's models/ folder (FACEPIPE_MODEL_DIR names another); or "
        "run `make fetch-deepface` and set FACEPIPE_AGEGENDER_WEIGHTS=deepface. "
        "FACEPIPE_AGEGENDER_WEIGHTS=none does without age and gender."
    )
