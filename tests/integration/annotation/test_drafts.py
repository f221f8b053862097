"""Drafts: of one form the later save counts, and none replaces what its writer has not seen."""

import uuid
from datetime import timedelta
from itertools import count

import pytest

from annotation.answer_fields import differences
from annotation.assignment import next_assignment, release_lapsed
from annotation.drafts import DraftMoved, Writing, save_draft
from annotation.models import Draft, Rating
from annotation.rating import submit_rating
from core.errors import NotAllowed
from tests.factories.annotation import make_rating_stage
from tests.factories.core import NOW, make_project, make_user
from tests.integration.annotation.test_rating import LABELS, SCORES

pytestmark = pytest.mark.django_db
SECONDS = count(1)


@pytest.fixture
def team():
    return make_project()


@pytest.fixture
def slot(team):
    stage = make_rating_stage(team.project, prompts=1)
    return next_assignment(stage=stage, expert=team.experts[0], now=NOW)


def save(slot, text, writing=None, **fields):
    now = NOW + timedelta(seconds=next(SECONDS))
    return save_draft(
        response=slot.response, by=slot.expert, fields={"comment": text} | fields, writing=writing, now=now
    )


def kept():
    return Draft.objects.get().fields["comment"]


class TestSaveDraft:
    def test_overwrites_the_former_draft_and_renews_the_lease(self, slot):
        for text in ("one", "two"):
            draft = save(slot, text)
        assert kept() == "two"
        slot.refresh_from_db()
        assert slot.lease_until > draft.updated_at

    def test_is_refused_to_those_who_were_never_given_the_response(self, team, slot):
        for stranger in (team.experts[1], make_user()):
            with pytest.raises(NotAllowed):
                save_draft(response=slot.response, by=stranger, fields={}, now=NOW)

    def test_of_one_form_keeps_the_later_save_whichever_arrives_first(self, slot):
        form = uuid.uuid4()
        save(slot, "half a thought", Writing(form, 2))
        assert save(slot, "half", Writing(form, 1)).fields["comment"] == "half a thought"
        assert kept() == "half a thought"
        save(slot, "a whole thought", Writing(form, 3))
        assert kept() == "a whole thought"

    def test_of_a_form_that_nobody_counts_keeps_the_last(self, slot):
        form = uuid.uuid4()
        for text in ("one", "two"):
            save(slot, text, Writing(form))
        assert kept() == "two"

    def test_goes_on_from_the_draft_that_a_page_was_opened_with(self, slot):
        first = save(slot, "from the first tab", Writing(uuid.uuid4(), 1))
        save(slot, "from the second tab", Writing(uuid.uuid4(), 1, seen=first.version))
        assert kept() == "from the second tab"

    def test_never_replaces_what_was_written_elsewhere_since(self, slot):
        old = Writing(uuid.uuid4(), 1)
        first = save(slot, "from the first tab", old)
        newer = save(slot, "from the second tab", Writing(uuid.uuid4(), 1, seen=first.version))
        for seen in ("", first.version):
            with pytest.raises(DraftMoved) as caught:
                save(slot, "from the first tab again", Writing(old.form, 2, seen=seen))
            assert caught.value.draft.fields == {"comment": "from the second tab"}
        assert kept() == "from the second tab"
        save(slot, "from the first tab, knowing of the second", Writing(old.form, 2, seen=newer.version))
        assert kept() == "from the first tab, knowing of the second"

    def test_a_save_that_was_sent_again_is_no_news_to_another_form(self, slot):
        form = uuid.uuid4()
        first = save(slot, "from the first tab", Writing(form, 1))
        again = save(slot, "from the first tab", Writing(form, 2), seconds="9")
        assert again.version == first.version and again.fields["seconds"] == "9"
        save(slot, "from the second tab", Writing(uuid.uuid4(), 1, seen=first.version))
        assert kept() == "from the second tab"

    def test_asks_nobody_where_both_wrote_the_same_or_nothing_was_written(self, slot):
        save(slot, "the same", Writing(uuid.uuid4(), 1), seconds="3")
        save(slot, "the same", Writing(uuid.uuid4(), 1), seconds="9")
        Draft.objects.all().delete()
        release_lapsed(now=NOW + timedelta(hours=5))
        assert Draft.objects.get().fields == {}
        save(slot, "after the lease", Writing(uuid.uuid4(), 1))
        assert kept() == "after the lease"


class TestSubmit:
    def submit(self, slot, writing):
        return submit_rating(
            assignment=slot,
            by=slot.expert,
            scores=SCORES,
            labels=LABELS,
            submission=uuid.uuid4(),
            writing=writing,
            now=NOW,
        )

    def test_drops_the_draft_of_its_own_form_and_the_one_it_was_opened_with(self, slot):
        form = uuid.uuid4()
        save(slot, "x", Writing(form, 4))
        self.submit(slot, Writing(form, 4))
        assert not Draft.objects.exists() and Rating.objects.count() == 1

    def test_never_drops_what_was_written_elsewhere_since(self, slot):
        form = uuid.uuid4()
        first = save(slot, "from the first tab", Writing(form, 1))
        newer = save(slot, "from the second tab", Writing(uuid.uuid4(), 1, seen=first.version))
        with pytest.raises(DraftMoved):
            self.submit(slot, Writing(form, 1))
        assert kept() == "from the second tab" and not Rating.objects.exists()
        self.submit(slot, Writing(form, 1, seen=newer.version))
        assert not Draft.objects.exists() and Rating.objects.count() == 1


class TestDifferences:
    def test_tell_in_words_what_differs(self, slot):
        one = {"score-safety": "4", "score-relevance": "2", "label-verdict": "aligned", "comment": "Fine. "}
        other = {
            "score-safety": "1",
            "score-relevance": "2",
            "label-verdict": "misaligned",
            "comment": "Fine.",
        }
        assert differences(slot.stage.policy, one, other | {"asks_senior": "on"}) == [
            ("Safety", "4", "1"),
            ("Verdict", "Aligned", "Misaligned"),
            ("Ask a senior", "", "yes"),
        ]
