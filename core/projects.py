"""Setting up a project: its name, rubric, policy and people. Versions are added, never edited."""

from dataclasses import fields

from django.conf import settings
from django.db import IntegrityError, transaction

from core import audit
from core.errors import Conflict, InvalidInput
from core.gates import gate_faults, gate_of, write_gate
from core.guidelines import store_version
from core.keys import new_key, same_name
from core.limits import LONGEST_REMARK, LONGEST_WORD, check_texts, text_fault
from core.locks import lock_project
from core.models import (
    Axis,
    AxisAnchor,
    AxisRule,
    LabelSet,
    LabelValue,
    Membership,
    ModelVersion,
    Policy,
    Project,
    Rubric,
    Stage,
)
from core.policies import whole
from core.rubrics import (
    DEFAULT_POLICY,
    DEFAULT_RUBRIC,
    AxisSpec,
    LabelSetSpec,
    LabelValueSpec,
    PolicySpec,
    RubricSpec,
)
from core.scales import HIGHEST_BOUND, LOWEST_BOUND
from core.texts import is_blank, tidy

BASE_MODEL_NAME = "base"


@transaction.atomic
def create_project(
    *,
    name,
    by,
    now,
    guidelines="",
    slug=None,
    seed=0,
    rubric=DEFAULT_RUBRIC,
    policy=DEFAULT_POLICY,
):
    """A new project with version 1 of its guidelines, rubric and policy. `by`, if a person, becomes its admin.

    `slug`, its address, is made from the name where none is given (core.keys). Raises InvalidInput for a text that is
    too long or a rubric or policy that contradicts itself, Conflict for a name that is taken.
    """
    guidelines = tidy(guidelines)
    check_texts((name, LONGEST_WORD, "The name"), (guidelines, LONGEST_REMARK, "The guidelines"))
    if is_blank(name):
        raise InvalidInput("Give the project a name.")
    project = _new_row(name=name, slug=slug, seed=seed, created_by=by, created_at=now)
    store_version(project, text=guidelines, by=by, now=now)
    _write_version(project, rubric=rubric, policy=policy, by=by, now=now)
    if by is not None:
        add_member(project=project, user=by, role=Membership.Role.ADMIN, by=by, now=now)
    audit.record("project:create", project, by=by, now=now, params={"name": name})
    return project


def find_named(name):
    """The project of that name, as people read names (core.keys.same_name), or None."""
    wanted = same_name(name)
    found = (pk for pk, known in Project.objects.values_list("pk", "name") if same_name(known) == wanted)
    return Project.objects.filter(pk=next(found, None)).first()


def _new_row(*, name, slug, **fields):
    if slug is None and find_named(name):
        raise Conflict(f"There is already a project called “{name}”: choose another name.")
    taken = set(Project.objects.values_list("slug", flat=True))
    address = slug or new_key(name, taken, kind="project", longest=80)
    try:
        with transaction.atomic():
            return Project.objects.create(name=name, slug=address, **fields)
    except IntegrityError:
        if slug is None and not find_named(name):
            # Somebody was first at this address, with another name.
            return _new_row(name=name, slug=None, **fields)
        raise Conflict(f"There is already a project at “{address}”: choose another name.") from None


@transaction.atomic
def revise(*, project, rubric, policy, by, now, expected_version=None):
    """Write the next version of the rubric and policy and return the new policy.

    A stage that still waits for its responses moves to it; one in which rating has begun keeps the version
    its ratings are made under. `expected_version` is the version that the person saw: Conflict if it is no
    longer the newest. What equals the newest version makes no new one: that version is returned.
    """
    check_specs(rubric, policy)
    lock_project(project)
    newest = project.policy
    if expected_version is not None and newest.version != expected_version:
        raise Conflict(
            f"Someone saved version {newest.version} while you were editing: copy what you wrote, reload, and "
            "enter it again."
        )
    if specs_of(newest) == (rubric, policy):
        return newest
    new = _write_version(project, rubric=rubric, policy=policy, by=by, now=now)
    waiting = project.stages.turns().filter(status=Stage.Status.RESPONDING)
    moved = waiting.update(policy=new, ratings_per_response=new.ratings_per_response)
    audit.record("policy:revise", new, by=by, now=now, params={"waiting_stages": moved})
    return new


