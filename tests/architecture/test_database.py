"""Migrations and the page of states."""

from io import StringIO

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState

from core.management.commands.states import sections
from core.transitions import models_with_status
from tests.architecture.source import APPS, ROOT

ORDER = {app: number for number, app in enumerate(APPS)}


class TestMigrations:
    def test_none_is_missing(self):
        loader = MigrationLoader(None)
        changes = MigrationAutodetector(loader.project_state(), ProjectState.from_apps(apps)).changes(
            loader.graph
        )
        assert {app: [str(m.operations) for m in found] for app, found in changes.items()} == {}

    def test_are_acyclic_and_lead_to_one_state(self):
        loader = MigrationLoader(None)
        loader.graph.validate_consistency()
        loader.graph.ensure_not_cyclic()
        assert loader.detect_conflicts() == {}

    def test_of_an_app_depend_on_upstream_apps_only(self):
        loader = MigrationLoader(None)
        wrong = [
            f"{app}.{name} depends on {other}.{its_name}"
            for (app, name), migration in loader.disk_migrations.items()
            for other, its_name in migration.dependencies
            if app in ORDER and other in ORDER and ORDER[other] > ORDER[app]
        ]
        assert wrong == []


class TestForeignKeys:
    def test_point_upstream(self):
        wrong = [
            f"{model._meta.label}.{field.name}"
            for model in apps.get_models()
            if model._meta.app_label in ORDER
            for field in model._meta.get_fields()
            if field.many_to_one and field.concrete and field.related_model._meta.app_label in ORDER
            if ORDER[field.related_model._meta.app_label] > ORDER[model._meta.app_label]
        ]
        assert wrong == []


class TestStates:
    @pytest.mark.parametrize("model", models_with_status(), ids=lambda model: model.__name__)
    def test_each_has_its_moves_its_label_and_its_colour(self, model):
        assert set(model.TRANSITIONS) == set(model.Status)
        assert set(model.COLOURS) == set(model.Status)
        ends = {status for status, moves in model.TRANSITIONS.items() if not moves}
        assert ends <= set(getattr(model, "TERMINAL", ends))

    def test_page_equals_the_code(self):
        page = ROOT / "docs" / "states.md"
        assert page.read_text() == sections(), "run manage.py states --write"

    def test_command_prints_the_page(self):
        out = StringIO()
        call_command("states", stdout=out)
        assert out.getvalue() == sections()
