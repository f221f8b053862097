"""Rules of the house that a reader of the code could check by hand, checked by machine."""

import ast

from tests.architecture.source import APPS, ROOT, place, python_files, tree

SIGNAL_MODULES = (
    "django.db.models.signals",
    "django.core.signals",
    "django.dispatch",
    "django.contrib.auth.signals",
)
BROAD = {"Exception", "BaseException"}
THE_ONE_PLACE = ROOT / "core" / "transitions.py"


def nodes(kind, *folders):
    for path in python_files(*folders):
        for node in ast.walk(tree(path)):
            if isinstance(node, kind):
                yield path, node


class TestSignals:
    def test_are_not_received(self):
        found = []
        for path, node in nodes((ast.Import, ast.ImportFrom)):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
            found += [place(path, node) for name in names if name.startswith(SIGNAL_MODULES)]
        for path, node in nodes(ast.ImportFrom):
            if node.module == "django.db.models" and any(alias.name == "signals" for alias in node.names):
                found.append(place(path, node))
        assert found == []


class TestStatuses:
    def test_are_written_in_one_place_only(self):
        found = []
        for path, node in nodes(ast.Call, *APPS):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            if name in {"update", "update_or_create"} and any(word.arg == "status" for word in node.keywords):
                found.append(place(path, node))
            if name == "bulk_update" and any(
                isinstance(each, ast.Constant) and each.value == "status" for each in ast.walk(node)
            ):
                found.append(place(path, node))
            if name == "setattr" and any(
                isinstance(a, ast.Constant) and a.value == "status" for a in node.args
            ):
                found.append(place(path, node))
        for path, node in nodes((ast.Assign, ast.AnnAssign, ast.AugAssign), *APPS):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                if isinstance(target, ast.Attribute) and target.attr == "status":
                    found.append(place(path, node))
        found = [each for each in found if not each.startswith(str(THE_ONE_PLACE.relative_to(ROOT)))]
        assert found == []


class TestExceptions:
    def test_are_never_caught_broadly(self):
        found = []
        for path, node in nodes(ast.ExceptHandler):
            caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            names = {getattr(each, "id", getattr(each, "attr", None)) for each in caught}
            if node.type is None or (names & BROAD and not reraises(node)):
                found.append(place(path, node))
        assert found == []


def reraises(handler):
    """A handler may look at everything that ends, in order to record it, if it lets it go on."""
    return any(isinstance(node, ast.Raise) and node.exc is None for node in ast.walk(handler))


class TestModels:
    def test_save_holds_no_logic(self):
        found = [
            place(path, method)
            for path, node in nodes(ast.ClassDef, *APPS)
            for method in node.body
            if isinstance(method, ast.FunctionDef)
            and method.name in {"save", "delete"}
            and "models" in str(path)
        ]
        assert found == []

    def test_have_docstrings(self):
        from django.apps import apps

        bare = [
            model._meta.label
            for app in APPS
            for model in apps.get_app_config(app).get_models()
            if not model.__doc__ or model.__doc__.startswith(f"{model.__name__}(")
        ]
        assert bare == []


class TestUseCases:
    def test_that_name_who_and_when_are_keyword_only_and_documented(self):
        """A function that takes `by` and `now` writes history: nobody may mix up its arguments."""
        found = []
        for path, node in nodes(ast.FunctionDef, *APPS):
            if node.name.startswith("_"):
                continue
            positional = [argument.arg for argument in node.args.posonlyargs + node.args.args]
            keyword = {argument.arg for argument in node.args.kwonlyargs}
            if {"by", "now"} & set(positional):
                found.append(f"{place(path, node)} {node.name} takes by or now by position")
            if {"by", "now"} <= keyword and not ast.get_docstring(node):
                found.append(f"{place(path, node)} {node.name} has no docstring")
        assert found == []


class TestAddresses:
    def test_that_only_take_forms_say_so(self):
        """Else a sign-in could lead back to one, by GET."""
        found = [
            place(path, node)
            for path, node in nodes(ast.ImportFrom, *APPS)
            if "require_POST" in {alias.name for alias in node.names} and path != ROOT / "core" / "access.py"
        ]
        assert found == [], "use core.access.form_only"


class TestNames:
    def test_no_module_is_called_utils(self):
        found = [
            path for path in python_files() if path.stem in {"utils", "helpers", "misc", "common", "services"}
        ]
        assert found == []