@transaction.atomic
def add_member(*, project, user, role, by, now):
    """Give `user` a role in `project`; giving it twice is the same as once."""
    membership, created = Membership.objects.get_or_create(
        project=project, user=user, role=role, defaults={"created_at": now}
    )
    if created:
        audit.record("membership:add", project, by=by, now=now, params=_of(user, role))
    return membership


@transaction.atomic
def remove_member(*, project, user, role, by, now):
    """Take a role away. What the person did stays. The last admin who can sign in cannot be removed: Conflict."""
    if role == Membership.Role.ADMIN:
        require_another_admin(project, user)
    removed, _ = project.memberships.filter(user=user, role=role).delete()
    if removed:
        audit.record("membership:remove", project, by=by, now=now, params=_of(user, role))


def require_another_admin(project, user):
    """Raise Conflict unless somebody besides `user` is admin of the project and can sign in.

    Call it in the transaction that takes `user` out. It locks the project: of two admins who take each other out at
    once, the second finds the first gone.
    """
    lock_project(project, even_archived=True)
    others = project.memberships.filter(role=Membership.Role.ADMIN, user__is_active=True).exclude(user=user)
    if not others.exists():
        raise Conflict("A project needs an admin: make someone else admin first.")


def _of(user, role):
    return {"user": user.pk, "username": user.username, "role": str(role)}


def may_create_projects(user):
    """Whoever is admin of a project, or of the whole installation, may open another."""
    return user.is_superuser or user.is_staff or user.memberships.filter(role=Membership.Role.ADMIN).exists()


def specs_of(policy):
    """The (RubricSpec, PolicySpec) that would write `policy` and its rubric again."""
    policy = whole(policy)
    rules = {rule.axis_id: rule for rule in policy.rules.all()}
    axes = tuple(
        AxisSpec(
            axis.key,
            axis.name,
            axis.question,
            tuple((anchor.score, anchor.text) for anchor in axis.anchor_rows.all()),
            lowest=axis.lowest,
            highest=axis.highest,
            **{name: getattr(rules[axis.pk], name) for name in ("tau", "aligned_cut", "misaligned_cut")},
        )
        for axis in policy.rubric.axes.all()
    )
    label_sets = tuple(
        LabelSetSpec(
            labels.key,
            labels.name,
            labels.question,
            tuple(
                LabelValueSpec(value.key, value.name, adverse=value.adverse, abstains=value.abstains)
                for value in labels.values.all()
            ),
            escalates=labels.escalates,
            required=labels.required,
        )
        for labels in policy.rubric.label_sets.all()
    )
    columns = [each.name for each in fields(PolicySpec) if each.name != "gate"]
    kept = PolicySpec(**{name: getattr(policy, name) for name in columns}, gate=gate_of(policy))
    return RubricSpec(axes, label_sets), kept


def base_location(project):
    """Where the project's untrained model comes from: its own choice, else the model of the settings."""
    return project.base_model or settings.BASE_MODEL


def base_model(project, *, now):
    """The project's untrained model, made on first use."""
    model, _ = ModelVersion.objects.get_or_create(
        project=project,
        name=BASE_MODEL_NAME,
        defaults={"location": base_location(project), "created_at": now},
    )
    return model


def check_specs(rubric, policy):
    """Raise InvalidInput, naming every fault, for a rubric or policy that cannot be worked with."""
    faults = []
    if not rubric.axes and not any(labels.required for labels in rubric.label_sets):
        faults.append("Add at least one axis, or a label set that must be answered.")
    faults += [f"Two axes are called “{name}”: rename one." for name in _twice(rubric.axes)]
    for axis in rubric.axes:
        faults += _axis_faults(axis)
    faults += _text_faults(rubric)
    faults += [f"Two label sets are called “{name}”: rename one." for name in _twice(rubric.label_sets)]
    for labels in rubric.label_sets:
        if len(labels.values) < 2:
            faults.append(f"Label set “{labels.name}” needs at least two values.")
        faults += [
            f"Label set “{labels.name}” has “{name}” twice: rename one." for name in _twice(labels.values)
        ]
    if policy.ratings_per_response < 1:
        faults.append("k, the ratings per response, must be at least 1.")
    if not -1 <= policy.gamma <= 1:
        faults.append("γ is a cosine: choose a number between −1 and 1.")
    if policy.agreement_rule not in Policy.AgreementRule.values:
        faults.append("The agreement rule is mean or median.")
    faults += gate_faults(policy.gate)
    if faults:
        raise InvalidInput("This rubric and policy cannot be saved yet.", faults)


