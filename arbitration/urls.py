from django.urls import path

from arbitration import revision_views, stage_views, views

app_name = "arbitration"
urlpatterns = [
    path("arbitrate/", views.queue_page, name="queue"),
    path("arbitrate/waiting/", views.waiting, name="waiting"),
    path("arbitrate/arrived/", views.arrived, name="arrived"),
    path("arbitrate/next/", views.claim_next, name="claim-next"),
    path("arbitrate/responses/<response:response>/", views.look, name="look"),
    path("arbitrate/responses/<response:response>/claim/", views.claim, name="claim"),
    path("arbitrate/cases/<case:case>/", views.case_page, name="case"),
    path("arbitrate/cases/<case:case>/resolve/", views.resolve, name="resolve"),
    path("arbitrate/cases/<case:case>/exclude/", views.exclude, name="exclude"),
    path("arbitrate/cases/<case:case>/release/", views.release, name="release"),
    path("arbitrate/cases/<case:case>/call-in/", stage_views.call_in, name="call-in"),
    path("arbitrate/cases/<case:case>/return/", views.return_to_experts, name="return"),
    path("arbitrate/cases/<case:case>/one-more/", views.one_more, name="one-more"),
    path("arbitrate/cases/<case:case>/reopen/", views.reopen, name="reopen"),
    path("arbitrate/decisions/", views.decisions, name="decisions"),
    path("arbitrate/revisions/", revision_views.revisions, name="revisions"),
    path("arbitrate/revisions/<rating:rating>/accept/", revision_views.accept, name="accept-revision"),
    path("arbitrate/revisions/<rating:rating>/reject/", revision_views.reject, name="reject-revision"),
    path("stages/<stage:stage_key>/finalize/", stage_views.finalize, name="finalize"),
    path("stages/<stage:stage_key>/arbitration/", stage_views.stage_panel, name="stage-panel"),
]
