"""The structure that keeps the package readable and its core loadable from the Hub, checked on the source text.

Imports, those inside functions and by string too, run one way: core <- scores, analysis <- edits <- rendering <-
corpus, hub <- composing <- stage_data <- training, evaluation <- cli, demo, and inside core as in `CORE_LAYERS`. Units
of one layer may use each other as long as no circle arises. The package's root only maps names to modules and is
outside the order.
"""

import ast
import graphlib
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "remi_two_stage"
MODULES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))
CORE_MODULES = [module for module in MODULES if module.parts[0] == "core"]

LAYERS = (
    {"version", "atomic_files"},
    {"core"},
    {"pretrained"},
    {"scores", "analysis"},
    {"edits"},
    {"rendering"},
    {"score_files"},
    {"corpus", "composing/checkpoint"},
    {"hub"},
    {"composing"},
    {"stage_data"},
    {"training", "evaluation"},
    {"cli", "demo", "__main__"},
)
CORE_LAYERS = (
    {
        "__init__",
        "errors",
        "text",
        "playing_order",
        "unfolded",
        "voices",
        "note_values",
        "signatures",
        "notation",
        "piece",
        "arguments",
        "chords",
        "vocabulary",
        "ranges",
        "attention_kinds",
        "attention_coordinates",
        "prompt_lookup",
    },
    {
        "excerpt",
        "features",
        "plan",
        "grammar_structure",
        "grammar_harmony",
        "grammar_voices",
        "fitting",
        "counterpoint",
        "counterpoint_choirs",
        "counterpoint_harmony",
        "counterpoint_parts",
        "counterpoint_players",
        "counterpoint_tune",
        "counterpoint_reader",
        "divided_choirs",
        "plan_harmony",
        "worn_bars",
        "replaced_bars",
        "recalled_bars",
        "recalled_figures",
        "recalled_lines",
        "grammar",
        "sequences",
        "codec",
        "reward",
        "abc_bar_lines",
        "abc_notation",
        "abc_spelling",
        "abc_systems",
        "abc_values",
        "layers",
        "repeats",
        "double_lines",
        "abc_writer",
        "instruments",
        "sampling",
        "decoding_choice",
        "decoding_rules",
        "request",
        "architecture",
    },
    {
        "checkpoint_files_remi",
        "attention_rotation_remi",
        "requirements_remi",
        "code_folder_remi",
        "stop_strings_remi",
    },
    {"decoding_weights_remi", "decoding_backbone_remi", "decoding_remi", "composing_remi"},
    {"configuration_remi", "checkpoint_remi", "tokenization_remi", "pipeline_remi", "repository_remi"},
    {"attention_remi", "attention_blockwise_remi", "attention_coordinates_remi"},
    {"modeling_remi", "generation_processors_remi", "generation_remi"},
)
TORCH_FREE_CORE = CORE_LAYERS[0] | CORE_LAYERS[1]
UPWARD_BY_STRING = {
    (Path("core/tokenization_remi.py"), "remi_two_stage.scores.abc_reader"),
    (Path("core/tokenization_remi.py"), "remi_two_stage.scores.music21_bridge"),
    (Path("core/tokenization_remi.py"), "remi_two_stage.analysis.harmony"),
}
"""The only imports that run against the order: the tokenizer of a stranger works without them."""
TORCH_FREE = [
    module
    for module in MODULES
    if module.parts[0] in {"scores", "analysis", "edits", "rendering"}
    or (module in CORE_MODULES and module.stem in TORCH_FREE_CORE)
]
BRINGS_TORCH = {"torch", "transformers", "accelerate"}
WITH_TRANSFORMERS = {"numpy", "tokenizers", "safetensors", "huggingface_hub"}
"""What comes with every transformers."""
ALLOWED_IN_CORE = sys.stdlib_module_names | {"torch", "transformers"} | WITH_TRANSFORMERS
SLOW = {"torch", "transformers", "music21", "datasets", "numpy"}
"""What takes a tenth of a second and more to import."""
LONGEST_FILE = 500


@dataclass(frozen=True)
class Import:
    """One imported name, absolute: `from ..core.piece import Note` is `remi_two_stage.core.piece.Note`."""

    name: str
    statement: str
    line: int
    is_by_string: bool = False

    @property
    def top(self) -> str:
        return self.name.partition(".")[0]


@cache
def imports_of(module: Path) -> tuple[Import, ...]:
    """Every import anywhere in a module, those inside functions and by string too."""
    return tuple(_imports(module))


