from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from facepipe.make_secrets import Vault


def test_the_ledger_is_told_the_password_that_postgresql_has(tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    vault.share_database("postgres")
    vault.share_database("postgres")  # as at every further start

    password = (tmp_path / "postgres/password").read_text().strip()
    url = urlsplit((tmp_path / "data_storage_service/database-url").read_text().strip())

    assert len(password) >= 32
    assert (url.username, url.password, url.hostname) == ("facepipe", password, "postgres")
