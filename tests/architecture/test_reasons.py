"""Every reason that the code gives has its words, and every word its parameters."""

import ast
import re

from jobs.reasons import WORDS
from tests.architecture.source import APPS, place, python_files, tree

GIVEN_AT = {"Failure": 1, "Refused": 0, "reason": 0, "within": 0}
"""Which argument of a call is the code."""


def given():
    """(place, code, names of parameters) of every reason that is written down in the code."""
    for path in python_files(*APPS):
        for node in ast.walk(tree(path)):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name in GIVEN_AT and len(node.args) > GIVEN_AT[name]:
                code = node.args[GIVEN_AT[name]]
                if isinstance(code, ast.Constant | ast.JoinedStr):
                    yield place(path, node), code, {word.arg for word in node.keywords}


class TestReasons:
    def test_that_the_code_gives_are_known(self):
        assert [
            where
            for where, code, _ in given()
            if not (isinstance(code, ast.Constant) and code.value in WORDS)
        ] == []

    def test_name_the_parameters_of_their_words(self):
        wrong = []
        for where, code, names in given():
            needed = set(re.findall(r"%\((\w+)\)s", WORDS[code.value]))
            if None not in names and not needed <= names and "because" not in needed:
                wrong.append(f"{where}: {needed - names}")
        assert wrong == []
