"""New training rows: rewritten or invented by a model, checked, and accounted for.

In:   the recipe's `data.augment` section, the splits of a prepared data set, and a writer: an
      OpenAI-compatible endpoint, or any function from chats to replies.
Out:  an artefact folder with train.jsonl (the new rows alone, each with its provenance under `made`),
      ledger.jsonl (what became of every row that was wanted) and counts.json; asked == kept + dropped
      is asserted. The same rows, recipe and replies give the same bytes.
How:  plan → ask → check; `stage.augment` calls them in this order. The instructions are in prompts.py.

Only training rows are shown to the writer, and new rows go to training alone. Nothing is sent without
steps in the recipe. Replies are kept on disk as they come, so nothing is paid for twice.
"""
