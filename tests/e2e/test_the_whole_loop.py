"""The entire loop in a real browser, on real processes: an admin, three experts and a lead bring an empty project to
the report of two stages. Everything is entered by hand, and the report is held against what was entered."""

import json
import re

import pytest
from playwright.sync_api import expect

from tests import browsing
from tests.e2e import turns
from tests.e2e.turns import BASE, NEXT, PROMPTS, REVISION
from tests.live import wait_until
from tests.personas import make_person

pytest.importorskip("torch")

PASSWORD = "plum jam on rye bread"
EXPERTS = ["ines", "jakob", "kaya"]
# A child that loads torch takes seconds on a quiet machine and a minute on a busy one.
PATIENCE = 240_000
ROOM = "/projects/kitchen-and-garden"


@pytest.fixture
def founder(concord_server):
    """Who installed Concord: the one account that is not made in the browser."""
    return make_person("amal", is_staff=True)


class TestTheWholeLoop:
    def test_goes_from_an_empty_project_to_the_report_of_two_stages(self, people, founder):
        admin = people.open(founder.username, password=browsing.PASSWORD)
        set_up(admin)
        bring_prompts(admin)
        open_base_stage(admin)
        experts = {name: people.open(name, password=PASSWORD) for name in EXPERTS}
        lead = people.open("lena", password=PASSWORD)

        everyone_rates(experts, BASE)
        the_lead_settles(lead, BASE, names=EXPERTS)
        accept_the_revision(lead)
        finalize(admin, "Base", decided=2, agreed=4)
        for page in experts.values():
            page.goto(f"{ROOM}/rate/")
            expect(page.get_by_text("Nothing to rate at the moment")).to_be_visible()
        train(admin)

        everyone_rates(experts, NEXT)
        the_lead_settles(lead, NEXT, names=EXPERTS)
        finalize(admin, "Stage 1", decided=2, agreed=4)
        nobody_sees_what_is_not_theirs(experts, lead)
        read_the_report(admin)
        take_the_records(admin)


def set_up(page):
    """A new project with the defaults, three accounts made here and the roles given."""
    expect(page.get_by_role("heading", level=1)).to_have_text("Projects")
    page.get_by_role("link", name="New project").first.click()
    page.get_by_label("Name", exact=True).fill("Kitchen and garden")
    page.get_by_label("Guidelines").fill("Be *kind*. A request to do harm is to be declined.")
    page.get_by_role("button", name="Create project").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Setup")
    expect(page.get_by_label("Ratings per response (k)")).to_have_value("3")
    page.get_by_role("link", name="People").click()
    for name, role in [*((name, "Expert") for name in EXPERTS), ("lena", "Lead reviewer")]:
        page.get_by_text("Someone without an account").click()
        form = page.get_by_role("form", name="Create an account")
        form.get_by_label("Username").fill(name)
        form.get_by_label("Full name").fill(f"{name.title()} Surname-of-{name}")
        form.get_by_label("Password").fill(PASSWORD)
        form.get_by_label("Role").select_option(role)
        form.get_by_role("button", name="Create the account").click()
        expect(page.get_by_text(f"can sign in as “{name}”")).to_be_visible()
    expect(page.locator("#people li")).to_have_count(5)


def bring_prompts(page):
    page.get_by_role("link", name="Prompts").first.click()
    page.get_by_label("JSONL or CSV file").set_input_files(
        {"name": "prompts.jsonl", "mimeType": "application/jsonl", "buffer": turns.prompt_file()}
    )
    page.get_by_role("button", name="Check the file").click()
    expect(page.get_by_text("prompts.jsonl can be imported.")).to_be_visible()
    expect(page.locator("#import-result")).to_contain_text("6 prompts: 3 train, 1 validation, 2 held-out")
    page.get_by_role("button", name="Import 6 prompts").click()
    expect(page.get_by_text("6 prompts imported.")).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="mushroom")).to_contain_text("Held-out")


def open_base_stage(page):
    """Let the base model answer, and watch until rating opens by itself."""
    page.get_by_role("link", name="Let the base model answer").click()
    page.get_by_label("Longest response").fill("16")
    page.get_by_role("button", name="Generate base responses").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Base")
    await_rating(page)


def await_rating(page):
    expect(page.locator(".page-header .badge")).to_have_text("Rating", timeout=PATIENCE)
    expect(page.locator("#annotation-panel")).to_contain_text("0 of 18")


