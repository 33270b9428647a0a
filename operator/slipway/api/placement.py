"""How does a pod say beside what, or apart from what, it wants to run? Kubernetes' own affinity, bounded."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from slipway.api.base import LISTED, Model, Name, Rule, bounded

LabelKey = Annotated[
    str,
    bounded(
        317,
        pattern=r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$",
        says="write a label's key as name or domain/name, for example topology.kubernetes.io/zone",
    ),
]
LabelValue = Annotated[
    str,
    bounded(
        63,
        minimum=0,
        pattern=r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$",
        says="a label's value has letters, digits, '-', '_' and '.', with a letter or digit at both ends",
    ),
]
Weight = Annotated[int, Field(ge=1, le=100)]


class NodeRequirement(Model):
    """What a label of the node must be."""

    rules = (
        Rule(
            "self.operator in ['Exists', 'DoesNotExist'] ? !has(self.values) : has(self.values)",
            "In, NotIn, Gt and Lt need values; Exists and DoesNotExist take none",
        ),
        Rule(
            "!(self.operator in ['Gt', 'Lt']) || !has(self.values) || "
            "(self.values.size() == 1 && self.values[0].matches('^-?[0-9]+$'))",
            "Gt and Lt compare with exactly one whole number: write it in quotes as the only one of values",
        ),
    )

    key: LabelKey = Field(description="key of the node's label.")
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"] = Field(
        description="operator that relates the label to values."
    )
    values: list[LabelValue] | None = Field(
        default=None, min_length=1, max_length=16, json_schema_extra=LISTED, description="values to compare with."
    )


class NodeTerm(Model):
    """Requirements that one node meets, all of them."""

    match_expressions: list[NodeRequirement] = Field(
        min_length=1,
        max_length=8,
        json_schema_extra=LISTED,
        description="matchExpressions that must all hold.",
    )


class NodeSelector(Model):
    """Terms of which a node must meet one."""

    node_selector_terms: list[NodeTerm] = Field(
        min_length=1,
        max_length=8,
        json_schema_extra=LISTED,
        description="nodeSelectorTerms of which one must hold.",
    )


class PreferredNode(Model):
    """A wish, and what it weighs."""

    weight: Weight = Field(description="weight of the wish against others, 1 to 100.")
    preference: NodeTerm = Field(description="preference that counts when a node meets it.")


class NodeAffinity(Model):
    """Which nodes are wanted."""

    required_during_scheduling_ignored_during_execution: NodeSelector | None = Field(
        default=None,
        description="requiredDuringSchedulingIgnoredDuringExecution is what a node must be; without one the pod waits.",
    )
    preferred_during_scheduling_ignored_during_execution: list[PreferredNode] | None = Field(
        default=None,
        min_length=1,
        max_length=8,
        json_schema_extra=LISTED,
        description="preferredDuringSchedulingIgnoredDuringExecution is what a node had better be.",
    )


class LabelRequirement(Model):
    """What a label of other pods must be."""

    rules = (
        Rule(
            "self.operator in ['Exists', 'DoesNotExist'] ? !has(self.values) : has(self.values)",
            "In and NotIn need values; Exists and DoesNotExist take none",
        ),
    )

    key: LabelKey = Field(description="key of the label.")
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"] = Field(
        description="operator that relates the label to values."
    )
    values: list[LabelValue] | None = Field(
        default=None, min_length=1, max_length=16, json_schema_extra=LISTED, description="values to compare with."
    )


class LabelSelector(Model):
    """Which pods are meant: all requirements must hold."""

    rules = (
        Rule(
            "has(self.matchLabels) || has(self.matchExpressions)",
            "an empty selector means every pod: set matchLabels or matchExpressions",
        ),
    )

    match_labels: dict[Annotated[str, bounded(317)], LabelValue] | None = Field(
        default=None, min_length=1, max_length=16, description="matchLabels that the pods must have."
    )
    match_expressions: list[LabelRequirement] | None = Field(
        default=None,
        min_length=1,
        max_length=8,
        json_schema_extra=LISTED,
        description="matchExpressions that must all hold.",
    )


class PodTerm(Model):
    """Pods, and what counts as beside them."""

    label_selector: LabelSelector = Field(description="labelSelector of the pods meant.")
    topology_key: LabelKey = Field(
        description="topologyKey is the node label whose equal value means beside, for example kubernetes.io/hostname."
    )
    namespaces: list[Name] | None = Field(
        default=None,
        min_length=1,
        max_length=8,
        json_schema_extra={"x-kubernetes-list-type": "set"},
        description="namespaces of the pods meant; absent means the object's own.",
    )


class PreferredPods(Model):
    """A wish, and what it weighs."""

    weight: Weight = Field(description="weight of the wish against others, 1 to 100.")
    pod_affinity_term: PodTerm = Field(description="podAffinityTerm that counts when it holds.")


class PodAffinity(Model):
    """Beside which pods, or apart from which, the pod wants to run."""

    required_during_scheduling_ignored_during_execution: list[PodTerm] | None = Field(
        default=None,
        min_length=1,
        max_length=8,
        json_schema_extra=LISTED,
        description="requiredDuringSchedulingIgnoredDuringExecution must all hold; until then the pod waits.",
    )
    preferred_during_scheduling_ignored_during_execution: list[PreferredPods] | None = Field(
        default=None,
        min_length=1,
        max_length=8,
        json_schema_extra=LISTED,
        description="preferredDuringSchedulingIgnoredDuringExecution had better hold.",
    )


class Affinity(Model):
    """Where the pod wants to run, in Kubernetes' own words."""

    node_affinity: NodeAffinity | None = Field(default=None, description="nodeAffinity says which nodes are wanted.")
    pod_affinity: PodAffinity | None = Field(
        default=None, description="podAffinity says beside which pods the pod wants to run."
    )
    pod_anti_affinity: PodAffinity | None = Field(
        default=None, description="podAntiAffinity says apart from which pods the pod wants to run."
    )
