"""Where files are kept: what a setting may say, and where the key of a bucket comes from."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from facepipe.domain.errors import MisconfiguredError
from facepipe.system.files_settings import FilesSettings


def test_a_folder_needs_no_library_of_buckets() -> None:
    program = (
        "import sys, facepipe.files.store.opening as o, facepipe.system.settings as s;"
        "o.open_files(s.Settings()); assert 'obstore' not in sys.modules"
    )

    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize("url", ["volumes", "file://host/x", "s3://", "s3://somebody@bucket"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValidationError) as refused:
        FilesSettings(url=url)

    assert "s3://bucket/prefix" in str(refused.value)


def test_id_and_secret_of_the_key_come_from_files_as_well(tmp_path: Path) -> None:
    # given a setting that names two files
    files = {half: tmp_path / half for half in ("id", "secret")}
    settings = FilesSettings(
        url="s3://b/a/b/", key_id_file=files["id"], key_secret_file=files["secret"]
    )

    # then a file that is missing, or empty, is named, and nobody goes on without a key
    for half, file in files.items():
        name = f"FACEPIPE_FILES_KEY_{half.upper()}_FILE"
        with pytest.raises(MisconfiguredError, match=f"{name}=.* cannot be read"):
            settings.key()
        file.write_text("\n")
        with pytest.raises(MisconfiguredError, match=f"{name}=.* is empty"):
            settings.key()
        file.write_text(f"{half} of the key\n")

    # and what they hold is the key
    assert settings.key() == ("id of the key", "secret of the key")
    assert (settings.bucket, settings.prefix) == ("b", "a/b/")


def test_half_a_key_is_refused_and_none_is_that_of_the_machine() -> None:
    for half in ("key_id", "key_secret"):
        with pytest.raises(MisconfiguredError, match="or neither"):
            FilesSettings.model_validate({"url": "s3://b", half: "half"}).key()

    assert FilesSettings(url="s3://b").key() is None


def test_a_folder_is_named_by_its_address(tmp_path: Path) -> None:
    folder = FilesSettings(url=(tmp_path / "a b").as_uri()).folder(Path("volumes"))

    assert folder == tmp_path / "a b"
