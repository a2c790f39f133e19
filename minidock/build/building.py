"""A build, from what was asked for to the image: read, plan, build the stages, list the result."""

from __future__ import annotations

from minidock.build import arguments, graph, outputs
from minidock.build.context.contexts import Context
from minidock.build.language import dockerfile as language
from minidock.build.workers import Plan, Workers
from minidock.build.working import history
from minidock.build.working.stage import Base
from minidock.build.working.trees import Scratch
from minidock.engine.images import naming
from minidock.images import layers
from minidock.images.keeping import keep
from minidock.images.layout import Layout
from minidock.images.making import Making
from minidock.images.merging import merge
from minidock.images.platforms import architecture

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.build.request import BuildRequest
    from minidock.build.workers import Show
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
        built = _finished(results[target.index], request)
        if request.squash:
            built = _squashed(engine, request, new, built)
        return outputs.deliver(engine, request, new, built, names)


def _outline(node: graph.Node) -> Json:
    """What a display has to know of a stage beforehand."""
    return {"title": node.stage.title, "base": node.base, "steps": len(node.stage.instructions)}


def _squashed(engine: Engine, request: BuildRequest, new: Making, built: Base) -> Base:
    """What the build has made, as one layer on top of its base image."""
    count = built.base_layers
    chain = layers.chain_ids([diff_id for diff_id, _ in built.stack])
    directories = [f"{layers.place(new.layout, each)}/diff" for each in chain]
    with Scratch(engine.root, model=directories[count] if chain[count:] else "") as scratch:
        merge(directories[count:], scratch.upper)
        layer = keep(new, scratch.upper, [each for each, _ in built.stack[:count]], latest=history.latest(request))
    entries = [{**entry, "empty_layer": True} for entry in built.document["history"][built.base_entries :]]
    when = built.document["created"]
    entries += [{"created": when, "comment": f"merge {len(directories) - count} layers"}] if layer else []
    told = [*built.document["history"][: built.base_entries], *entries]
    return Base({**built.document, "history": told}, [*built.stack[:count], *([layer] if layer else [])])


def _finished(built: Base, request: BuildRequest) -> Base:
    """With the labels that were asked for."""
    if not request.labels:
        return built
    config = dict(built.document.get("config") or {})
    config["Labels"] = {**(config.get("Labels") or {}), **request.labels}
    return built.like({**built.document, "config": config})
