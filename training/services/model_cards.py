"""The model card of a version, written from the rows in the moment in which it is deployed.

Headings follow Mitchell et al., "Model Cards for Model Reporting" (2019).
"""

from training.models import DatasetEntry

NOBODY = "the policy of the slot or an operator's command"


def write(version, decision, *, purpose, notes="", by=None, at):
    """Return the card as Markdown.

    Args:
        decision: the GateDecision it is deployed by, None where the gate was not asked.
        by: None for the policy of the slot or a command.
    """
    run, dataset, form = version.run, version.dataset, version.serving_form
    parts = [
        f"# {version.name}",
        f"Deployed on {at:%Y-%m-%d %H:%M} UTC by {by.get_username() if by else NOBODY}.",
        "## Intended use",
        purpose,
        "## Model",
        _table(
            {
                "slot": version.slot,
                "algorithm": version.algorithm,
                "began from": version.base.get("name") or "nothing",
                "form that serves": f"{form['name']} ({form['backend']}, {form['precision']})",
                "sha256": form["sha256"],
                "run": f"{run.number}, seed {run.seed}, code {run.code_version}",
                "parameters": ", ".join(f"{key} {run.parameters[key]}" for key in run.parameters),
            }
        ),
        "## Training data",
        _data(dataset),
        "## Evaluation",
        _figures(decision) if decision else "The gate was not asked.",
        "## Gate",
        _gate(decision) if decision else "",
    ]
    if notes:
        parts += ["## Notes", notes]
    return "\n\n".join(part for part in parts if part) + "\n"


def _table(rows):
    lines = "\n".join(f"| {name} | {str(value) or '-'} |" for name, value in rows.items())
    return f"| | |\n|---|---|\n{lines}"


def _data(dataset):
    counted = {
        f"entries that {verb}": dataset.entries.filter(split=split).count()
        for split, verb in (
            (DatasetEntry.Split.TRAIN, "train"),
            (DatasetEntry.Split.VAL, "validate"),
            (DatasetEntry.Split.TEST, "test"),
        )
    }
    names = ", ".join(dataset.class_names)
    told = {"dataset": f"{dataset.number} ({dataset.manifest_sha256})", "classes": names}
    return _table(told | counted | {"revision of the test split": dataset.test_revision})


def _figures(decision):
    figures = decision.challenger.figures
    skipped = {"figure", "figure_name"}
    numbers = {
        name: f"{value:.4f}" if isinstance(value, float) else value
        for name, value in figures.items()
        if isinstance(value, (int, float)) and name not in skipped
    }
    classes = [
        f"| {row['name']} | {row.get('truths', '')} | {_class_figure(row)} |"
        for row in figures.get("classes", ())
    ]
    table = _table(numbers)
    if not classes:
        return table
    return table + "\n\n| class | examples | figure |\n|---|---|---|\n" + "\n".join(classes)


def _class_figure(row):
    value = row.get("ap50", row.get("f1"))
    return "-" if value is None else f"{value:.4f}"


def _gate(decision):
    report = decision.report
    champion = decision.champion.name if decision.champion else "nothing"
    lines = [f"{decision.outcome} against {champion}, on {report['groups']} groups."]
    return "\n\n".join([*lines, *report["reasons"]])
