"""Files as they are uploaded."""

from django.core.files.uploadedfile import SimpleUploadedFile

from exchange.models import FileImport
from exchange.uploads import take_upload
from tests.factories.core import NOW


def make_upload(project, text='{"prompt": "Why?"}\n', name="prompts.jsonl", *, stage=None, by=None, now=NOW):
    """An uploaded file, of responses where a stage is given; checked at once if it is small."""
    raw = text if isinstance(text, bytes) else text.encode()
    kind = FileImport.Kind.RESPONSES if stage else FileImport.Kind.PROMPTS
    file = SimpleUploadedFile(name, raw)
    return take_upload(project=project, stage=stage, kind=kind, file=file, by=by, now=now)
