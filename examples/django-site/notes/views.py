"""List the notes, add one."""

from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_POST

from notes.models import Note


def listing(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"notes": list(Note.objects.order_by("id").values_list("text", flat=True))})


@require_POST
def add(request: HttpRequest) -> JsonResponse:
    note = Note.objects.create(text=request.POST["text"])
    return JsonResponse({"id": note.pk}, status=201)
