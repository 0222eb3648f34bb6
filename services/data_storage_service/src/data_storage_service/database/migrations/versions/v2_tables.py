"""The tables as they were when alembic came; of SQLite's versions 0 and 1, what these lack.

What an older version leaves in flight starts over.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Connection,
    Double,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    String,
    Table,
    false,
    inspect,
    text,
)
from sqlalchemy.schema import CreateColumn

revision = "2"
down_revision = None

_ALL = MetaData()
_EMPTY = text("''")


def _number(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False)


def _text(name: str, *, key: bool = False) -> Column[str]:
    return Column(name, String, nullable=False, primary_key=key)


def _of_image() -> Column[str]:
    to_image = ForeignKey("images.image_id", ondelete="CASCADE")
    return Column("image_id", String, to_image, primary_key=True)


def _some(name: str, rows: str, *columns: str) -> Index:
    return Index(name, *columns, sqlite_where=text(rows), postgresql_where=text(rows))


Table(
    "images", _ALL,
    _text("image_id", key=True),
    _number("generation"),
    _text("status"),
    _text("file_name"),
    _text("format"),
    _number("width"),
    _number("height"),
    _number("orientation_applied"),
    _number("size_bytes"),
    Column("damaged", Boolean, nullable=False, server_default=false()),
    Column("decoded_share", Double, nullable=False, server_default=text("1")),
    Column("frame", BigInteger, nullable=False, server_default=text("0")),
    Column("preview", Boolean, nullable=False, server_default=false()),
    Column("external_id", String, nullable=False, server_default=_EMPTY),
    Column("tags", String, nullable=False, server_default=_EMPTY),
    Column("folder", String, nullable=False, server_default=_EMPTY),
    Column("options", String, nullable=False, server_default=_EMPTY),
    _number("received_at"),
    _number("updated_at"),
    Column("num_faces", BigInteger),
    _text("error_code"),
    _text("error_message"),
    _text("traceparent"),
    Column("is_urgent", Boolean, nullable=False, server_default=false()),
    Column("completed_at", BigInteger),
    Column("faces_version", BigInteger, nullable=False, server_default=text("0")),
    Column("again", String, nullable=False, server_default=_EMPTY),
    Column("begun_again_at", BigInteger),
    Column("is_settled", Boolean, nullable=False),
    _number("revision"),
    Column("corrected", Boolean, nullable=False, server_default=false()),
    Index("images_newest", "received_at", "image_id"),
    Index("images_status", "status", "received_at", "image_id"),
    Index("images_changed", "updated_at", "status"),
    _some("images_unsettled", "NOT is_settled", "image_id"),
    _some("images_corrected", "corrected", "image_id"),
    Index("ix_images_revision", "revision"),
)  # fmt: skip
Table(
    "stage_parts", _ALL,
    _of_image(),
    _text("stage", key=True),
    _number("saved_at"),
    Column("document", LargeBinary, nullable=False),
    _text("error_code"),
    _text("error_message"),
)  # fmt: skip
Table(
    "jobs", _ALL,
    _of_image(),
    _text("stage", key=True),
    Column("is_sent", Boolean, nullable=False),
    _some("jobs_unsent", "NOT is_sent", "image_id"),
)  # fmt: skip
Table(
    "corrections", _ALL,
    _of_image(),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("document", LargeBinary, nullable=False),
)  # fmt: skip
Table(
    "stage_runs", _ALL,
    _of_image(),
    _text("stage", key=True),
    Column("attempt", BigInteger, primary_key=True, autoincrement=False),
    _text("worker"),
    _number("started_at"),
    Column("ended_at", BigInteger),
    Column("timings_ms", JSON, nullable=False),
    _text("error_code"),
    _text("error_message"),
)  # fmt: skip
Table("traces_left", _ALL, _of_image())
Table("reanalyses", _ALL, _text("reanalysis_id", key=True), _number("created_at"))
Table(
    "reanalysed_images", _ALL,
    Column(
        "reanalysis_id", String,
        ForeignKey("reanalyses.reanalysis_id", ondelete="CASCADE"), primary_key=True,
    ),
    _of_image(),
    _text("state"),
    _text("error_code"),
    _text("error_message"),
    _number("faces_before"),
    _number("faces_after"),
    _number("faces_gained"),
    _number("faces_lost"),
    _number("ages_moved"),
    _number("years_moved"),
    _number("genders_changed"),
    _some("reanalysed_open", "state IN ('waiting', 'running')", "state", "image_id"),
)  # fmt: skip
Table("counters", _ALL, _text("name", key=True), _number("value"))

# The order of file names as SQLite has it; and who listens is told of each transaction that changed
# something, once, when it is committed.
_OF_POSTGRESQL = (
    """CREATE COLLATION IF NOT EXISTS "NOCASE"
       (provider = icu, locale = 'und-u-ks-level2', deterministic = false)""",
    """CREATE FUNCTION tell_ledger_changed() RETURNS trigger LANGUAGE plpgsql AS
       $$ BEGIN PERFORM pg_notify('ledger_changed', ''); RETURN NULL; END $$""",
    """CREATE TRIGGER ledger_changed AFTER UPDATE ON counters
       FOR EACH STATEMENT EXECUTE FUNCTION tell_ledger_changed()""",
)


def upgrade() -> None:
    connection = op.get_bind()
    _ALL.create_all(connection)
    for table in _ALL.sorted_tables:
        _complete(connection, table)
    if connection.dialect.name == "postgresql":
        for statement in _OF_POSTGRESQL:
            op.execute(statement)
    else:
        op.execute("DROP TABLE IF EXISTS parts")  # of version 0


def _complete(connection: Connection, table: Table) -> None:
    known = {column["name"] for column in inspect(connection).get_columns(table.name)}
    for column in table.columns:
        if column.name not in known:
            definition = CreateColumn(column).compile(dialect=connection.dialect)
            op.execute(f"ALTER TABLE {table.name} ADD COLUMN {definition}")
    for index in table.indexes:
        index.create(connection, checkfirst=True)
