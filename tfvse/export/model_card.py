"""The model card: what an exported model is, its data, its numbers, its limits, how to call it."""

import datetime
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from tfvse.export.litert import Conversion
from tfvse.export.signature import FLOATS, LEVELS

_IMAGES = (
    "The graph decodes JPEG and PNG as training saw them: upright by their EXIF orientation, white"
    " beneath transparency, CMYK, grey and palettes as RGB. Stock ops cannot do this for GIF, WebP,"
    " BMP and TIFF: they are refused by the graph. `tfvse.serving.client`, `tfvse serve` and"
    " `tfvse search --image` convert them to PNG first (a GIF's first frame), as preparation"
    " does; other callers must do the same."
)


def render(
    name: str,
    version: int,
    system: Any,
    data: Any,
    report: Mapping[str, Any] | None,
    functions: Mapping[str, Any],
    differences: Mapping[str, float],
    conversions: Sequence[Conversion],
) -> str:
    """Renders the card as Markdown.

    Args:
      name: of the exported model.
      version: of the exported model.
      system: the `System`.
      data: its data set; the manifest gives name, source and licence.
      report: as in report.json, or None.
      functions: signature name → `tf.ConcreteFunction`.
      differences: signature name → largest difference from the Keras networks.
      conversions: the LiteRT files.
    """
    manifest = data.manifest
    parts = [
        f"# {name}, version {version}",
        f"A `{system.config.system}` ({system.data_kind}) trained on `{manifest['data_set']}`,"
        f" exported {datetime.date.today().isoformat()}.",
        "## Data",
        _data(manifest),
        "## Numbers",
        _numbers(report),
        "## Limits",
        _bullets(system.limits),
        "## Signatures",
        _signatures(functions),
        'Over REST, bytes are `{"b64": …}`.',
        "## Images",
        _IMAGES,
        "## Agreement with the Keras networks",
        f"Measured in a fresh process without the training package; the bound is {FLOATS.bound:g},"
        " relative to the largest magnitude where that is above 1, and"
        f" {LEVELS.bound} of 255 levels for images.",
        _differences(differences),
    ]
    if conversions:
        parts += ["## LiteRT", _conversions(conversions)]
    return "\n\n".join(parts) + "\n"


def _data(manifest: Mapping[str, Any]) -> str:
    """What the model was trained on."""
    licence = manifest.get("licence", "not recorded").rstrip(".")
    sentences = [
        f"Data set: {manifest['data_set']} (splits: {', '.join(manifest['splits'])})",
        f"Source: {manifest.get('source', 'not recorded')}",
        f"Licence: {licence}. What was learned may be bound by it.",
    ]
    if "classes" in manifest:
        sentences.append(f"Classes: {', '.join(manifest['classes'])}")
    return _bullets(sentences)


def _numbers(report: Mapping[str, Any] | None) -> str:
    """The metrics of the report and its protocol."""
    if not report:
        return "This run was not evaluated before its export (`tfvse evaluate`)."

    protocol = dict(report.get("protocol", {}))
    chance = protocol.pop("chance", {})
    intervals = report.get("intervals", {})
    rows = []
    for name, value in report["metrics"].items():
        interval = ""
        if name in intervals:
            low, high = intervals[name]
            interval = f"{low:.4g} to {high:.4g}"
        by_chance = f"{chance[name]:.4g}" if name in chance else ""
        rows.append((name, f"{value:.4g}", interval, by_chance))

    seed = report.get("seed", "not recorded")
    intro = f"On the split `{report['split']}`, seed {seed}. The protocol:"
    settings = _bullets(f"{key}: {value}" for key, value in protocol.items())
    table = _table(("metric", "value", "interval", "chance"), rows)
    return "\n\n".join((intro, settings, table))


def _signatures(functions: Mapping[str, Any]) -> str:
    """Names, dtypes and shapes of the inputs and outputs of every signature."""
    rows = []
    for name, function in functions.items():
        inputs = _tensors(function.structured_input_signature[1])
        outputs = _tensors(function.structured_outputs)
        rows.append((f"`{name}`", inputs, outputs))
    return _table(("signature", "inputs", "outputs"), rows)


def _tensors(specs: Mapping[str, Any]) -> str:
    """Tensors as "`name` dtype [shape]", by name."""
    found = []
    for key, spec in sorted(specs.items()):
        found.append(f"`{key}` {spec.dtype.name} {_shape(spec.shape)}")
    return ", ".join(found)


def _shape(shape: tf.TensorShape) -> str:
    """A shape such as "[?, 3]"."""
    if shape.rank is None:
        return "[…]"
    sizes = ["?" if size is None else str(size) for size in shape.as_list()]
    return f"[{', '.join(sizes)}]"


def _differences(differences: Mapping[str, float]) -> str:
    """The largest difference of every signature."""
    rows = [(f"`{name}`", f"{value:.2g}") for name, value in differences.items()]
    return _table(("signature", "largest difference"), rows)


def _conversions(conversions: Iterable[Conversion]) -> str:
    """Sizes and metrics of the LiteRT files."""
    rows = []
    for conversion in conversions:
        row = (
            f"`litert/{conversion.file}`",
            f"{conversion.bytes / 1e6:.2f} MB",
            f"{conversion.difference:.2g}",
            conversion.metric,
            f"{conversion.keras:.4g}",
            f"{conversion.litert:.4g}",
            f"{conversion.litert - conversion.keras:+.3g}",
        )
        rows.append(row)
    head = ("file", "size", "largest difference", "metric", "Keras", "LiteRT", "change")
    return _table(head, rows)


def _table(
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
) -> str:
    """A Markdown table."""
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _bullets(sentences: Iterable[str]) -> str:
    """A Markdown list."""
    return "\n".join(f"- {sentence}" for sentence in sentences)
