from django.urls import path

from annotation.views import mine, prompts, rate, stage

app_name = "annotation"
urlpatterns = [
    path("rate/", rate.rate, name="rate"),
    path("rate/waiting/", rate.waiting, name="waiting"),
    path("rate/<slot:pk>/submit/", rate.submit, name="submit"),
    path("rate/<slot:pk>/draft/", rate.draft, name="draft"),
    path("rate/<slot:pk>/decline/", rate.decline_response, name="decline"),
    path("guidelines/", rate.guidelines, name="guidelines"),
    path("guidelines/<int:version>/", rate.guidelines, name="guidelines-version"),
    path("ratings/", mine.my_ratings, name="my-ratings"),
    path("ratings/<rating:pk>/", mine.my_rating, name="my-rating"),
    path("prompts/", prompts.prompts, name="prompts"),
    path("prompts/open-stage/", prompts.open_import_stage, name="open-import-stage"),
    path("stages/<stage:stage_key>/ratings/", stage.stage_panel, name="stage-panel"),
    path("stages/<stage:stage_key>/agreement/", stage.agreement_of_stage, name="stage-agreement"),
    path("stages/<stage:stage_key>/open-rating/", stage.open_stage_rating, name="open-rating"),
]
