from django.conf import settings
from django.urls import path
from django.views.static import serve
from django_peertube_runner_connector.urls import urlpatterns as of_the_connector

from peers.connector import views

urlpatterns = [
    *of_the_connector,
    path("api/v1/ping", views.ping),
    path("videos/<path:path>", serve, {"document_root": settings.VIDEOS}),
    path("transcode/<path:video>", views.transcode),
]
