"""YAML by PyYAML's safe subset, with the type tags of JSON for what YAML lacks."""

from __future__ import annotations

from typing import Any, ClassVar

from kernelq.contracts import DecodeError, Serializer

from .form import Form
from .restore import refuse_depth, restore

try:
    import yaml  # type: ignore[import-untyped]  # PyYAML ships no types
except ImportError as error:
    text = "the yaml serializer needs PyYAML; try: pip install 'kernelq[yaml]'"
    raise ModuleNotFoundError(text, name="yaml") from error

_ATOMS: frozenset[type] = frozenset({str, int, float, bool, bytes, type(None)})
_FORM = Form(name="YAML", atoms=_ATOMS, keys=_ATOMS, ints=range(-(2**2048), 2**2048))


class YamlSerializer(Serializer):
    """For people to read, some two hundred times slower than JSON. Not trusted: short data can take long to read."""

    name: ClassVar[str] = "yaml"
    content_type: ClassVar[str] = "application/x-yaml"
    is_trusted: ClassVar[bool] = False

    def dumps(self, value: Any) -> bytes:
        return _FORM.write(value, _dump)

    def loads(self, data: bytes) -> Any:
        try:
            value = yaml.load(data, Loader=_Loader)
        except Exception as error:
            # PyYAML raises KeyError, AttributeError and others for ill-formed scalars (`!!bool maybe`).
            raise DecodeError(f"not YAML: {error}") from error
        if b"__type__" in data:
            return restore(value)
        refuse_depth(value)
        return value


class _Loader(yaml.SafeLoader):  # type: ignore[misc]  # see the import
    """The safe loader without aliases: nine lines of them can stand for a billion items."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are refused, for they make short data long")
        return super().compose_node(parent, index)


def _dump(value: Any) -> bytes:
    return bytes(yaml.safe_dump(value, encoding="utf-8", sort_keys=False))
