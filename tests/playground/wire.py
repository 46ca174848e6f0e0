"""Checks recorded traffic against Discord's own OpenAPI description, requests and answers alike.

Discord takes more than it describes; these relaxations, and no others, are made:

- a snowflake may be a JSON integer where a string is described, and an integer may be a string
  (the description's README says so);
- unions are read as "any of", since the widening above makes their branches overlap;
- booleans in a query may be 0 and 1;
- keys of a request which Discord ignores, listed in IGNORED, and those of an attachment or of an
  embed's picture that is kept by an edit (discord.py sends them back whole: SENT_BACK); any other
  unknown key is a fault;
- the JSON part of a multipart body is checked by the schema of the plain JSON body.
"""

import functools
import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend

Json = dict[str, Any]
FILE = Path(__file__).parents[1] / "data" / "discord-openapi.json"
IGNORED = {"tts", "nsfw", "flags", "enforce_nonce", "nonce", "dm_permission"}
REFUSED = (400, 413)
"""What answers a body that breaks a rule; every other request must be as described."""
SENT_BACK = ("/attachments[]", "/image", "/thumbnail")
BOOLEANS = {"true", "false", "True", "False", "0", "1"}


def relax(node: Any) -> Any:
    """The description, widened by the first two relaxations."""
    if isinstance(node, list):
        return [relax(item) for item in node]
    if not isinstance(node, dict):
        return node
    node = {key: relax(value) for key, value in node.items()}
    if node.get("format") == "snowflake":
        return {"type": ["string", "integer"], "pattern": r"^(0|[1-9][0-9]*)$"}
    if "oneOf" in node:
        node["anyOf"] = node.pop("oneOf") + node.get("anyOf", [])
    kinds = node.get("type")
    if "enum" not in node and "integer" in ([kinds] if isinstance(kinds, str) else kinds or []):
        node["type"] = [*([kinds] if isinstance(kinds, str) else kinds), "string"]
    return node


