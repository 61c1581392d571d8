"""The page itself, and the one that says why there is none."""

from __future__ import annotations

from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.templating import Jinja2Templates

from resolve_scripts.panel.guard import Refusal

HERE = Path(__file__).parent
CLIP_COLORS = (
    "Orange", "Apricot", "Yellow", "Lime", "Olive", "Green", "Teal", "Navy",
    "Blue", "Purple", "Violet", "Pink", "Tan", "Beige", "Brown", "Chocolate",
)  # fmt: skip
REASONS: dict[Refusal, tuple[str, str]] = {
    "key": (
        "This link has been used already, or belongs to another panel.",
        "Open VIA again: in Resolve choose Workspace > Scripts > VIA, or run “via panel” in a "
        "terminal.",
    ),
    "host": (
        "This address is not the panel's own.",
        "Open VIA from Resolve (Workspace > Scripts > VIA) or with “via panel”.",
    ),
    "origin": (
        "Another page tried to use the panel.",
        "Close that page, and go on in the window that VIA opened.",
    ),
}


class Pages:
    """Renders templates; what is put into them is escaped."""

    def __init__(self) -> None:
        self._templates = Jinja2Templates(HERE / "templates")

    async def panel(self, request: Request) -> Response:
        """The page."""
        return self._templates.TemplateResponse(request, "panel.html", {"colors": CLIP_COLORS})

    def refuse(self, request: Request, refusal: Refusal) -> Response:
        """Says why a request is not answered, to a person or to the page's own code."""
        what, step = REASONS[refusal]
        if request.url.path.startswith("/api/"):
            problem = {"reason": "LINK_INVALID", "message": what, "next_step": step}
            return JSONResponse({"problem": problem}, 403)
        context = {"what": what, "step": step}
        return self._templates.TemplateResponse(request, "refused.html", context, 403)
