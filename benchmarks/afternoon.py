"""What an engineer would write in an afternoon: one FastAPI process around the same models.

It has no queue, no ledger and no log: what is in its hands when it dies is lost.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from starlette.concurrency import run_in_threadpool

from benchmarks.bound import Program


def create_app(program: Program) -> FastAPI:
    app = FastAPI()

    @app.post("/analyse")
    async def analyse(request: Request) -> dict[str, Any]:
        document = await run_in_threadpool(program.analyse, await request.body())
        return document.model_dump(mode="json")

    return app


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(Program(Path(folder)))
        uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