class Description:
    """Discord's OpenAPI description, ready to check with."""

    def __init__(self, file: Path = FILE) -> None:
        self._faultless: set[bytes] = set()
        self._glanced: dict[tuple[int, int], bool] = {}
        glances = {"$ref": self._glance_at_reference, "anyOf": self._glance_at_union}
        self._glance = extend(Draft202012Validator, glances)
        self.spec: Json = relax(json.loads(file.read_text()))
        literal_first = sorted(
            self.spec["paths"], key=lambda p: [s[:1] == "{" for s in p.split("/")]
        )
        self.paths = [
            (re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path)), path) for path in literal_first
        ]

    @functools.cache  # noqa: B019  # why: there is one description, kept for the whole run
    def validator(self, pointer: str) -> Draft202012Validator:
        """A validator for the schema at this place of the description."""
        ref = {"$ref": f"#/{pointer}", "components": self.spec["components"]}
        return Draft202012Validator({**ref, "paths": self.spec["paths"]})

    def resolve(self, node: Json) -> Json:
        """What a reference stands for."""
        while "$ref" in node:
            found: Any = self.spec
            for part in node["$ref"][2:].split("/"):
                found = found[part.replace("~1", "/").replace("~0", "~")]
            node = found
        return node

    def operation(self, method: str, path: str) -> tuple[str, Json] | None:
        """The described operation of a request."""
        for pattern, template in self.paths:
            if pattern.fullmatch(path) and method.lower() in self.spec["paths"][template]:
                return template, self.spec["paths"][template]
        return None

    def faults(self, exchange: Any) -> Iterator[str]:
        """All that is wrong with a request and its answer."""
        found = self.operation(exchange.method, exchange.path)
        if found is None:
            yield "no such operation is described"
            return
        template, item = found
        operation = item[exchange.method.lower()]
        yield from self._query(
            exchange, item.get("parameters", []) + operation.get("parameters", [])
        )
        place = f"paths/{template.replace('/', '~1')}/{exchange.method.lower()}"
        place = place.replace("{", "%7B").replace("}", "%7D")
        unread = exchange.fault is not None and exchange.body is None
        if exchange.status not in REFUSED and not unread:
            yield from self._request(exchange, operation, place)
        if exchange.fault is None:
            yield from self._response(exchange, operation, place)

    def schema_faults(self, name: str, value: Any) -> Iterator[str]:
        """All that is wrong with a value by a schema's name."""
        yield from self._check(
            f"components/schemas/{name}", value, {"verified", "mfa_enabled", "email"}
        )

    def _query(self, exchange: Any, parameters: list[Json]) -> Iterator[str]:
        known = {p["name"]: p for p in map(self.resolve, parameters) if p["in"] == "query"}
        for name, value in exchange.query.items():
            if name not in known:
                yield f"query {name} is not described"
                continue
            kind = self.resolve(known[name]["schema"]).get("type")
            if kind == "boolean" and value not in BOOLEANS:
                yield f"query {name}={value} is no boolean"
        for name, parameter in known.items():
            if parameter.get("required") and name not in exchange.query:
                yield f"query {name} is missing"

    def _request(self, exchange: Any, operation: Json, place: str) -> Iterator[str]:
        content = operation.get("requestBody", {}).get("content", {})
        if exchange.body is None and not exchange.files:
            if operation.get("requestBody", {}).get("required") and "application/json" in content:
                yield "the request has no body"
            return
        if exchange.content_type not in content:
            yield f"content type {exchange.content_type}, not one of {sorted(content)}"
            return
        pointer = f"{place}/requestBody/content/application~1json/schema"
        yield from (f"request {f}" for f in self._check(pointer, exchange.body, IGNORED))
        body = exchange.body if isinstance(exchange.body, dict) else {}
        entries = (body.get("data") or body).get("attachments") or []
        named = {str(entry["id"]) for entry in entries}
        for part in exchange.files:
            if not re.fullmatch(r"files\[\d+\]", part):
                yield f"file part {part!r} has a wrong name"
            elif part[6:-1] not in named:
                yield f"file part {part} has no entry in attachments"

    def _response(self, exchange: Any, operation: Json, place: str) -> Iterator[str]:
        status = str(exchange.status)
        described = operation["responses"]
        key = next((k for k in (status, f"{status[0]}XX") if k in described), None)
        if key is None:
            yield f"status {status} is not one of {sorted(described)}"
            return
        response = self.resolve(described[key])
        pointer = f"{place}/responses/{key}"
        if "$ref" in described[key]:
            pointer = described[key]["$ref"][2:]
        if "application/json" not in response.get("content", {}):
            if exchange.response is not None:
                yield f"status {status} has no body by the description"
            return
        pointer += "/content/application~1json/schema"
        yield from (f"response {f}" for f in self._check(pointer, exchange.response, set()))

    def _check(self, pointer: str, value: Any, ignored: set[str]) -> list[str]:
        """All that is wrong with a value; what was found faultless is not looked at again."""
        text = json.dumps([pointer, sorted(ignored), value])
        key = hashlib.sha256(text.encode()).digest()
        if key in self._faultless:
            return []
        self._glanced.clear()
        found = [*self._misfits(pointer, value, ignored)]
        if not found:
            self._faultless.add(key)
        return found

    def _misfits(self, pointer: str, value: Any, ignored: set[str]) -> Iterator[str]:
        schema = {"$ref": f"#/{pointer.replace('%7B', '{').replace('%7D', '}')}"}
        if not self._fits(schema, value):
            yield from map(_deepest, self.validator(pointer).iter_errors(value))
        yield from (f"{where} is not described" for where in self._unknown(value, schema, ignored))

    def _unknown(self, value: Any, schema: Json, ignored: set[str], at: str = "") -> Iterator[str]:
        """Keys that no schema knows: the description does not forbid them, Discord drops them."""
        if not isinstance(value, dict | list):
            return
        schemas = list({id(branch): branch for branch in self._branches(schema, value)}.values())
        if isinstance(value, list):
            items = [s["items"] for s in schemas if "items" in s]
            for entry in value if items else []:
                yield from self._unknown(entry, {"anyOf": items}, ignored, f"{at}[]")
        if not isinstance(value, dict):
            return
        if any(s.get("additionalProperties") for s in schemas):
            return
        known: dict[str, list[Json]] = {}
        for each in schemas:
            for key, inner in each.get("properties", {}).items():
                known.setdefault(key, []).append(inner)
        for key, entry in value.items() if known else ():
            if key in known:
                yield from self._unknown(entry, {"anyOf": known[key]}, ignored, f"{at}/{key}")
            elif key not in ignored and not (ignored and at.endswith(SENT_BACK)):
                yield f"{at}/{key}"

    def _branches(self, schema: Json, value: Any) -> Iterator[Json]:
        """The plain schemas behind references and unions; of a union those that fit, if any."""
        schema = self.resolve(schema)
        yield schema
        for inner in schema.get("allOf", []):
            yield from self._branches(inner, value)
        branches = [self.resolve(b) for b in schema.get("anyOf", [])]
        fitting = [b for b in branches if self._fits(b, value)]
        for inner in fitting or branches:
            yield from self._branches(inner, value)

    def _fits(self, schema: Json, value: Any) -> bool:
        """Say whether a part of the value at hand fits, and not why: every pair is tried once."""
        pair = (id(schema), id(value))
        if pair not in self._glanced:
            self._glanced[pair] = self._glance(schema).is_valid(value)
        return self._glanced[pair]

    def _glance_at_reference(self, _: Any, ref: str, value: Any, __: Json) -> Iterator[Any]:
        if not self._fits(self.resolve({"$ref": ref}), value):
            yield ValidationError("does not fit")

    def _glance_at_union(self, _: Any, branches: list[Json], value: Any, __: Json) -> Iterator[Any]:
        if not any(self._fits(branch, value) for branch in branches):
            yield ValidationError("no branch fits")


def _deepest(error: Any) -> str:
    """The error that says most: of a union the branch that was meant, by its `type`."""
    while error.context:
        branches: dict[Any, list[Any]] = {}
        for inner in error.context:
            branches.setdefault(inner.schema_path[0], []).append(inner)
        meant = [b for b in branches.values() if not any(map(_is_another, b))]
        best = min(meant or list(branches.values()), key=len)
        error = max(best, key=lambda e: len(e.absolute_path))
    return f"/{'/'.join(map(str, error.absolute_path))}: {shorten(error.message)}"


def _is_another(error: Any) -> bool:
    """Whether a branch failed because it is for something else."""
    kind = error.validator == "enum" and error.path and error.path[-1] == "type"
    return bool(kind or (error.validator == "type" and not error.path))


def shorten(text: str) -> str:
    """A long message by its two ends: the value stands first, the reason last."""
    return text if len(text) < 200 else f"{text[:60]} … {text[-120:]}"


@functools.cache
def description() -> Description:
    """The description, read once."""
    return Description()


def check(traffic: Iterable[Any]) -> list[str]:
    """Every fault of a recording, each named with its request."""
    return [
        f"{exchange.method} {exchange.path} ({exchange.status}): {fault}"
        for exchange in traffic
        for fault in description().faults(exchange)
    ]


def assert_valid(traffic: Iterable[Any]) -> None:
    """Fail with every fault of a recording."""
    faults = check(traffic)
    assert not faults, "the wire differs from Discord's description:\n" + "\n".join(faults)
