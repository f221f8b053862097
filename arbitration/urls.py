app_name = "arbitration"
urlpatterns = []
