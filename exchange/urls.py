"""Pages that take or give files. They stand among the addresses and under the names of the rooms whose rows they
carry; config/urls.py joins them there."""

from django.urls import path

from exchange import model_views, views

annotation_pages = [
    path("prompts/import/", views.import_prompt_file, name="import-prompts"),
    path("imports/<int:pk>/", views.import_page, name="import"),
    path("imports/<int:pk>/columns/", views.import_columns, name="import-columns"),
    path("imports/<int:pk>/write/", views.import_write, name="import-write"),
    path("imports/<int:pk>/cancel/", views.import_cancel, name="import-cancel"),
    path("imports/<int:pk>/resume/", views.import_resume, name="import-resume"),
    path("imports/<int:pk>/discard/", views.import_discard, name="import-discard"),
    path("stages/<stage:stage_key>/responses/", views.import_response_file, name="import-responses"),
]
evaluation_pages = [
    path("export/", views.export, name="export"),
    path("models/<int:pk>/card/", model_views.model_card, name="model-card"),
]
