from django.db import migrations

from annotation.migrations import _layout

DECISION, FINAL = "arbitration.decision", "arbitration.finallabel"


class Migration(migrations.Migration):
    dependencies = [
        ("arbitration", "0002_initial"),
        ("annotation", "0009_one_layout_of_answers"),
        ("core", "0002_session"),
    ]

    operations = [
        *_layout.scores(
            "arbitration", "decisionscore", "decision", DECISION,
            once="decision_score_once", check="decision_score_from_1_to_5",
        ),
        *_layout.labels("arbitration", "decisionlabel", "decision", DECISION, once="decision_label_once"),
        *_layout.scores(
            "arbitration", "finalscore", "final_label", FINAL,
            once="final_score_once", check="final_score_from_1_to_5",
        ),
        *_layout.labels("arbitration", "finallabelvalue", "final_label", FINAL, once="final_value_once"),
    ]
