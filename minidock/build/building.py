"""A build, from what was asked for to the image: read, plan, build the stages, list the result."""

from __future__ import annotations

from minidock.build import arguments, bases, graph, outputs
from minidock.build.cache import inline
from minidock.build.checks import checking
from minidock.build.context.contexts import Context
from minidock.build.language import dockerfile as language
from minidock.build.workers import Plan, Workers
from minidock.build.working import history
from minidock.build.working.reporting import NOTICE, PLAN
from minidock.build.working.stage import Base
from minidock.build.working.trees import Scratch
from minidock.engine.images import naming
from minidock.errors import MinidockError
from minidock.images import layers
from minidock.images.keeping import keep
from minidock.images.layout import Layout
from minidock.images.making import Making
from minidock.images.merging import merge
from minidock.images.platforms import architecture

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from minidock.build.arguments import Scope
    from minidock.build.cache.records import Done
    from minidock.build.checks.checking import Checked
    from minidock.build.language.dockerfile import Dockerfile
    from minidock.build.request import BuildRequest
    from minidock.build.workers import Show
    from minidock.engine.engine import Engine
    from minidock.jsonfile import Json


def build(engine: Engine, request: BuildRequest, show: Show) -> str:
    """Build an image; its id. `show` hears of all that happens on the way."""
    names = [naming.new_name(tag, "refusing to create a tag with a digest reference") for tag in request.tags]
    with Context(engine.root, request) as context, Making(Layout(engine.root), hasty=True) as new:
        dockerfile = language.read(context.text, context.file)
        scope = arguments.before_stages(dockerfile.arguments, request.arguments, _known())
        target = dockerfile.target(request.target)
        nodes = graph.needed(dockerfile, target, scope.values)
        checked = _checked(engine, request, context, dockerfile, scope, nodes)
        checked.refuse()
        show(_outline(nodes, checked))
        plan = Plan(engine, request, dockerfile, context, scope, _others(engine, request, show))
        built = _finished(Workers(plan, new, show).build(nodes)[target.index], request)
        if request.squash:
            built = _squashed(engine, request, new, built)
        elif request.keeps_cache:
            built = built.like(inline.written(built.document, built.steps))
        return outputs.deliver(engine, request, new, built, names)


def check(engine: Engine, request: BuildRequest) -> Checked:
    """What a Dockerfile probably does not mean, without building it: of all stages, or of what a target needs."""
    with Context(engine.root, request) as context:
        dockerfile = language.read(context.text, context.file)
        scope = arguments.before_stages(dockerfile.arguments, request.arguments, _known())
        if request.target:
            nodes = graph.needed(dockerfile, dockerfile.target(request.target), scope.values)
        else:
            nodes = graph.every(dockerfile, scope.values)
        return _checked(engine, request, context, dockerfile, scope, nodes)


def _known() -> dict[str, str]:
    return arguments.platforms("linux", architecture())


def _checked(
    engine: Engine,
    request: BuildRequest,
    context: Context,
    dockerfile: Dockerfile,
    scope: Scope,
    nodes: Sequence[graph.Node],
) -> Checked:
    def config(name: str) -> dict[str, Json] | None:
        return bases.config_here(engine, name)

    return checking.check(dockerfile, scope, _known(), context.ignore, config, nodes, request.arguments)


def _others(engine: Engine, request: BuildRequest, show: Show) -> dict[str, Done]:
    """What the images of --cache-from know. One that cannot be had is no reason not to build."""
    found: dict[str, Done] = {}
    for source in request.cache_from:
        try:
            found = {**bases.cache_of(engine, source), **found}
        except MinidockError as error:
            show({"what": NOTICE, "text": f"--cache-from {source.name}: {error.message}"})
    return found


def _outline(nodes: Sequence[graph.Node], checked: Checked) -> dict[str, Json]:
    """What a display has to know beforehand."""
    stages = {
        str(node.stage.index): {"title": node.stage.title, "steps": len(node.stage.instructions)} for node in nodes
    }
    warnings = [[each.rule, each.message, each.location.first] for each in checked.findings]
    return {"what": PLAN, "stages": stages, "warnings": warnings}


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
