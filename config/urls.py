"""Every address, app by app."""

from django.urls import include, path

from core.health import healthz

urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("", include("core.urls")),
    path("projects/<slug:slug>/", include("annotation.urls")),
    path("projects/<slug:slug>/", include("arbitration.urls")),
    path("projects/<slug:slug>/", include("training.urls")),
    path("projects/<slug:slug>/", include("evaluation.urls")),
]
