"""Scores and labels are asked for in one place."""

import ast

from django.apps import apps

from annotation.models.answers import LabelOfAnswers, ScoreOfAnswers
from tests.architecture.source import ROOT, place, python_files, tree

ROWS = {model.__name__ for model in apps.get_models() if issubclass(model, ScoreOfAnswers | LabelOfAnswers)}


def names_in(node):
    match node:
        case ast.Name():
            return {node.id}
        case ast.Attribute():
            return {node.attr}
        case ast.ImportFrom():
            return {alias.name for alias in node.names}
        case ast.Constant(value=str(text)):
            return {text.rpartition(".")[2]}
    return set()


class TestTablesOfAnswers:
    def test_are_eight_of_one_layout(self):
        assert len(ROWS) == 8

    def test_are_named_by_models_only(self):
        found = [
            place(path, node)
            for path in python_files()
            if "models" not in path.relative_to(ROOT).parts
            for node in ast.walk(tree(path))
            if ROWS & names_in(node)
        ]
        assert found == []

    def test_have_the_owner_column_of_every_other(self):
        fields = {
            model.__name__: sorted(field.column for field in model._meta.concrete_fields)
            for model in apps.get_models()
            if issubclass(model, ScoreOfAnswers | LabelOfAnswers)
        }
        for name, columns in fields.items():
            assert columns in (
                ["axis_id", "id", "owner_id", "value"],
                ["id", "label_set_id", "owner_id", "value_id"],
            ), name
