"""What exchange leaves behind of a deleted project: the files that were uploaded to it."""

from django.core.files.storage import default_storage

from exchange.models import FileImport


def clear(project):
    """Remove them; what is gone already is passed over."""
    for upload in FileImport.objects.filter(project=project):
        default_storage.delete(upload.file)