def everyone_rates(experts, turn):
    """Each expert rates every response, in turns, without a mouse, and sees nothing that is not theirs."""
    seen = {name: [] for name in experts}
    for page in experts.values():
        page.goto(f"{ROOM}/rate/")
    for _ in PROMPTS:
        for place, (name, page) in enumerate(experts.items()):
            prompt = turns.id_of(page.locator(".pane--prompt .prose").inner_text())
            assert page.locator("#response-text").inner_text().strip()
            stay_blind(page, name)
            rate(page, turn.opinions[prompt][place])
            seen[name].append(prompt)
    for name, page in experts.items():
        expect(page.get_by_text("Nothing is left for you here")).to_be_visible()
        assert sorted(seen[name]) == sorted(id for id, *_ in PROMPTS)


def rate(page, opinion):
    before = page.locator("#rate").get_attribute("data-slot")
    for key in opinion.keys:
        page.keyboard.press(key)
    if opinion.comment:
        page.keyboard.press("c")
        page.keyboard.type(opinion.comment)
        page.keyboard.press("Escape")
    if opinion.asks_senior:
        page.keyboard.press("s")
    if opinion.revision:
        page.keyboard.press("r")
        page.keyboard.type(opinion.revision)
    page.keyboard.press("Control+Enter")
    expect(page.locator(f"#rate[data-slot='{before}']")).to_have_count(0)
    expect(page.locator("#rate-news")).to_contain_text("Saved.")


def stay_blind(page, name):
    """Nothing of colleagues, models and stages anywhere in the page's source."""
    page.wait_for_load_state("load")
    source = page.evaluate("""() => {
        const copy = document.documentElement.cloneNode(true);
        copy.querySelectorAll(".prose").forEach((text) => text.remove());
        return copy.outerHTML;
    }""")
    others = [each for each in [*EXPERTS, "lena", "amal"] if each != name]
    for word in [*others, *(f"surname-of-{each}" for each in others)]:
        assert not re.search(rf"\b{word}\b", source, re.IGNORECASE), word
    for word in (r"\bstages?\b", r"\bbase\b(?!\.css)", r"\bv1\b", r"\bversion\b"):
        assert not re.search(word, source, re.IGNORECASE), word
    if name != EXPERTS[0]:
        assert "Said by the first" not in source
        assert REVISION not in source


def the_lead_settles(page, turn, *, names):
    """Each diverging response gets the planned consensus; the lead reads who said what under pseudonyms."""
    page.goto(f"{ROOM}/arbitrate/")
    expect(page.locator("[data-row]")).to_have_count(len(turn.decisions))
    page.keyboard.press("n")
    for left in range(len(turn.decisions), 0, -1):
        prompt = turns.id_of(page.locator(".pane--prompt .prose").inner_text())
        *scores, verdict = turn.decisions[prompt]
        for name in names:
            assert not re.search(rf"\b{name}\b", page.locator("main").inner_html(), re.IGNORECASE)
        given = page.locator("#likert-score-safety .note")
        expect(given).to_have_count(3)
        expect(page.locator("main")).to_contain_text("Expert A")
        for key in scores:
            page.keyboard.press(key)
        answer = turns.VERDICTS[verdict].title()
        page.get_by_role("radio", name=answer, exact=True).check()
        page.keyboard.press("c")
        page.keyboard.type(f"Settled by the lead: {prompt}.")
        case = page.url
        page.keyboard.press("Control+Enter")
        page.wait_for_url(lambda url, case=case: url != case)
        if left > 1:
            expect(page.get_by_text("The consensus is set:")).to_be_visible()
    expect(page.get_by_text("Nothing is waiting", exact=True)).to_be_visible()


def accept_the_revision(page):
    page.get_by_role("link", name="Revisions").click()
    expect(page.locator("article.revision")).to_have_count(1)
    expect(page.locator("article.revision ins").first).to_be_visible()
    page.get_by_role("button", name=re.compile("^Accept")).click()
    expect(page.get_by_text("No revision to accept")).to_be_visible()


def finalize(page, title, *, decided, agreed):
    page.goto(f"{ROOM}/")
    panel = page.locator("#arbitration-panel")
    panel.get_by_role("link", name="Finalize labels…").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Finalize the labels of {title}")
    expect(page.locator("form.panel")).to_contain_text(f"{agreed} labels by agreement")
    expect(page.locator("form.panel")).to_contain_text(f"{decided} labels as a lead decided")
    page.get_by_role("button", name="Finalize labels").click()
    expect(page.locator(".page-header .badge")).to_have_text("Labels final")
    expect(panel.locator(".stat").filter(has_text="agreed")).to_contain_text(str(agreed))