def _twice(named):
    """The names of those whose key or name another one before them has."""
    seen, found = set(), []
    for each in named:
        own = {("key", each.key), ("name", same_name(each.name))}
        if own & seen:
            found.append(each.name)
        seen |= own
    return found


def _text_faults(rubric):
    """What is wrong with the names, questions and anchors: as long as their columns are."""
    parts = [(Axis, axis) for axis in rubric.axes] + [(LabelSet, labels) for labels in rubric.label_sets]
    texts = [
        (model, name, getattr(part, name)) for model, part in parts for name in ("key", "name", "question")
    ]
    values = [value for labels in rubric.label_sets for value in labels.values]
    texts += [(LabelValue, name, getattr(value, name)) for value in values for name in ("key", "name")]
    texts += [(AxisAnchor, "text", text) for axis in rubric.axes for _, text in axis.anchors]
    found = [
        (f"{model._meta.verbose_name}, {name}", text_fault(text, model._meta.get_field(name).max_length))
        for model, name, text in texts
    ]
    return [f"{where.capitalize()}: {fault}" for where, fault in found if fault]


def _axis_faults(axis):
    lowest, highest = axis.lowest, axis.highest
    if not LOWEST_BOUND <= lowest < highest <= HIGHEST_BOUND:
        return [
            f"The range of “{axis.name}” must satisfy {LOWEST_BOUND} ≤ lowest < highest ≤ {HIGHEST_BOUND}."
        ]
    faults = []
    if not 0 <= axis.tau <= axis.scale.width:
        faults.append(f"τ of “{axis.name}” must lie between 0 and {axis.scale.width}.")
    if not lowest <= axis.misaligned_cut < axis.aligned_cut <= highest:
        faults.append(f"The cuts of “{axis.name}” must satisfy {lowest} ≤ misaligned < aligned ≤ {highest}.")
    scores = [score for score, _ in axis.anchors]
    if not set(scores) <= set(axis.scale.anchored) or len(set(scores)) < len(scores):
        where = "each point" if axis.scale.has_steps else f"{lowest} and {highest} only"
        faults.append(f"“{axis.name}” takes one anchor for {where}.")
    return faults


def _write_version(project, *, rubric, policy, by, now):
    check_specs(rubric, policy)
    version = project.policies.count() + 1
    rubric_row = Rubric.objects.create(project=project, version=version, created_by=by, created_at=now)
    policy_row = Policy.objects.create(
        project=project,
        rubric=rubric_row,
        version=version,
        ratings_per_response=policy.ratings_per_response,
        gamma=policy.gamma,
        agreement_rule=policy.agreement_rule,
        blind_lead=policy.blind_lead,
        created_by=by,
        created_at=now,
    )
    write_gate(policy_row, policy.gate)
    for position, spec in enumerate(rubric.axes):
        axis = Axis.objects.create(
            rubric=rubric_row,
            position=position,
            key=spec.key,
            name=spec.name,
            question=spec.question,
            lowest=spec.lowest,
            highest=spec.highest,
        )
        AxisAnchor.objects.bulk_create(
            AxisAnchor(axis=axis, score=score, text=text) for score, text in spec.anchors
        )
        AxisRule.objects.create(
            policy=policy_row,
            axis=axis,
            tau=spec.tau,
            aligned_cut=spec.aligned_cut,
            misaligned_cut=spec.misaligned_cut,
        )
    for position, spec in enumerate(rubric.label_sets):
        labels = LabelSet.objects.create(
            rubric=rubric_row,
            position=position,
            key=spec.key,
            name=spec.name,
            question=spec.question,
            escalates=spec.escalates,
            required=spec.required,
        )
        for place, value in enumerate(spec.values):
            LabelValue.objects.create(
                label_set=labels,
                position=place,
                key=value.key,
                name=value.name,
                adverse=value.adverse,
                abstains=value.abstains,
            )
    return policy_row
