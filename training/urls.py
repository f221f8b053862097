from django.urls import path

from training import (
    base_model_views,
    comparing_views,
    generation_views,
    group_views,
    launch_views,
    loop_views,
    promotion_views,
    rehearsal_views,
    run_views,
    set_views,
    views,
)

app_name = "training"
urlpatterns = [
    path("generate/", generation_views.start, name="generate"),
    path("stages/<stage:stage_key>/generation/", generation_views.generate_stage, name="generate-stage"),
    path(
        "stages/<stage:stage_key>/generation/cancel/",
        generation_views.cancel_generation,
        name="cancel-generation",
    ),
    path(
        "stages/<stage:stage_key>/comparison/generate/",
        comparing_views.generate_wanted,
        name="generate-wanted",
    ),
    path("stages/<stage:stage_key>/comparison/cancel/", comparing_views.cancel_wanted, name="cancel-wanted"),
    path("stages/<stage:stage_key>/comparison/without/", comparing_views.open_without, name="open-without"),
    path("stages/<stage:stage_key>/training/", views.stage_panel, name="stage-panel"),
    path("stages/<stage:stage_key>/training/launch/", launch_views.launch, name="launch"),
    path("stages/<stage:stage_key>/training/rehearsal/", rehearsal_views.rehearsal, name="rehearsal"),
    path("stages/<stage:stage_key>/training/group/", group_views.launch, name="launch-group"),
    path("stages/<stage:stage_key>/training/group/plan/", group_views.plan, name="group-plan"),
    path("groups/<int:pk>/", group_views.group_page, name="group"),
    path("groups/<int:pk>/cancel/", group_views.cancel, name="cancel-group"),
    path("groups/<int:pk>/resume/", group_views.resume, name="resume-group"),
    path("stages/<stage:stage_key>/promote/", promotion_views.promote_model, name="promote"),
    path(
        "stages/<stage:stage_key>/promote/requests/<int:pk>/",
        promotion_views.promotion_request,
        name="promotion-request",
    ),
    path("runs/<int:pk>/", run_views.run_page, name="run"),
    path("runs/<int:pk>/log/", run_views.run_log, name="run-log"),
    path("runs/<int:pk>/cancel/", run_views.cancel, name="cancel"),
    path("runs/<int:pk>/resume/", run_views.resume, name="resume"),
    path("setup/model/", base_model_views.base_model, name="base-model"),
    path("setup/checklist/", loop_views.checklist, name="checklist"),
    path("loop/", loop_views.loop, name="loop"),
    path("models/", views.models_page, name="models"),
    path("training-sets/<int:pk>/", set_views.training_set_page, name="training-set"),
    path("training-sets/<int:pk>/file/", set_views.training_set_file, name="training-set-file"),
]