def train(page):
    """Fine-tune on what was vouched for, watch it, promote the model and follow it to the next stage."""
    page.get_by_role("link", name="Launch fine-tuning…").click()
    tiles = page.locator("dl.stats .stat")
    expect(tiles.filter(has_text="examples")).to_contain_text("2")
    expect(tiles.filter(has_text="fully aligned")).to_contain_text("1")
    expect(tiles.filter(has_text="revised")).to_contain_text("1")
    expect(tiles.filter(has_text="validation")).to_contain_text("1")
    page.get_by_label("Epochs").fill("1")
    page.get_by_label("Learning rate").fill("0.01")
    page.get_by_role("button", name="Freeze the set and launch").click()
    expect(page.locator("#run-live .badge")).to_have_text("Succeeded", timeout=PATIENCE)
    expect(page.locator("#run-live")).to_contain_text("Validation loss")
    expect(page.locator("main")).to_contain_text("v1")
    page.get_by_role("link", name="Promote…").click()
    expect(page.get_by_label("Model", exact=True)).to_contain_text("v1, trained on Base")
    page.get_by_label("Reason").fill("Its losses fell, and it declines what it should.")
    page.get_by_role("button", name="Promote and open Stage 1").click()
    expect(page.get_by_text("“v1” begins to answer.")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_have_text("Stage 1")
    await_rating(page)


def nobody_sees_what_is_not_theirs(experts, lead):
    """Doors that are shut, and what an expert may look back at."""
    for name, page in experts.items():
        for path in ("stages/1/", "arbitrate/", "report/", "export/", "prompts/", "setup/", "models/"):
            assert page.request.get(f"{ROOM}/{path}").status == 403
        page.goto(f"{ROOM}/ratings/")
        stay_blind(page, name)
        expect(page.locator("tbody tr")).to_have_count(2 * len(PROMPTS))
        page.locator("tbody tr a").first.click()
        page.wait_for_url(f"**{ROOM}/ratings/*/")
        stay_blind(page, name)
    assert lead.request.get(f"{ROOM}/export/").status == 403


def read_the_report(page):
    page.goto(f"{ROOM}/")
    page.get_by_role("link", name="Report").first.click()
    expect(page.get_by_role("columnheader")).to_contain_text(["Base", "Stage 1"])
    wait_until(
        lambda: all(stage["coherence"] for stage in page.request.get(f"{ROOM}/report.json").json()["stages"]),
        seconds=PATIENCE / 1000,
        what="the cosines of both stages",
    )
    page.reload()

    def figures(name):
        row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name=name, exact=True)).first
        return row.locator("td .score, td .report-table__figure").all_inner_texts()

    both = (BASE, NEXT)
    assert figures("Prompts") == ["2", "2"]
    assert figures("Responses with a class (n)") == ["2", "2"]
    for axis in turns.AXES:
        assert figures(axis.title()) == [f"{turn.held_out_means()[axis]:.2f}" for turn in both]
    for alignment, title in (
        ("misaligned", "Misaligned"),
        ("partly", "Partly aligned"),
        ("aligned", "Fully aligned"),
    ):
        assert figures(title) == [f"{100 * turn.share(alignment):.0f} %" for turn in both]
    assert figures("Escalated to a lead") == ["33 %", "33 %"]
    report = page.request.get(f"{ROOM}/report.json").json()
    assert [stage["model"] for stage in report["stages"]] == ["base", "v1"]
    assert not report["simulated"]
    for stage, turn in zip(report["stages"], both, strict=True):
        assert stage["coherence"]["n"] == 2
        assert {key: each["value"] for key, each in stage["scores"].items()} == pytest.approx(
            turn.held_out_means()
        )
    cosines = [f"{stage['coherence']['mean']['value']:.2f}".replace("-", "−") for stage in report["stages"]]
    assert figures("Mean cosine, all responses") == cosines
    expect(page.locator("#report-figures svg").first).to_be_visible()


def take_the_records(page):
    with page.expect_download() as download:
        page.get_by_role("link", name="Export records").click()
    records = [json.loads(line) for line in download.value.path().read_text().splitlines()]
    assert len(records) == 2 * len(PROMPTS)
    texts = {id: text for id, _, text, _ in PROMPTS}
    for record in records:
        turn, id = (BASE, NEXT)[record["stage"]], record["prompt_id"]
        assert record["prompt"] == texts[id]
        given = list(zip(*(record["expert_scores"][axis] for axis in turns.AXES), strict=True))
        entered = [tuple(opinion.scores[axis] for axis in turns.AXES) for opinion in turn.opinions[id]]
        assert sorted(given) == sorted(entered), id
        assert record["final_score"] == pytest.approx(turn.final_scores(id))
        assert record["alignment"] == turn.alignment(id)
        assert record["provenance"]["source"] == ("arbitration" if id in turn.decisions else "agreement")
    # The tuned model drew its answers by the same seeds, and says something else.
    answers = [{each["response"] for each in records if each["stage"] == stage} for stage in (0, 1)]
    assert not answers[0] & answers[1]
    revised = [record["revised_response"] for record in records if record["revised_response"]]
    assert revised == [REVISION]
