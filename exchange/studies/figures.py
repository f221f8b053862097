"""The figures a published set of ratings is known by, from its items. Pure; libraries do the statistics.

Krippendorff's α: annotation/agreement.py. Fleiss' κ: statsmodels. Dawid and Skene (1979): crowd-kit.
"""

from collections import defaultdict

import pandas as pd
from crowdkit.aggregation import DawidSkene
from statsmodels.stats.inter_rater import fleiss_kappa

from annotation.agreement import count_values, exact_share, krippendorff_alpha, spread_share
from arbitration.consensus import agreed_label
from core.scales import Scale
from exchange.studies import dices, summeval, xstest

DAWID_SKENE_ROUNDS = 100


def figures_of(study_format, items) -> list[tuple[str, float]]:
    """[(what, value)] for the items of a format, in the order in which they are told."""
    return {"xstest": _xstest, "dices": _dices, "summeval-op": _summeval}[study_format](items)


def _xstest(items):
    by_model = defaultdict(list)
    for item in items:
        by_model[item.model].append([answer.labels[xstest.COMPLIANCE] for answer in item.answers.values()])
    values = [value.key for value in xstest.RUBRIC.label_sets[0].values]
    figures = []
    for model, given in sorted(by_model.items()):
        counts = count_values(given, values)
        figures.append((f"{model}: agreement", exact_share(counts)))
        figures.append((f"{model}: Fleiss' kappa", float(fleiss_kappa(counts))))
    return figures


def _dices(items):
    given = {
        item.key: {who: answer.labels[dices.SAFE] for who, answer in item.answers.items()} for item in items
    }
    gold = {item.key: item.adjudicated.labels[dices.SAFE] for item in items}
    counts = count_values((answers.values() for answers in given.values()), dices.KEYS.values())
    majority = {
        key: agreed_label(None if answer == "unsure" else answer for answer in answers.values())
        for key, answers in given.items()
    }
    return [
        ("nominal alpha, Unsure as a class", krippendorff_alpha(counts, "nominal")),
        ("majority vote v. gold", _share_right(majority, gold)),
        ("Dawid-Skene v. gold, Unsure as a class", _share_right(_dawid_skene(given), gold)),
        ("Dawid-Skene v. gold, Unsure dropped", _share_right(_dawid_skene(given, dropped="unsure"), gold)),
    ]


def _summeval(items):
    counts = {
        axis: count_values(
            ([answer.scores[axis] for answer in item.answers.values()] for item in items), Scale().points
        )
        for axis in summeval.AXES
    }
    alphas = [
        (f"{axis}: ordinal alpha", krippendorff_alpha(each, "ordinal")) for axis, each in counts.items()
    ]
    return alphas + [
        (f"{axis}: share with max - min > 1", spread_share(each, 1)) for axis, each in counts.items()
    ]


def _dawid_skene(given, dropped=None):
    """{item: answer} by Dawid and Skene's model of the raters' error rates, fitted by EM."""
    rows = [
        (number, who, answer)
        for number, answers in enumerate(given.values())
        for who, answer in answers.items()
    ]
    frame = pd.DataFrame([row for row in rows if row[2] != dropped], columns=["task", "worker", "label"])
    labels = DawidSkene(n_iter=DAWID_SKENE_ROUNDS).fit_predict(frame)
    return {key: labels.get(number) for number, key in enumerate(given)}


def _share_right(found, gold):
    return sum(found[key] == answer for key, answer in gold.items()) / len(gold)
