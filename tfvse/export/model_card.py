"""The model card: what an exported model is, what it was trained on, its numbers, its limits and how to call it."""

import datetime

from tfvse.export.signature import FLOATS, LEVELS

_IMAGES = (
    "The graph decodes JPEG and PNG as training saw them: upright by their EXIF orientation, white beneath"
    " transparency, CMYK, grey and palettes as RGB. Stock ops cannot do this for GIF, WebP, BMP and TIFF: they are"
    " refused by the graph. `tfvse.serving.client`, `tools/serve.py` and `tools/search.py --image` convert them to PNG"
    " first (a GIF's first frame), as preparation does; other callers must do the same."
)


def render(name, version, system, data, report, functions, differences, conversions):
    """The card as Markdown text.

    Args:
      name, version: of the exported model.
      system: the `System`.
      data: its data set (its manifest gives name, source and licence).
      report: dict as in report.json, or None.
      functions: signature name → `tf.ConcreteFunction`.
      differences: signature name → largest difference from the Keras networks.
      conversions: list of `litert.Conversion`.
    """
    manifest = data.manifest
    parts = [
        f"# {name}, version {version}",
        f"A `{system.config.system}` ({system.data_kind}) trained on `{manifest['data_set']}`,"
        f" exported {datetime.date.today().isoformat()}.",
        "## Data",
        _bullets(
            f"Data set: {manifest['data_set']} (splits: {', '.join(manifest['splits'])})",
            f"Source: {manifest.get('source', 'not recorded')}",
            f"Licence: {manifest.get('licence', 'not recorded').rstrip('.')}. What was learned may be bound by it.",
            *([f"Classes: {', '.join(manifest['classes'])}"] if "classes" in manifest else []),
        ),
        "## Numbers",
        _numbers(report),
        "## Limits",
        _bullets(*system.limits),
        "## Signatures",
        _signatures(functions),
        'Over REST, bytes are `{"b64": …}`.',
        "## Images",
        _IMAGES,
        "## Agreement with the Keras networks",
        f"Measured in a fresh process without the training package; the bound is {FLOATS.bound:g},"
        " relative to the largest magnitude where that is above 1, and"
        f" {LEVELS.bound} of 255 levels for images.",
        _table(
            ("signature", "largest difference"),
            [(f"`{k}`", f"{v:.2g}") for k, v in differences.items()],
        ),
    ]
    if conversions:
        parts += ["## LiteRT", _conversions(conversions)]
    return "\n\n".join(parts) + "\n"


def _numbers(report):
    if not report:
        return "This run was not evaluated before its export (tools/evaluate.py)."
    protocol, intervals = dict(report.get("protocol", {})), report.get("intervals", {})
    chance = protocol.pop("chance", {})
    rows = [
        (
            name,
            f"{value:.4g}",
            "{:.4g} to {:.4g}".format(*intervals[name]) if name in intervals else "",
            f"{chance[name]:.4g}" if name in chance else "",
        )
        for name, value in report["metrics"].items()
    ]
    intro = f"On the split `{report['split']}`, seed {report.get('seed', 'not recorded')}. The protocol:"
    table = _table(("metric", "value", "interval", "chance"), rows)
    return "\n\n".join(
        (intro, _bullets(*(f"{key}: {value}" for key, value in protocol.items())), table)
    )


def _signatures(functions):
    rows = [
        (
            f"`{name}`",
            _tensors(function.structured_input_signature[1]),
            _tensors(function.structured_outputs),
        )
        for name, function in functions.items()
    ]
    return _table(("signature", "inputs", "outputs"), rows)


def _tensors(specs):
    return ", ".join(
        f"`{key}` {spec.dtype.name} {_shape(spec.shape)}" for key, spec in sorted(specs.items())
    )


def _shape(shape):
    return (
        "[…]"
        if shape.rank is None
        else "[" + ", ".join("?" if n is None else str(n) for n in shape.as_list()) + "]"
    )


def _conversions(conversions):
    rows = [
        (f"`litert/{c.file}`", f"{c.bytes / 1e6:.2f} MB", f"{c.difference:.2g}", c.metric,
         f"{c.keras:.4g}", f"{c.litert:.4g}", f"{c.litert - c.keras:+.3g}")
        for c in conversions
    ]  # fmt: skip
    return _table(
        ("file", "size", "largest difference", "metric", "Keras", "LiteRT", "change"), rows
    )


def _table(head, rows):
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _bullets(*sentences):
    return "\n".join(f"- {sentence}" for sentence in sentences)
