"""Blueprints as text and as a graph."""

from kernelq import Blueprint, Step
from kernelq.contracts import BROKER
from kernelq_plugins.commands.drawing import as_dot, as_text


class Broker(Step):
    provides = BROKER


class Beat(Step):
    label = 'the "beat"'
    requires = (BROKER,)


def test_the_text_shows_the_order_with_what_each_requires_and_provides() -> None:
    assert as_text(Blueprint("worker", [Beat, Broker])).splitlines() == [
        "blueprint worker",
        "  1. Broker; provides broker",
        '  2. the "beat"; requires Broker',
    ]


def test_the_dot_form_has_an_arrow_for_each_requirement() -> None:
    assert as_dot(Blueprint("worker", [Beat, Broker])).splitlines() == [
        'digraph "worker" {',
        '  "Broker";',
        '  "the \\"beat\\"";',
        '  "the \\"beat\\"" -> "Broker";',
        "}",
    ]
