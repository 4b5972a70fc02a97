"""The API with a route that counts the objects that its garbage collector looks through, or not."""

from __future__ import annotations

import gc

from api.wsgi import app


@app.get("/objects")
def objects() -> dict[str, int]:
    return {"ignored": gc.get_freeze_count(), "looked_through": len(gc.get_objects())}
