"""What alembic runs its steps in: the transaction of whoever opens the ledger."""

from __future__ import annotations

from alembic import context

from data_storage_service.database.versions import VERSION_TABLE
from data_storage_service.schema import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table=VERSION_TABLE,
)
context.run_migrations()
