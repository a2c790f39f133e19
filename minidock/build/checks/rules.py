"""The rules by name, with what each says, and what a Dockerfile or a person wants to hear of them."""

from __future__ import annotations

from minidock.errors import MinidockError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minidock.build.language.complaint import Location

RULES = {
    "ConsistentInstructionCasing": "Command '{}' should match the case of the command majority ({})",
    "CopyIgnoredFile": 'Attempting to {} file "{}" that is excluded by .dockerignore',
    "DuplicateStageName": 'Duplicate stage name "{}", stage names should be unique',
    "ExposeInvalidFormat": ("EXPOSE instruction should not define an IP address or host-port mapping, found '{}'"),
    "ExposeProtoCasing": "Defined protocol '{}' in EXPOSE instruction should be lowercase",
    "FromAsCasing": "'{}' and '{}' keywords' casing do not match",
    "FromPlatformFlagConstDisallowed": 'FROM --platform flag should not use constant value "{}"',
    "InvalidDefaultArgInFrom": "Default value for ARG {} results in empty or invalid base image name",
    "InvalidDefinitionDescription": "Comment for {} should follow the format: `# {} <description>`",
    "JSONArgsRecommended": "JSON arguments recommended for {} to prevent unintended behavior related to OS signals",
    "LegacyKeyValueFormat": '"{0} key=value" should be used instead of legacy "{0} key value" format',
    "MaintainerDeprecated": "Maintainer instruction is deprecated in favor of using label",
    "MultipleInstructionsDisallowed": (
        "Multiple {} instructions should not be used in the same stage because only the last one will be used"
    ),
    "NoEmptyContinuation": "Empty continuation line",
    "RedundantTargetPlatform": (
        "Setting platform to predefined {} in FROM is redundant as this is the default behavior"
    ),
    "ReservedStageName": 'Stage name should not use the same name as reserved stage "{}"',
    "SecretsUsedInArgOrEnv": 'Do not use ARG or ENV instructions for sensitive data ({} "{}")',
    "StageNameCasing": "Stage name '{}' should be lowercase",
    "UndefinedArgInFrom": "FROM argument '{}' is not declared{}",
    "UndefinedVar": "Usage of undefined variable '${}'{}",
    "WorkdirRelativePath": 'Relative workdir "{}" can have unexpected results if the base image changes',
}
EXPERIMENTAL = frozenset({"CopyIgnoredFile", "InvalidDefinitionDescription"})  # only for those who ask
_PAGE = "https://docs.docker.com/go/dockerfile/rule/"
_ALL = "all"
_TRUE, _FALSE = ("1", "t", "true"), ("0", "f", "false")


class Finding:
    """A rule that is not kept, and where."""

    def __init__(self, rule: str, location: Location, *values: str) -> None:
        self.rule = rule
        self.location = location
        self.message = RULES[rule].format(*values)

    @property
    def page(self) -> str:
        """Where Docker explains it: JSONArgsRecommended is at json-args-recommended."""
        name = self.rule
        parts = [
            f"-{letter}" if at and letter.isupper() and _begins_word(name, at) else letter
            for at, letter in enumerate(name)
        ]
        return f"{_PAGE}{''.join(parts).lower()}/"


def _begins_word(name: str, at: int) -> bool:
    return name[at - 1].islower() or name[at + 1 : at + 2].islower()


class Wishes:
    """`# check=skip=RULE,…;experimental=RULE,…;error=true`"""

    def __init__(self, text: str = "") -> None:
        self.is_error = False
        self._skipped: set[str] = set()
        self._experimental: set[str] = set()
        for option in text.split(";") if text.strip() else ():
            key, equals, value = (part.strip() for part in option.partition("="))
            if not equals:
                raise MinidockError(f'invalid check option "{option}"', hint=_HINT)
            self._note(key, value)

    def _note(self, key: str, value: str) -> None:
        rules = {rule.strip().lower() for rule in value.split(",")}
        if key == "skip":
            self._skipped = rules
        elif key == "experimental":
            self._experimental = rules
        elif key == "error" and value.lower() in (*_TRUE, *_FALSE):
            self.is_error = value.lower() in _TRUE
        else:
            raise MinidockError(f'invalid check option "{key}={value}"', hint=_HINT)

    def wants(self, rule: str) -> bool:
        if rule in EXPERIMENTAL:
            return not self._experimental.isdisjoint((rule.lower(), _ALL))
        return self._skipped.isdisjoint((rule.lower(), _ALL))


_HINT = "write it like # check=skip=JSONArgsRecommended,StageNameCasing;error=true"
