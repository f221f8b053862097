"""A model version's card, from the records, in the conventions of the Hugging Face hub: Markdown with YAML on top.

Values of the front matter are written as JSON, which is YAML.
"""

import json
from pathlib import Path

from evaluation.comparing import figures_of, finished_comparisons
from evaluation.statistics import estimate
from training.model_facts import facts_of

MISALIGNED = "misaligned"


def card_of(model, weights=None):
    """The card's text. `weights`: the folder of the weights, where they are here; its own card may name a licence."""
    facts = facts_of(model)
    compared = _compared(model)
    return "\n".join([*_front_matter(facts, compared, weights), *_body(facts, compared)]) + "\n"


def base_of(facts):
    """What a hub would call the model that the line goes back to; None where its name says nothing outside."""
    location = facts.line[-1].model.location
    is_folder = location.startswith(("/", ".", "~", "artifact:"))
    return None if not location or is_folder else location.removeprefix("package:")


def _front_matter(facts, compared, weights):
    fields = {"library_name": "transformers", "pipeline_tag": "text-generation"}
    if base := base_of(facts):
        fields["base_model"] = base
    if licence := _licence(weights):
        fields["license"] = licence
    sets = [each.run.training_set.sha256 for each in facts.line if each.run]
    if sets:
        fields["datasets"] = [f"training-set-{sha256[:12]}" for sha256 in sets]
    fields["tags"] = ["concord", *sorted({each.run.objective for each in facts.line if each.run})]
    if compared:
        fields["model-index"] = [{"name": facts.model.name, "results": [_results(compared)]}]
    return [
        "---",
        *(f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in fields.items()),
        "---",
    ]


def _results(compared):
    stage, figures = compared
    metrics = [
        {"type": f"score-{key}", "name": f"{name}, mean score", "value": round(found.value, 4)}
        for key, name, found in figures
    ]
    dataset = {"type": "held-out-prompts", "name": f"Held-out prompts, {stage}"}
    return {"task": {"type": "text-generation"}, "dataset": dataset, "metrics": metrics}


def _compared(model):
    """(the newest finished comparison stage with the model, [(key, name, Estimate)]), or None."""
    for stage in reversed(finished_comparisons(model.project)):
        for each in figures_of(stage):
            if each.model_version != model:
                continue
            figures = [
                (axis.key, axis.name, _mean(each.scores[axis.key], axis))
                for axis in stage.policy.rubric.axes.all()
                if axis.key in each.scores
            ]
            share = each.shares[MISALIGNED]
            if len(share.prompts):
                figures.append((MISALIGNED, "Misaligned share", estimate(share.sums, share.counts)))
            return stage, figures
    return None


def _mean(scores, axis):
    return estimate(scores.sums, scores.counts, lowest=axis.lowest, highest=axis.highest)


def _body(facts, compared):
    model, run = facts.model, facts.run
    yield f"\n# {model.name}\n"
    yield f"A model version of the project “{model.project}”, written down by Concord from its records.\n"
    names = [alias.name for alias in facts.names if alias.ended_at is None]
    if names:
        yield f"Called {', '.join(names)} in its project.\n"
    yield "## How it was made\n"
    for each in facts.line:
        if each.run is None:
            yield f"- `{each.model}`: {each.model.location or 'known by name only'}"
            continue
        run = each.run
        yield (
            f"- `{each.model}`: {run.get_objective_display()} on the labels of {run.stage}, from `{run.base}`; "
            f"learning rate {run.learning_rate:g}, {run.epochs} epochs, batches of {run.batch_size}, seed {run.seed}; "
            f"training set `{run.training_set.sha256}`"
        )
    if model.weights_sha256:
        yield f"\nSHA-256 over the weights: `{model.weights_sha256}`\n"
    yield "\n## What it learned from\n"
    yield f"{facts.ratings} ratings by experts of the project stand behind the examples of its training sets."
    for each in facts.line:
        if each.rests_on:
            versions = (
                ("rubric", each.rests_on.rubrics),
                ("guidelines", each.rests_on.guidelines),
            )
            told = "; ".join(
                f"{what} {', '.join(f'v{row.version}' for row in rows)}" for what, rows in versions if rows
            )
            yield f"\n- `{each.model}`: {each.rests_on.ratings} ratings by {len(each.rests_on.experts)} experts; {told}"
            if any(expert.is_simulated for expert in each.rests_on.experts):
                yield (
                    "  - Some of them are simulated experts, not people: this shows that the loop runs, not that a "
                    "model is good."
                )
    if facts.withdrawn:
        yield f"\n**{facts.withdrawn} of these ratings were withdrawn since.**"
    yield "\n## What was measured\n"
    if compared:
        stage, figures = compared
        yield f"Rated blind and mixed with others in {stage}, on held-out prompts; 95 % intervals.\n"
        yield "| figure | value | interval | responses |\n|---|---|---|---|"
        for _, name, found in figures:
            interval = "–" if found.low is None else f"{found.low:.3f} to {found.high:.3f}"
            yield f"| {name} | {found.value:.3f} | {interval} | {found.n} |"
    else:
        yield "It was in no finished comparison stage: nothing here says that it is better than another model."
    if facts.gate:
        yield f"\nThe gate before its promotion: {facts.gate.get_verdict_display()}.\n"
        yield "| measure | value | at most | verdict |\n|---|---|---|---|"
        for figure in facts.gate.figures.all():
            about = f": {figure.about}" if figure.about else ""
            value = figure.get_why_display() if figure.value is None else f"{figure.value:.3f}"
            said = figure.get_verdict_display()
            yield f"| {figure.get_measure_display()}{about} | {value} | {figure.bound:g} | {said} |"


def _licence(weights):
    """The licence that the card beside the weights names in its front matter; None where there is none."""
    card = Path(weights or "") / "README.md"
    if weights is None or not card.is_file():
        return None
    lines = card.read_text(encoding="utf-8", errors="replace").splitlines()
    if not lines or lines[0].strip() != "---":
        return None
    for line in lines[1:]:
        if line.strip() == "---":
            return None
        name, _, value = line.partition(":")
        if name == "license":
            return value.strip().strip("\"'") or None
    return None
