"""Addresses of the site."""

from django.urls import path

from notes import views

urlpatterns = [path("", views.listing), path("add", views.add)]
