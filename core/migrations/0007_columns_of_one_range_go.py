from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("core", "0006_anchors_and_cuts_move")]

    operations = [
        *(migrations.RemoveField("axis", f"anchor_{score}") for score in range(1, 6)),
        migrations.RemoveConstraint("policy", "policy_cuts_ordered"),
        migrations.RemoveField("policy", "aligned_cut"),
        migrations.RemoveField("policy", "misaligned_cut"),
    ]
