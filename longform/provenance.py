"""Where a file came from, as text tags that travel inside it."""

import json
from dataclasses import asdict
from typing import Any

from longform import __version__
from longform.bundle import Bundle
from longform.request import Request


def tags_of(bundle: Bundle, request: Request, item: int, facts: dict[str, Any]) -> dict[str, str]:
    """Everything needed to make the file again, and that a machine made it."""
    asked = {name: value for name, value in asdict(request).items() if value not in (None, False)}
    return {
        "title": request.prompt[:120],
        "prompt": request.prompt,
        "seed": str(request.seed),
        "item": str(item),
        "model": bundle.manifest.name,
        "model_sha256": bundle.content_hash(),
        "licence": bundle.manifest.licence,
        "settings": json.dumps(asked, ensure_ascii=False, sort_keys=True),
        "facts": json.dumps(facts, ensure_ascii=False, sort_keys=True, default=str),
        "software": f"longform {__version__}",
        "comment": "AI-generated",
    }
