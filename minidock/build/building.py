"""A build, from what was asked for to the image: read, plan, build the stages, list the result."""

from __future__ import annotations

from minidock.build import arguments, graph
from minidock.build.context.contexts import Context
from minidock.build.language import dockerfile as language
from minidock.build.workers import Plan, Workers
from minidock.engine.configuring.choosing import architecture
from minidock.engine.images import naming
from minidock.images.layout import Layout
from minidock.images.making import Making

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.build.request import BuildRequest
    from minidock.build.workers import Show
    from minidock.build.working.stage import Base
    from minidock.engine.engine import Engine
    from minidock.jsonfile import Json


def build(engine: Engine, request: BuildRequest, show: Show) -> str:
    """Build an image; its id. `show` hears of all that happens on the way."""
    names = [naming.new_name(tag, "refusing to create a tag with a digest reference") for tag in request.tags]
    with Context(engine.root, request) as context, Making(Layout(engine.root), hasty=True) as new:
        dockerfile = language.read(context.text, context.file)
        known = arguments.platforms("linux", architecture())
        scope = arguments.before_stages(dockerfile.arguments, request.arguments, known)
        target = dockerfile.target(request.target)
        nodes = graph.needed(dockerfile, target, scope.values)
        show({"what": "plan", "stages": {str(node.stage.index): _outline(node) for node in nodes}})
        results = Workers(Plan(engine, request, dockerfile, context, scope), new, show).build(nodes)
        return _store(engine, request, new, results[target.index], names)


def _outline(node: graph.Node) -> Json:
    """What a display has to know of a stage beforehand."""
    return {"title": node.stage.title, "base": node.base, "steps": len(node.stage.instructions)}


def _store(engine: Engine, request: BuildRequest, new: Making, built: Base, names: list[str]) -> str:
    document = dict(built.document)
    if request.labels:
        config = dict(document.get("config") or {})
        document["config"] = {**config, "Labels": {**(config.get("Labels") or {}), **request.labels}}
    image = ""
    for name in names or [""]:
        image = naming.store(engine, new, name, document, built.stack)
    return image
