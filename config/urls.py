"""Every address, app by app."""

from django.urls import include, path

from annotation.urls import urlpatterns as annotation_urls
from evaluation.urls import urlpatterns as evaluation_urls
from exchange.urls import annotation_pages, evaluation_pages
from jobs.health import healthz

handler400 = "core.http.bad_request"
handler500 = "core.http.server_error"

urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("", include("core.urls")),
    path("projects/<slug:slug>/", include((annotation_urls + annotation_pages, "annotation"))),
    path("projects/<slug:slug>/", include("arbitration.urls")),
    path("projects/<slug:slug>/", include("training.urls")),
    path("projects/<slug:slug>/", include((evaluation_urls + evaluation_pages, "evaluation"))),
]
