from django.contrib.auth import views as auth
from django.urls import path

from core import account_views, audit_views, project_views, setup_views, views

urlpatterns = [
    path("", views.home, name="home"),
    path("here/", views.here, name="here"),
    path("login/", account_views.SignIn.as_view(), name="login"),
    path("logout/", auth.LogoutView.as_view(), name="logout"),
    path("password/", account_views.PasswordChange.as_view(), name="password-change"),
    path("account/", account_views.own_account, name="account"),
    path("account/sign-out/", account_views.sign_out_elsewhere, name="sign-out-elsewhere"),
    path("welcome/<str:uid>/<str:token>/", account_views.password_by_link, name="password-link"),
    path("accounts/", account_views.account_list, name="account-list"),
    path("accounts/new/", account_views.account_invite, name="account-invite"),
    path("accounts/<int:pk>/", account_views.account_detail, name="account-detail"),
    path("accounts/<int:pk>/link/", account_views.account_link, name="account-link"),
    path("accounts/<int:pk>/<slug:act>/", account_views.account_act, name="account-act"),
    path("audit/", audit_views.site_audit, name="site-audit"),
    path("projects/", views.project_list, name="project-list"),
    # Outside projects/, so that a project may be called "New".
    path("new-project/", views.project_create, name="project-create"),
    path("projects/<slug:slug>/", views.project_detail, name="project-detail"),
    path("projects/<slug:slug>/stages/<stage:stage_key>/", views.stage_detail, name="stage-detail"),
    path("projects/<slug:slug>/project/", project_views.project_itself, name="project-itself"),
    path("projects/<slug:slug>/project/rename/", project_views.rename, name="project-rename"),
    path("projects/<slug:slug>/project/copy/", project_views.copy, name="project-copy"),
    path("projects/<slug:slug>/project/archive/", project_views.archive, name="project-archive"),
    path("projects/<slug:slug>/project/bring-back/", project_views.bring_back, name="project-bring-back"),
    path("projects/<slug:slug>/project/delete/", project_views.delete, name="project-delete"),
    path("projects/<slug:slug>/audit/", audit_views.project_audit, name="project-audit"),
    path("projects/<slug:slug>/setup/", setup_views.project_setup, name="project-setup"),
    path("projects/<slug:slug>/setup/guidelines/", setup_views.setup_guidelines, name="setup-guidelines"),
    path(
        "projects/<slug:slug>/setup/guidelines/preview/",
        setup_views.guidelines_preview,
        name="setup-guidelines-preview",
    ),
    path("projects/<slug:slug>/setup/people/", setup_views.setup_people, name="setup-people"),
    path("projects/<slug:slug>/setup/rubric/", setup_views.setup_rubric, name="setup-rubric"),
    path("projects/<slug:slug>/setup/members/", setup_views.setup_member_add, name="setup-member-add"),
    path("projects/<slug:slug>/setup/accounts/", setup_views.setup_account, name="setup-account"),
    path(
        "projects/<slug:slug>/setup/members/<int:pk>/remove/",
        setup_views.setup_member_remove,
        name="setup-member-remove",
    ),
]
