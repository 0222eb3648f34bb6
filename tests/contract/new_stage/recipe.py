"""The stage *sharpness*, added by the recipe in CONTRIBUTING.md: what goes into which file."""

from __future__ import annotations

import shutil
from pathlib import Path

ANALYSIS = "shared/src/facepipe/domain/analysis.py"
STAGES = "shared/src/facepipe/stages.py"

PART = '''
class Sharpness(_Model):
    value: float


class SharpnessPart(Part):
    """Result of the sharpness stage."""

    faces: list[Sharpness]
    model: ModelInfo

    @property
    def models(self) -> dict[str, ModelInfo]:
        return {"sharpness": self.model}


class _Indexed(_Model):
'''

SPEC = """        is_required=False,
    ),
    StageSpec(
        StageName.SHARPNESS,
        "sharpness_service.jobs.measure",
        Status.ANALYSING,
        SharpnessPart,
        needs=(StageName.LANDMARK,),
        per_face=True,
        is_required=False,
    ),
)
"""

BLOCK = """  sharpness_service:
    <<: *service
    image: facepipe/sharpness_service
    build: {context: ., args: {FOLDER: services/sharpness_service, PORT: 8007}}
    environment: *environment
    depends_on: *needs
    volumes:
      - ./volumes/inbox:/volumes/inbox:ro
      - ./volumes/saved_data:/volumes/saved_data:ro
      - ./volumes/secrets:/volumes/secrets:ro
      - ./volumes/secrets/sharpness_service:/secrets:ro

  plotter_service:
"""

# File, a piece of it that stands there once, and what takes its place.
EDITS = (
    (STAGES, 'AGEGENDER = "agegender"\n', 'AGEGENDER = "agegender"\n    SHARPNESS = "sharpness"\n'),
    (STAGES, "        is_required=False,\n    ),\n)\n", SPEC),
    (STAGES, "LandmarksPart, Part\n", "LandmarksPart, Part, SharpnessPart\n"),
    (ANALYSIS, "\nclass _Indexed(_Model):\n", PART),
    (
        ANALYSIS,
        "    agegender_error: PartError | None = None\n",
        "    agegender_error: PartError | None = None\n"
        "    sharpness: Sharpness | None = None\n"
        "    sharpness_error: PartError | None = None\n",
    ),
    (
        ANALYSIS,
        "    agegender: ModelInfo | None = None\n",
        "    agegender: ModelInfo | None = None\n    sharpness: ModelInfo | None = None\n",
    ),
    (
        "shared/src/facepipe/system/settings.py",
        "    agegender: int = 8002\n",
        "    agegender: int = 8002\n    sharpness: int = 8007\n",
    ),
    (
        "shared/src/facepipe/queue/redis_acl.py",
        '    "agegender_service": Grant.of("get", *_PIXELS),\n',
        '    "agegender_service": Grant.of("get", *_PIXELS),\n'
        '    "sharpness_service": Grant.of("get", *_PIXELS),\n',
    ),
    ("docker-compose.yml", "  plotter_service:\n", BLOCK),
)  # fmt: skip


def follow(tree: Path) -> list[str]:
    """Adds the stage to a copy of the repository; returns the hand-written files it touched."""
    touched = []
    for name, old, new in EDITS:
        path = tree / name
        text = path.read_text()
        assert text.count(old) == 1, f"{name} has not exactly one {old!r}: mend the recipe"
        path.write_text(text.replace(old, new))
        touched.append(name)
    service = tree / "services" / "sharpness_service"
    shutil.copytree(Path(__file__).with_name("sharpness_service"), service)
    touched += [str(path.relative_to(tree)) for path in service.rglob("*") if path.is_file()]
    return sorted({name for name in touched if not name.endswith("__init__.py")})
