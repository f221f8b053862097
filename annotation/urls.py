from django.urls import path

from annotation.views import left, mine, preview, prompts, rate, stage

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
    path("ratings/<rating:pk>/take-back/", rate.take_back, name="take-back"),
    path("ratings/<rating:pk>/correct/", mine.correct, name="correct"),
    path("my-ratings/called-in/", mine.called_in, name="called-in"),
    path("setup/preview/", preview.rubric_preview, name="rubric-preview"),
    path("prompts/", prompts.prompts, name="prompts"),
    path("prompts/<int:pk>/", prompts.prompt_page, name="prompt"),
    path("prompts/<int:pk>/edit/", prompts.edit, name="edit-prompt"),
    path("prompts/<int:pk>/set-aside/", prompts.set_aside, name="set-aside-prompt"),
    path("prompts/<int:pk>/bring-back/", prompts.bring_back, name="bring-back-prompt"),
    path("prompts/open-stage/", prompts.open_import_stage, name="open-import-stage"),
    path("stages/<stage:stage_key>/ratings/", stage.stage_panel, name="stage-panel"),
    path("stages/<stage:stage_key>/agreement/", stage.agreement_of_stage, name="stage-agreement"),
    path("stages/<stage:stage_key>/open-rating/", stage.open_stage_rating, name="open-rating"),
    path("stages/<stage:stage_key>/left/", left.left, name="left"),
    path("stages/<stage:stage_key>/left/responses/", left.responses, name="responses"),
    path("slots/<slot:pk>/call-in/", left.call_in_slot, name="call-in"),
    path("responses/<response:pk>/", left.response_page, name="response"),
    path("responses/<response:pk>/set-aside/", left.set_aside, name="set-aside"),
    path("responses/<response:pk>/bring-back/", left.bring_back, name="bring-back"),
    path("responses/<response:pk>/fewer-ratings/", left.fewer, name="fewer-ratings"),
]
