"""Features as files for an operator: copies with their labels, and reports for machines."""

import shutil
import uuid
from pathlib import Path

from hitlsite import storage
from hitlsite.errors import DomainError
from training.models import LabelSet, SpanAnnotation
from training.selectors import datasets as selectors
from training.services.feature_labels import SAVED

SUFFIX = ".parquet"
MOST_LABEL_BYTES = 20 * 1000**2
LABEL = "label"
# In the metadata of a copy: the sha256 of the file that it was copied from.
COPIED_FROM = b"second_look_copied_from"


def labels_text(path):
    """Return the text of a file of labels.

    Raises:
        DomainError: labels_unreadable.
    """
    path = Path(path)
    try:
        if path.stat().st_size > MOST_LABEL_BYTES:
            reason = f"it is larger than {MOST_LABEL_BYTES:,} bytes"
            raise DomainError("labels_unreadable", f"{path.name}: {reason}.")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        reason = error.strerror or str(error)
        raise DomainError("labels_unreadable", f"{path.name}: {reason}.") from error
    except UnicodeDecodeError as error:
        message = f"{path.name}: it is no text in UTF-8."
        raise DomainError("labels_unreadable", message) from error
    if not text.strip():
        raise DomainError("labels_unreadable", f"{path.name}: it is empty.")
    return text


def targets(videos, output):
    """Return where the copy of each video's features goes; Nones without an output.

    Raises:
        DomainError: output_unwritable: a folder is missing, or what is named is of the other kind;
            output_ambiguous: two videos of one name.
    """
    if output is None:
        return [None] * len(videos)
    output = Path(output)
    if len(videos) == 1 and not output.is_dir():
        if not output.absolute().parent.is_dir():
            raise _unwritable(output, "its folder does not exist")
        return [output]
    if not output.is_dir():
        if output.exists() or not output.absolute().parent.is_dir():
            raise _unwritable(output, "for several videos it must be a folder")
        if output.suffix == SUFFIX:
            raise _unwritable(output, "for several videos it must be a folder, not a file")
    found = [output / f"{Path(video).stem}{SUFFIX}" for video in videos]
    if len(set(found)) < len(found):
        message = "Two of the videos have the same name, and so would their files."
        raise DomainError("output_ambiguous", message)
    return found


def _unwritable(path, reason):
    return DomainError("output_unwritable", f"{path} cannot be written: {reason}.")


def spans_for(feature_set, label_set=""):
    """Return the current spans of a video in a label set, None where there are none.

    Args:
        label_set: its name; "" for none.
    """
    found = LabelSet.objects.filter(site=feature_set.site_id, name=label_set) if label_set else ()
    if not found:
        return None
    rows = SpanAnnotation.objects.filter(
        label_set=found[0], footage=feature_set.footage_id, is_current=True
    )
    annotation = rows.first()
    return annotation.spans if annotation else None


def write_copy(feature_set, target, spans=None):
    """Write finished features to a path of this machine; return the sha256 of the copy.

    Args:
        spans: [start, end, label]; they fill the column ``label``.

    Raises:
        DomainError: output_unwritable, disk_full.
    """
    target = Path(target)
    source, is_copy = storage.local_copy(feature_set.path)
    partial = target.with_name(f".{uuid.uuid4().hex}.partial")
    try:
        target.parent.mkdir(exist_ok=True)
        if spans is None:
            shutil.copyfile(source, partial)
        else:
            _labelled(source, partial, spans, feature_set.sha256)
        partial.replace(target)
    except OSError as error:
        found = storage.disk_full(target.parent, error)
        if found is error:
            found = _unwritable(target, error.strerror or str(error))
        raise found from error
    finally:
        partial.unlink(missing_ok=True)
        if is_copy:
            source.unlink(missing_ok=True)
    return storage.sha256_of(target)


def _labelled(source, target, spans, sha256):
    """Copy a parquet file group by group, with its labels and where it is from."""
    import pyarrow
    import pyarrow.parquet

    from training.learning.spans import label_at

    reader = pyarrow.parquet.ParquetFile(source)
    schema = reader.schema_arrow
    schema = schema.with_metadata({**(schema.metadata or {}), COPIED_FROM: sha256.encode()})
    place = schema.get_field_index(LABEL)
    with pyarrow.parquet.ParquetWriter(target, schema, compression="zstd") as writer:
        for number in range(reader.num_row_groups):
            group = reader.read_row_group(number)
            names = label_at(spans, group.column("t").to_numpy())
            column = pyarrow.array(names, type=schema.field(place).type)
            writer.write_table(group.set_column(place, schema.field(place), column))


def known(path, site, *, own_labels=False):
    """Return the features of a site that a file is, or is a labelled copy of; None for others.

    Of a copy, nothing is read but where it is from: its labels are those of the label set. Where
    the file's own labels are wanted, a copy is a file of its own.
    """
    import pyarrow.parquet

    found = selectors.features_with(storage.sha256_of(path), site)
    if found is not None or own_labels:
        return found
    try:
        copied_from = (pyarrow.parquet.read_schema(path).metadata or {}).get(COPIED_FROM, b"")
    except (pyarrow.ArrowException, OSError):
        return None  # whoever takes it in says what is wrong with it
    return selectors.features_with(copied_from.decode(), site) if copied_from else None


def report(feature_set, output=None, output_sha256="", *, is_new):
    """Return what a machine is told about finished features, JSON values."""
    figures = feature_set.figures
    return {
        "features": feature_set.pk,
        "footage": feature_set.footage_id,
        "name": feature_set.name,
        "detector": feature_set.detector,
        "sample_rate": feature_set.sample_rate,
        "is_new": is_new,
        "rows": feature_set.frames,
        "frames_decoded": figures.get("frames_decoded"),
        "seconds": figures["seconds"],
        "frames_per_second": figures["frames_per_second"],
        "missing": figures["missing"],
        "warnings": figures["warnings"],
        "labels_saved": figures.get(SAVED, []),
        "sources": feature_set.sources,
        "sha256": feature_set.sha256,
        "path": feature_set.path,
        "output": str(output) if output else None,
        "output_sha256": output_sha256,
    }


def refuse_unsaved(reports):
    """Raise a DomainError for labels that did not fit the video that they came with."""
    for told in reports:
        for one in told["labels_saved"][-1:]:
            if "error" in one:
                message = f"{told['name']} was measured, but its labels were not saved: "
                raise DomainError("labels_refused", message + one["error"])