def _imports(module: Path) -> Iterator[Import]:
    package = (PACKAGE.name, *module.parent.parts)
    for node in ast.walk(ast.parse((PACKAGE / module).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            origin = ".".join((*above, *filter(None, [node.module])))
            names = [f"{origin}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            assert isinstance(node.args[0], ast.Constant), f"{module}, line {node.lineno}: which module is imported?"
            yield Import(node.args[0].value, ast.unparse(node), node.lineno, is_by_string=True)
            continue
        else:
            continue
        yield from (Import(name, ast.unparse(node), node.lineno) for name in names)


def internal(imported: Import) -> Path | None:
    """The module of this package that an import leads to, None if it leads elsewhere."""
    top, *parts = imported.name.split(".")
    if top != PACKAGE.name:
        return None
    for end in range(len(parts), -1, -1):
        path = Path(*parts[:end])
        for candidate in (path.with_suffix(".py") if path.name else None, path / "__init__.py"):
            if candidate in MODULES:
                return candidate
    return None


def layer(module: Path) -> tuple[int, int]:
    """The place of a module in the order: the layer of its unit, then within core the layer of the file."""
    name = module.with_suffix("").as_posix()
    unit = name.partition("/")[0]
    outer = next((rank for rank, units in enumerate(LAYERS) if units & {unit, name}), None)
    assert outer is not None, f"{module} has no place in LAYERS"
    if unit != "core":
        return outer, 0
    inner = next((rank for rank, files in enumerate(CORE_LAYERS) if module.stem in files), None)
    assert inner is not None, f"{module} has no place in CORE_LAYERS"
    return outer, inner


def reached_from(module: Path) -> set[Path]:
    """The modules of this package that importing one of them may bring in, itself and the packages above included."""
    reached: set[Path] = set()
    waiting = [module]
    while waiting:
        module = waiting.pop()
        if module not in reached:
            reached.add(module)
            packages = [parent / "__init__.py" for parent in module.parents]
            waiting += [package for package in packages if package in MODULES and package != Path("__init__.py")]
            waiting += [
                target
                for imported in imports_of(module)
                if (target := internal(imported)) and not imported.is_by_string
            ]
    return reached


@pytest.mark.parametrize("module", [m for m in MODULES if m != Path("__init__.py")], ids=str)
def test_a_module_imports_only_from_its_own_layer_and_below(module: Path) -> None:
    upward = [
        f"line {imported.line}: {imported.statement}"
        for imported in imports_of(module)
        if (target := internal(imported)) and (target == Path("__init__.py") or layer(target) > layer(module))
        if (module, imported.name) not in UPWARD_BY_STRING
    ]
    assert upward == []


def test_no_more_imports_by_string_than_those_that_are_listed() -> None:
    by_string = {
        (module, imported.name)
        for module in MODULES
        if module != Path("__init__.py")
        for imported in imports_of(module)
        if imported.is_by_string and imported.top == PACKAGE.name
    }
    assert by_string == UPWARD_BY_STRING


def test_no_circle_of_imports() -> None:
    graph = {
        module: {
            target
            for imported in imports_of(module)
            if (target := internal(imported)) and target != module and (module, imported.name) not in UPWARD_BY_STRING
        }
        for module in MODULES
        if module != Path("__init__.py")
    }
    graphlib.TopologicalSorter(graph).prepare()


@pytest.mark.parametrize("module", TORCH_FREE, ids=str)
def test_music_is_handled_without_torch(module: Path) -> None:
    through = {str(reached) for reached in reached_from(module) for i in imports_of(reached) if i.top in BRINGS_TORCH}
    assert through == set()


@pytest.mark.parametrize("module", CORE_MODULES, ids=str)
def test_core_can_travel_to_the_hub(module: Path) -> None:
    """transformers copies a checkpoint's code as flat files and follows no other form of relative import."""
    assert len(module.parts) == 2, "core is flat"
    for imported in imports_of(module):
        if imported.is_by_string:
            assert (module, imported.name) in UPWARD_BY_STRING
        elif imported.top == PACKAGE.name:
            assert re.match(r"from \.\w+ import ", imported.statement), imported
        else:
            assert imported.top in ALLOWED_IN_CORE, imported


@pytest.mark.parametrize("module", CORE_MODULES, ids=str)
def test_no_prose_in_core_reads_like_an_import(module: Path) -> None:
    """transformers finds the files to copy with a regular expression over the raw text, docstrings included."""
    text = (PACKAGE / module).read_text(encoding="utf-8")
    found = {
        text.count("\n", 0, match.end()) + 1
        for match in re.finditer(r"^[ \t]*(from[ \t]+\.|import[ \t])", text, re.MULTILINE)
    }
    assert found <= {imported.line for imported in imports_of(module)}


def test_files_stay_short() -> None:
    folders = [ROOT / name for name in ("remi_two_stage", "tests", "examples", "benchmarks")]
    lengths = {
        path.relative_to(ROOT): len(path.read_text(encoding="utf-8").splitlines())
        for folder in folders
        for path in folder.rglob("*.py")
    }
    assert {path: lines for path, lines in lengths.items() if lines > LONGEST_FILE} == {}


@pytest.mark.parametrize(
    ("module", "heavy"),
    [("remi_two_stage", SLOW), ("remi_two_stage.cli", SLOW), ("remi_two_stage.corpus.preparation", SLOW - {"numpy"})],
)
def test_what_is_imported_often_loads_neither_torch_nor_music21(module: str, heavy: set[str]) -> None:
    program = f"import sys, {module}; print(sorted({heavy} & set(sys.modules)))"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]", shown.stdout


def test_composing_loads_neither_transformers_nor_music21(tmp_path: Path) -> None:
    program = (
        "import sys, remi_two_stage as r; piece = r.Composer.from_pretrained().compose('jig', 'D', bars=4, seed=1)\n"
        f"r.write_score(piece, {str(tmp_path / 'tune.abc')!r}); r.write_score(piece, {str(tmp_path / 'tune.mid')!r})\n"
        "print(sorted({'transformers', 'music21', 'datasets', 'huggingface_hub'} & set(sys.modules)))"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]", shown.stdout
