"""Who may import whom: the table of ARCHITECTURE.md, line by line, with the reason for what is not obvious.

The most specific line that a module's name begins with holds. A new package without a line is refused.
"""

from dataclasses import dataclass

TORCH = ("torch", "transformers", "peft", "safetensors", "tokenizers", "gguf", "jinja2")
"""What the window's process never loads: torch itself, and what brings it or belongs to it."""

QT = ("PySide6", "pyqtgraph")

PACKAGES = ("engine", "gui", "resources")


@dataclass(frozen=True)
class Layer:
    """One line: project modules and packages that may be imported, third-party ones, and those only in functions.

    `names` are modules that may be named by text and are imported in another process or later.
    """

    name: str
    imports: tuple[str, ...] = ()
    third_party: tuple[str, ...] = ()
    lazily: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


TABLE = (
    Layer("engine"),  # holds the version and nothing else
    # `tomli_w`: the standard library reads TOML but does not write it. Cards name the code that a worker runs.
    Layer(
        "engine.job",
        lazily=("tomli_w",),
        names=("engine.methods", "engine.models", "engine.use"),
    ),
    Layer(
        "engine.library",
        imports=("engine", "engine.job"),
        lazily=("huggingface_hub", "psutil", "platformdirs"),
    ),
    Layer("engine.data", imports=("engine.job", "engine.library"), lazily=("pyarrow",)),
    Layer("engine.methods", imports=("engine.job",), third_party=("torch",)),
    # `engine.data.rows` holds the plain types (Conversation, Preference, Text) that a template turns into tokens;
    # `engine.data.store` the row cache, where the tokens are kept beside the version that made them.
    Layer(
        "engine.models",
        imports=("engine", "engine.job", "engine.library", "engine.data.rows", "engine.data.store"),
        third_party=("torch", "transformers", "peft", "safetensors", "tokenizers", "jinja2"),
        lazily=("pyarrow",),
    ),
    Layer(
        "engine.train",
        imports=("engine.job", "engine.library", "engine.data", "engine.methods", "engine.models"),
        third_party=("torch", "safetensors", "psutil"),
        lazily=("bitsandbytes",),
    ),
    # Looking at data as a model sees it needs rows: `engine.data`.
    Layer(
        "engine.use",
        imports=("engine.job", "engine.library", "engine.data", "engine.models", "engine.use.reopen"),
        third_party=("torch", "transformers", "safetensors", "gguf", "numpy"),
    ),
    # The stranger's look: it opens an export with nothing but what other people have, so not through `engine.models`.
    Layer(
        "engine.use.reopen",
        third_party=("torch", "transformers", "safetensors"),
        lazily=("peft", "gguf"),
    ),
    Layer(
        "engine.worker",
        imports=(
            "engine",
            "engine.job",
            "engine.library",
            "engine.data",
            "engine.models",
            "engine.train",
            "engine.use",
        ),
        third_party=("psutil",),
        lazily=("torch", "transformers", "peft"),
    ),
    Layer(
        "engine.cli",
        imports=(
            "engine",
            "engine.job",
            "engine.library",
            "engine.data",
            "engine.models",
            "engine.train",
            "engine.use",
        ),
        lazily=("tokenizers", "tqdm"),
    ),
    # `tunewright` without a verb opens the window: named by text, so that a terminal never loads it. A frozen app
    # starts itself for what other installations start as a script of its own: `reopen` and `template_trial`.
    Layer(
        "engine.__main__",
        imports=("engine.cli", "engine.worker", "engine.use.reopen", "engine.models.template_trial"),
        names=("gui.app",),
    ),
    Layer("gui"),
    Layer(
        "gui.engine_thread",
        imports=("engine.job", "engine.library"),
        third_party=("PySide6.QtCore",),
    ),
    Layer(
        "gui.state",
        imports=("engine", "engine.job", "engine.library", "engine.data", "gui.engine_thread"),
        third_party=("PySide6.QtCore", "shiboken6"),  # shiboken6 knows whether a QObject still lives
    ),
    Layer(
        "gui.theme",
        imports=("engine.library.folders",),  # where fonts and icons lie
        third_party=("PySide6.QtCore", "PySide6.QtGui", "PySide6.QtSvg", "PySide6.QtWidgets"),
    ),
    Layer(
        "gui.widgets",
        imports=("engine.job", "gui.theme"),  # a widget paints with the theme's tokens
        third_party=("PySide6.QtCore", "PySide6.QtGui", "PySide6.QtWidgets"),
    ),
    Layer(
        "gui.widgets.chart",
        imports=("engine.job", "gui.theme", "gui.widgets"),
        third_party=(
            "PySide6.QtCore",
            "PySide6.QtGui",
            "PySide6.QtSvg",
            "PySide6.QtWidgets",
            "pyqtgraph",
            "numpy",
        ),
    ),
    # Plain questions (where are the runs, what is in this folder) need no view-model between page and library.
    # `gui.shortcuts`: the list of keys is shown from Settings, too. `gui.language` marks texts to be translated.
    Layer(
        "gui.pages",
        imports=(
            "engine",
            "engine.job",
            "engine.library",
            "gui.state",
            "gui.widgets",
            "gui.language",
            "gui.shortcuts",
        ),
        third_party=("PySide6.QtCore", "PySide6.QtGui", "PySide6.QtWidgets"),
    ),
    # Programs that build the bundled files; neither engine nor gui imports them.
    Layer("resources"),
    Layer("resources.icons", third_party=("PySide6.QtCore", "PySide6.QtGui", "PySide6.QtSvg")),
    Layer("resources.samples", imports=("resources.starter",)),
    Layer("resources.starter", third_party=("torch", "transformers", "tokenizers")),
)

COMPOSITION = Layer(
    "gui.*",
    imports=("engine", "engine.job", "engine.library", "gui"),
    third_party=("PySide6",),
    names=("gui.pages",),
)
"""The modules right below `gui` (app, window, rail, shortcuts...) put the others together."""

CHARTS = "gui.widgets.chart"
"""`chart.py` and the files named `chart_*`."""


def layer_of(module: str) -> Layer:
    """The line of the table that holds for a module; KeyError when there is none."""
    if module.startswith(f"{CHARTS}_"):
        module = CHARTS
    fitting = [layer for layer in TABLE if module == layer.name or module.startswith(f"{layer.name}.")]
    found = max(fitting, key=lambda layer: len(layer.name))
    if found.name == "gui" and module.count(".") == 1:
        return COMPOSITION
    if found.name in PACKAGES and module != found.name:
        raise KeyError(module)
    return found


def is_within(module: str, package: str) -> bool:
    """Whether a module is that package or lies in it; `engine` stands for its own file, which holds the version."""
    return module == package or (package not in ("engine", "resources") and module.startswith(f"{package}."))
