"""The nine documents, in the order of the ten gates: what each shows, and what people have to write for it."""

from dataclasses import dataclass
from typing import Literal

ALL: tuple[str, ...] = ()
"""Every fact of a section."""


@dataclass(frozen=True)
class Asked:
    """A text that only people can write.

    Attributes:
        key: In `documentation` of use_case.yaml, or the name of a Markdown file in the project's docs/dossier.
        heading: Above it.
        question: What it must answer.
        place: Where it is written.
    """

    key: str
    heading: str
    question: str
    place: Literal["use_case.yaml", "docs/dossier"] = "use_case.yaml"


@dataclass(frozen=True)
class Part:
    """Facts of one section of the card.

    Attributes:
        section: Its key.
        facts: Their keys, or how they begin where a `*` ends them; `ALL`: every one.
    """

    section: str
    facts: tuple[str, ...] = ALL

    def holds(self, key: str) -> bool:
        """Whether a fact belongs to it; texts of people stand in documents under headings of their own."""
        return (not self.facts and not key.startswith("written_")) or any(
            key.startswith(each[:-1]) if each.endswith("*") else key == each for each in self.facts
        )


@dataclass(frozen=True)
class Document:
    """One document.

    Attributes:
        key: The name of its file.
        title: Its heading.
        purpose: What a reader learns from it, in one sentence.
        gates: Keys of the sections of the card that it serves; what these lack is shown in it.
        parts: The facts that it shows.
        asked: What people have to write for it.
    """

    key: str
    title: str
    purpose: str
    gates: tuple[str, ...]
    parts: tuple[Part, ...]
    asked: tuple[Asked, ...] = ()


DOCUMENTS = (
    Document(
        "problem_statement",
        "Problem statement",
        "Which problem the model is to solve, for whom, and what it must not be used for.",
        ("use_case",),
        (Part("use_case", ("use_case",)),),
        (
            Asked(
                "problem",
                "The problem",
                "What is done today without the model, what goes wrong, and what an error costs.",
                "docs/dossier",
            ),
            Asked("intended_use", "Intended use", "For what and by whom it is meant to be used."),
            Asked("out_of_scope", "Out of scope", "For what it must not be used."),
            Asked("affected", "Affected persons", "Who may be affected by its errors, and how."),
            Asked("oversight.overrule", "Deciding against the model", "Who may decide against it, and how."),
        ),
    ),
    Document(
        "success_criteria",
        "Success criteria",
        "By which numbers the use case is judged, and whether they are met.",
        ("use_case", "monitoring"),
        (
            Part("use_case", ("success", "constraints")),
            Part("monitoring", ("success", "worth_asked", "worth", "rates", "intervals")),
        ),
        (
            Asked(
                "success",
                "Why these criteria",
                "Why these metrics and limits stand for the benefit, and who agreed to them.",
                "docs/dossier",
            ),
        ),
    ),
    Document(
        "data_audit",
        "Data audit",
        "Which data made the version, whether it is intact, and what is known to be wrong with it.",
        ("lineage",),
        (Part("lineage"),),
        (
            Asked("data.origin", "Origin", "Whose data it is, and what it shows."),
            Asked("data.licence", "Licence", "Under which terms it may be used."),
            Asked("data.collection", "Collection", "How it was collected, and what is known to be wrong with it."),
            Asked("personal_data", "Personal data", "Which personal data it uses; or that it uses none."),
            Asked("retention", "Retention", "How long which records are kept, and why."),
        ),
    ),
    Document(
        "feasibility",
        "Feasibility",
        "Whether a model is worth having over ranking by one column, with the data at hand.",
        ("evaluation",),
        (
            Part("evaluation", ("gates", "versus_champion", "not_compared", "stability", "importance")),
            Part("monitoring", ("worth", "worth_against_*", "lead_time*")),
        ),
        (
            Asked(
                "feasibility",
                "Feasibility",
                "Which simpler ways were considered, what the data can't show, and what would end the attempt.",
                "docs/dossier",
            ),
        ),
    ),
    Document(
        "evaluation_report",
        "Evaluation report",
        "How the version was trained and evaluated, every attempt, and whether it can be made again.",
        ("evaluation", "reproducibility"),
        (
            Part("evaluation"),
            Part("reproducibility"),
            Part(
                "monitoring",
                (
                    "outcomes",
                    "rates",
                    "intervals",
                    "segments",
                    "false_alarms_by_segment",
                    "episodes*",
                    "lead_time*",
                    "contest",
                    "no_contest",
                ),
            ),
        ),
        (Asked("limits", "Known limits", "What it is known to do badly."),),
    ),
    Document(
        "decision_records",
        "Decision records",
        "Who decided what about the version, when, why, and by which policy.",
        ("promotion",),
        (Part("promotion"),),
    ),
    Document(
        "deployment_report",
        "Deployment report",
        "How the version is released and scores, and what watches it.",
        ("serving", "monitoring"),
        (
            Part("serving"),
            Part(
                "monitoring",
                ("flagged_share", "drift", "monitoring_plan", "alert_routes", "open_alerts", "checks", "freshness"),
            ),
        ),
        (
            Asked(
                "deployment",
                "The site",
                "Where it runs, who has access, and what depends on its answers.",
                "docs/dossier",
            ),
            Asked("security", "Security", "Which threats were considered, and what stands against them."),
        ),
    ),
    Document(
        "runbook",
        "Runbook",
        "What to do when something is wrong, whom to call, and how to go back or stop.",
        ("rollback", "operations"),
        (Part("rollback"), Part("operations")),
        (Asked("oversight.stop", "Stopping the model", "Who may stop it, and how."),),
    ),
    Document(
        "model_card",
        "Model card",
        "Everything on record of the version, in ten sections.",
        ("bundle",),
        (),
    ),
)
