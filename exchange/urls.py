"""Pages that take or give files. They stand among the addresses and under the names of the rooms whose rows they
carry; config/urls.py joins them there."""

from django.urls import path

from exchange import views

annotation_pages = [
    path("prompts/import/", views.import_prompt_file, name="import-prompts"),
    path("stages/<stage:stage_key>/responses/", views.import_response_file, name="import-responses"),
]
evaluation_pages = [path("export/", views.export, name="export")]
