"""Names and places by Presidio, an extra: found by a spaCy model that is installed, never downloaded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from talkwright.errors import DataError

_KINDS = {
    "EMAIL_ADDRESS": "email", "PHONE_NUMBER": "phone", "CREDIT_CARD": "card", "IBAN_CODE": "iban",
    "IP_ADDRESS": "ip", "US_SSN": "national_id", "US_ITIN": "national_id", "US_PASSPORT": "national_id",
    "US_DRIVER_LICENSE": "national_id", "UK_NHS": "national_id", "UK_NINO": "national_id",
    "ES_NIF": "national_id", "ES_NIE": "national_id", "IT_FISCAL_CODE": "national_id",
    "PL_PESEL": "national_id", "IN_AADHAAR": "national_id", "IN_PAN": "national_id",
    "AU_TFN": "national_id", "SG_NRIC_FIN": "national_id", "FI_PERSONAL_IDENTITY_CODE": "national_id",
    "PERSON": "name", "LOCATION": "place",
}  # fmt: skip
_CERTAIN = 0.5  # Presidio's score from which a finding counts
_MODELS = ("en_core_web_lg", "en_core_web_md", "en_core_web_sm", "en_core_web_trf")


def find_by_presidio(text: str, analyzer: Any = None) -> Iterator[tuple[int, int, str]]:
    """Yield (start, end, kind) of what Presidio's analyzer finds, the most certain first.

    `analyzer` is anything with Presidio's `analyze(text=..., language=...)`; without one, it is made
    with the spaCy model that is installed. Raises DataError where Presidio or every model is missing.
    """
    found = (analyzer or _analyzer()).analyze(text=text, language="en")
    for entity in sorted(found, key=lambda entity: (-entity.score, entity.start)):
        kind = _KINDS.get(entity.entity_type)
        if kind is not None and entity.score >= _CERTAIN and entity.end > entity.start:
            yield entity.start, entity.end, kind


def merged(
    certain: Sequence[tuple[int, int, str]], further: Iterator[tuple[int, int, str]]
) -> list[tuple[int, int, str]]:
    """Findings in order without overlaps: all certain ones, and those of the others that touch none."""
    spans = list(certain)
    for start, end, kind in further:
        if not any(start < other[1] and other[0] < end for other in spans):
            spans.append((start, end, kind))
    return sorted(spans)


def stay_offline() -> None:
    """Keep Presidio from fetching the list of public suffixes when it sees an e-mail address.

    Its library, tldextract, asks the network on first use; the list that came with it does as well.
    """
    try:
        extract: Any = import_module("tldextract.tldextract")
    except ImportError:
        return
    extract.TLD_EXTRACTOR.suffix_list_urls = ()


@cache
def _analyzer() -> Any:
    try:
        from presidio_analyzer import AnalyzerEngine
        from presidio_analyzer.nlp_engine import NlpEngineProvider
    except ImportError as error:
        raise DataError(
            f"data.pii_engine is presidio, but {error.name} is not installed: `pip install "
            "'talkwright[presidio]'` and a spaCy model such as en_core_web_sm, or take pii_engine out."
        ) from None
    # Asked beforehand: the provider would download a model that it does not find.
    model = next((name for name in _MODELS if find_spec(name)), None)
    if model is None:
        raise DataError(
            "data.pii_engine is presidio, but no English spaCy model is installed, and none is "
            f"downloaded unasked. One of these will do: {', '.join(_MODELS)}."
        )
    stay_offline()
    models = [{"lang_code": "en", "model_name": model}]
    engine = NlpEngineProvider(nlp_configuration={"nlp_engine_name": "spacy", "models": models})
    return AnalyzerEngine(nlp_engine=engine.create_engine(), supported_languages=["en"])
