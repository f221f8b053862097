from django.urls import path

from evaluation import comparing_views, endpoint_views, external_views, side_views, spot_views, views

app_name = "evaluation"
urlpatterns = [
    path("report/", views.report, name="report"),
    path("report/compare/", comparing_views.compare, name="compare"),
    path("report/compare/preview/", comparing_views.compare_preview, name="compare-preview"),
    path("report/compare/plan/", comparing_views.plan_comparison, name="plan"),
    path("report.json", views.report_json, name="report-json"),
    path("report.html", views.report_file, {"kind": "html"}, name="report-html"),
    path("report.csv", views.report_file, {"kind": "csv"}, name="report-csv"),
    path("report/registered/", endpoint_views.endpoints, name="endpoints"),
    path("report/registered/new/", endpoint_views.register, name="register-endpoints"),
    path("report/spot-checks/", spot_views.spot_checks, name="spot-checks"),
    path("report/spot-checks/<int:pk>/", spot_views.spot_check, name="spot-check"),
    path("report/spot-checks/<int:pk>/note/", spot_views.note, name="spot-note"),
    path("report/figures/", views.figure, name="figure"),
    path("report/figures/<slug:key>.svg", views.figure_file, name="figure-file"),
    path("models/<int:pk>/benchmarks/", external_views.benchmarks, name="benchmarks"),
    path("stages/<stage:stage_key>/comparison/", comparing_views.comparison_panel, name="comparison-panel"),
    path("stages/<stage:stage_key>/coherence/", views.stage_panel, name="stage-panel"),
    path("stages/<stage:stage_key>/coherence/resume/", views.resume, name="resume-scoring"),
    path("stages/<stage:stage_key>/coherence/cancel/", views.cancel, name="cancel-scoring"),
    path("stages/<stage:stage_key>/side-by-side/", side_views.panel, name="side-by-side"),
]
