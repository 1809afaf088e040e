"""Raw files to a clean, split data set in which every input row is accounted for.

In:   the recipe's `data` section: files, folders or globs of conversations in any usual shape (see
      docs/1-data.md), in JSONL, JSON, CSV, TSV or Parquet, plain or packed; wrong extensions are
      looked through, and rows whose JSON is broken are repaired where only one reading is left.
Out:  an artefact folder with train.jsonl, validation.jsonl, test.jsonl, ledger.parquet (the fate
      of each row, with file and line), counts.json and doctor.json (what is wrong with what was kept).
      `read == kept + dropped` is asserted here.
How:  each row by itself, in chunks and in several processes: reading/ → cleaning/ (entries, workers,
      shards); then all rows together, by their features: similarity/ → mix → fates; then dataset and
      ledger are written. `prepare` calls them in this order.
      `export_dataset` writes the result in the shapes that other programs read; `query` (browse) asks
      the ledger, and `difference` compares two data sets.
      `augment` has new training rows written from those of the training split (augment/__init__.py).

Refuses (DataError): missing, empty or binary files, folders without data, CSV columns it cannot
recognise, and sources of which nothing usable is left. Nothing is repaired unless the repair is
certain, and no repair is silent. Loads neither torch nor transformers.
"""

from talkwright.data.augment.asking import Queue, Writer, in_batches
from talkwright.data.augment.endpoint import endpoint_writer
from talkwright.data.augment.replies import Written
from talkwright.data.augment.stage import Joined, augment, preview, provenance, read_augmented
from talkwright.data.browse import EXACT, count_by, dataset_folder, parse_wanted, query
from talkwright.data.difference import difference
from talkwright.data.doctor.diagnose import exit_code, is_dataset
from talkwright.data.export import EXPORT_FORMATS, export_dataset, export_targets, left_out
from talkwright.data.prepare import (
    examine,
    examine_dataset,
    prepare,
    read_conversations,
    read_dataset,
    source_digest,
)
from talkwright.data.suite import asked_in_both

__all__ = [
    "EXACT",
    "EXPORT_FORMATS",
    "Joined",
    "Queue",
    "Writer",
    "Written",
    "asked_in_both",
    "augment",
    "count_by",
    "dataset_folder",
    "difference",
    "endpoint_writer",
    "examine",
    "examine_dataset",
    "exit_code",
    "export_dataset",
    "export_targets",
    "in_batches",
    "is_dataset",
    "left_out",
    "parse_wanted",
    "prepare",
    "preview",
    "provenance",
    "query",
    "read_augmented",
    "read_conversations",
    "read_dataset",
    "source_digest",
]
