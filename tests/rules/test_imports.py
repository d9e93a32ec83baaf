import pytest

from tests.rules.layers import QT, TABLE, TORCH, is_within, layer_of
from tests.rules.source_tree import Import, imports, is_standard, modules


def own_layer(module):
    """Modules of one layer know each other."""
    return layer_of(module).name


def is_allowed(found: Import) -> bool:
    layer = layer_of(found.module)
    if found.is_project:
        if own_layer(found.target) == layer.name and layer.name != "gui.pages":
            return True
        if layer.name == "gui.pages" and is_within(found.target, "gui.pages"):
            return True  # which page may know which file is another test's question
        allowed = (*layer.imports, *(layer.names if found.is_named else ()))
        return any(is_within(found.target, package) for package in allowed)
    allowed = (*layer.third_party, *(layer.lazily if found.is_lazy else ()))
    return any(is_within(found.target, package) for package in allowed)


def test_every_module_has_a_line_in_the_table():
    homeless = []
    for module in modules():
        try:
            layer_of(module)
        except KeyError:
            homeless.append(module)
    assert homeless == []


def test_every_import_keeps_to_the_table():
    wrong = [str(found) for found in imports() if not is_standard(found.target) and not is_allowed(found)]
    assert wrong == []


@pytest.mark.parametrize(
    ("module", "target", "is_lazy"),
    [
        ("engine.job.job", "torch", True),
        ("engine.library.runs", "engine.train.loop", True),
        ("engine.methods.loss", "engine.models.load", True),
        ("engine.models.load", "engine.data.readers", False),
        ("engine.cli.main", "torch", False),
        ("engine.worker.work", "PySide6.QtCore", True),
        ("engine.use.open", "gui.state.words", True),
        ("gui.state.draft", "PySide6.QtWidgets", False),
        ("gui.state.draft", "torch", True),
        ("gui.widgets.badge", "gui.state.draft", True),
        ("gui.widgets.badge", "pyqtgraph", True),
        ("gui.pages.train", "pyqtgraph", True),
        ("gui.pages.train", "gui.window", True),
        ("gui.window", "torch", True),
    ],
)
def test_the_table_refuses_what_it_should(module, target, is_lazy):
    assert not is_allowed(Import(module, target, 1, is_lazy))


def test_the_table_has_no_line_that_nothing_needs():
    idle = [layer.name for layer in TABLE if not any(layer_of(module) is layer for module in modules())]
    assert idle == []


@pytest.mark.parametrize("layer", TABLE, ids=lambda layer: layer.name)
def test_no_permission_outlives_its_use(layer):
    mine = [found for found in imports() if layer_of(found.module) is layer]
    used = {found.target for found in mine if not found.is_named}
    named = {found.target for found in mine if found.is_named}
    third = [name for name in layer.third_party + layer.lazily if not any(is_within(t, name) for t in used)]
    named_in_vain = [name for name in layer.names if not any(is_within(t, name) for t in named)]
    assert (third, named_in_vain) == ([], [])


def reached_from(package):
    """Every project module that importing anything of a package can load, however late."""
    reached, waiting = set(), [module for module in modules() if module.split(".")[0] == package]
    links = {module: set() for module in modules()}
    for found in imports():
        if found.is_project and not found.is_named:
            links[found.module].add(found.target)
    while waiting:
        module = waiting.pop()
        if module not in reached:
            reached.add(module)
            waiting += links.get(module, ())
    return reached


@pytest.mark.parametrize(("package", "forbidden"), [("gui", TORCH), ("engine", QT)])
def test_the_window_never_reaches_torch_and_the_engine_never_reaches_qt(package, forbidden):
    reached = reached_from(package)
    wrong = [
        str(found)
        for found in imports()
        if found.module in reached and any(is_within(found.target, name) for name in forbidden)
    ]
    assert wrong == []


def test_the_engine_never_reaches_the_window():
    assert [module for module in reached_from("engine") if module.split(".")[0] == "gui"] == []


def pages():
    """The pages: the modules that the window opens by name, and Welcome, which it opens first."""
    named = {found.target for found in imports() if found.module == "gui.window" and found.is_named}
    return {target for target in named if target.startswith("gui.pages.")} | {"gui.pages.welcome"}


def test_a_page_is_known_to_the_window_only():
    assert len(pages()) > 5
    wrong = [str(found) for found in imports() if found.target in pages() and found.module != "gui.window"]
    assert wrong == []


def test_a_part_of_a_page_is_used_by_its_own_page_only():
    """`train_live.py` belongs to `train.py`; `page.py` is what every page is made of."""
    wrong = []
    for found in imports():
        shared = found.target == "gui.pages.page"
        if found.target.startswith("gui.pages.") and found.target not in pages() and not shared:
            owner = max((page for page in pages() if found.target.startswith(f"{page}_")), default=None)
            if owner is None or not (found.module == owner or found.module.startswith(f"{owner}_")):
                wrong.append(str(found))
    assert wrong == []


def test_the_set_up_needs_nothing_but_python():
    from tests.rules.source_tree import ROOT, imports_of

    own = {"computer", "environment"}
    paths = [ROOT / "run.py", *(ROOT / "packaging" / f"{name}.py" for name in sorted(own))]
    wrong = [
        f"{path.name}:{found.line} imports {found.target}"
        for path in paths
        for found in imports_of(path.stem, path)
        if not is_standard(found.target) and found.target not in own
    ]
    assert wrong == []
