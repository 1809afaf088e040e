"""One reply against one reference: pure functions from text to a value, or None with the reason.

An empty reply is a bad reply, not an unknown one: it scores 0 wherever the reference can be compared
with at all. Formulas and their sources are in docs/5-evaluate.md.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from talkwright.evaluate.facts import Words, fact_recall
from talkwright.types import Conversation, Reply

if TYPE_CHECKING:
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

_NO_REFERENCE = "the reference is empty"
_NO_WORDS = "the reference has no words to compare"
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)

Value = tuple[float | None, str | None]
"""A value and None, or None and why there is no value."""


class ItemScores(NamedTuple):
    """Every metric of one item, and the counts that corpus BLEU and chrF are summed from."""

    scores: dict[str, Value]
    stats: dict[str, list[int]]


def score_item(
    item: Conversation, reply: Reply | None, others: Mapping[Words, int], why: str | None = None
) -> ItemScores:
    """Score a reply on everything. Without a reply, every metric is None because of `why`."""
    if reply is None:
        return ItemScores(dict.fromkeys(METRIC_NAMES, (None, why or "no reply was made")), {})
    reference, text = item.messages[-1].text, reply.text
    prompt = [message.text for message in item.messages[:-1]]
    bleu_value, bleu_counts = bleu(text, reference)
    chrf_value, chrf_counts = chrf(text, reference)
    scores: dict[str, Value] = {
        "fact_recall": fact_recall(
            text, prompt=prompt, reference=reference, facts=item.facts, others=others
        ),
        "exact_match": exact_match(text, reference),
        "f1": f1(text, reference),
        "rouge_l": rouge_l(text, reference),
        "bleu": bleu_value,
        "chrf": chrf_value,
        "reply_words": (float(len(text.split())), None),
        "stopped": (float(reply.finish == "stop"), None),
        "seconds": (reply.seconds, None),
    }
    counts = {"bleu": bleu_counts, "chrf": chrf_counts}
    return ItemScores(scores, {name: found for name, found in counts.items() if found})


METRIC_NAMES = (
    "fact_recall",
    "exact_match",
    "f1",
    "rouge_l",
    "bleu",
    "chrf",
    "reply_words",
    "stopped",
    "seconds",
)


def squad_words(text: str) -> list[str]:
    """Lower-case, drop ASCII punctuation and the articles a, an, the, split at white space.

    Source: the answer normalisation of Rajpurkar et al. 2016, "SQuAD", arXiv:1606.05250.
    """
    return _ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split()


def exact_match(reply: str, reference: str) -> Value:
    """1 if both are the same words after SQuAD normalisation, else 0."""
    right = squad_words(reference)
    return (float(squad_words(reply) == right), None) if right else (None, _NO_WORDS)


def f1(reply: str, reference: str) -> Value:
    """Harmonic mean of precision and recall over the bag of SQuAD-normalised words, 0 to 1."""
    said, right = squad_words(reply), squad_words(reference)
    if not right:
        return None, _NO_WORDS
    shared = sum((Counter(said) & Counter(right)).values())
    return 2 * shared / (len(said) + len(right)), None


def rouge_l(reply: str, reference: str) -> Value:
    """F-measure of the longest common subsequence of words, 0 to 1 (Lin 2004; rouge_score).

    Words are runs of letters and digits of any script. For ASCII text that is what rouge_score does
    by itself; its own tokenizer would drop every other letter.
    """
    if not _LettersAndDigits().tokenize(reference):
        return None, _NO_WORDS
    return float(_rouge_scorer().score(reference, reply)["rougeL"].fmeasure), None


def bleu(reply: str, reference: str) -> tuple[Value, list[int]]:
    """Sentence BLEU, 0 to 100, and the counts corpus BLEU is made from (Post 2018; sacrebleu).

    Counts: reply length, reference length, matching 1- to 4-grams, 1- to 4-grams of the reply. The
    sentence score uses effective order; the corpus score made of summed counts does not.
    """
    if not reference.strip():
        return (None, _NO_REFERENCE), []
    found: Any = _bleu_scorer().sentence_score(reply, [reference])
    return (found.score, None), [found.sys_len, found.ref_len, *found.counts, *found.totals]


def chrf(reply: str, reference: str) -> tuple[Value, list[int]]:
    """Sentence chrF2, 0 to 100, and the counts corpus chrF2 is made from (Popović 2015; sacrebleu).

    Counts, for each character n-gram order 1 to 6: of the reply, of the reference, shared.
    """
    if not reference.strip():
        return (None, _NO_REFERENCE), []
    scorer: Any = _chrf_scorer()
    # sacrebleu offers the counts through no public name; a test holds them to its public corpus score.
    counts = [int(count) for count in scorer._extract_corpus_statistics([reply], [[reference]])[0]]
    return (float(scorer.sentence_score(reply, [reference]).score), None), counts


def signatures() -> dict[str, str]:
    """How corpus BLEU and chrF are computed, as sacrebleu writes it for citing."""
    from sacrebleu.metrics.bleu import BLEU

    corpus: Any = BLEU()
    corpus.corpus_score(["a"], [["a"]])  # sacrebleu knows its settings only after it has scored once
    scorer: Any = _chrf_scorer()
    scorer.corpus_score(["a"], [["a"]])
    return {"bleu": str(corpus.get_signature()), "chrf": str(scorer.get_signature())}


class _LettersAndDigits:
    """What rouge_score asks of a tokenizer: an object with `tokenize`."""

    def tokenize(self, text: str) -> list[str]:
        return re.findall(r"[^\W_]+", text.lower())


@lru_cache(maxsize=1)
def _rouge_scorer() -> Any:
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(["rougeL"], tokenizer=_LettersAndDigits())


@lru_cache(maxsize=1)
def _bleu_scorer() -> BLEU:
    from sacrebleu.metrics.bleu import BLEU

    return BLEU(effective_order=True)


@lru_cache(maxsize=1)
def _chrf_scorer() -> CHRF:
    from sacrebleu.metrics.chrf import CHRF

    return CHRF()
