"""What languages are called in English, by their codes in ISO 639 of two letters or three."""

from __future__ import annotations

from typing import Any

# Two letters, three letters (also those of its standard form, as FLORES has them), the name.
_NAMES = """
    af afr Afrikaans|am amh Amharic|ar ara,arb Arabic|as asm Assamese|az aze,azj Azerbaijani
    be bel Belarusian|bg bul Bulgarian|bn ben Bengali|bo bod Tibetan|bs bos Bosnian|ca cat Catalan
    cs ces,cze Czech|cy cym,wel Welsh|da dan Danish|de deu,ger German|el ell,gre Greek|en eng English
    eo epo Esperanto|es spa Spanish|et est,ekk Estonian|eu eus,baq Basque|fa fas,per,pes Persian
    fi fin Finnish|fo fao Faroese|fr fra,fre French|ga gle Irish|gd gla Scottish Gaelic|gl glg Galician
    gn grn Guarani|gu guj Gujarati|ha hau Hausa|he heb Hebrew|hi hin Hindi|hr hrv Croatian
    ht hat Haitian Creole|hu hun Hungarian|hy hye,arm Armenian|id ind Indonesian|ig ibo Igbo
    is isl,ice Icelandic|it ita Italian|ja jpn Japanese|jv jav Javanese|ka kat,geo Georgian
    kk kaz Kazakh|km khm Khmer|kn kan Kannada|ko kor Korean|ky kir Kyrgyz|la lat Latin
    lb ltz Luxembourgish|lg lug Ganda|ln lin Lingala|lo lao Lao|lt lit Lithuanian|lv lav,lvs Latvian
    mg mlg,plt Malagasy|mi mri,mao Maori|mk mkd,mac Macedonian|ml mal Malayalam|mn mon,khk Mongolian
    mr mar Marathi|ms msa,may,zsm Malay|mt mlt Maltese|my mya,bur Burmese|nb nob Norwegian Bokmål
    ne nep,npi Nepali|nl nld,dut Dutch|nn nno Norwegian Nynorsk|no nor Norwegian|ny nya Chichewa
    oc oci Occitan|om orm,gaz Oromo|or ory,ori Odia|pa pan Punjabi|pl pol Polish|ps pus,pbt Pashto
    pt por Portuguese|qu que,quy Quechua|ro ron,rum Romanian|ru rus Russian|rw kin Kinyarwanda
    sa san Sanskrit|sd snd Sindhi|si sin Sinhala|sk slk,slo Slovak|sl slv Slovene|sm smo Samoan
    sn sna Shona|so som Somali|sq sqi,alb,als Albanian|sr srp Serbian|su sun Sundanese|sv swe Swedish
    sw swa,swh Swahili|ta tam Tamil|te tel Telugu|tg tgk Tajik|th tha Thai|ti tir Tigrinya
    tk tuk Turkmen|tl tgl Tagalog|tr tur Turkish|tt tat Tatar|ug uig Uyghur|uk ukr Ukrainian
    ur urd Urdu|uz uzb,uzn Uzbek|vi vie Vietnamese|wo wol Wolof|xh xho Xhosa|yi yid,ydd Yiddish
    yo yor Yoruba|zh zho,chi,cmn Chinese|zu zul Zulu
"""
_PARTS = [one.split(maxsplit=2) for line in _NAMES.split("\n") for one in line.split("|") if one.strip()]
_THREE = {code: name for _, codes, name in _PARTS for code in codes.split(",")}
_SCRIPTS = {"hans": " (Simplified)", "hant": " (Traditional)"}

LANGUAGES = {two: name for two, _, name in _PARTS}
"""Names by codes of two letters."""


def language_name(code: Any) -> str:
    """The name of the language with this code (`de`, `deu`, `de-AT`, `deu_Latn`, `zho_Hant`); anything
    else, such as a name, as it is."""
    language, *rest = str(code).strip().lower().replace("_", "-").split("-")
    name = LANGUAGES.get(language, _THREE.get(language))
    if name is None:
        return str(code)
    return name + next((_SCRIPTS[part] for part in rest if part in _SCRIPTS), "")
