"""Which side an answer takes of a question of whether in German, Dutch, French, Spanish, Portuguese,
Italian or Polish.

A question of whether has one claim: that something has to be done, that it costs nothing, that it is
open, or, of all others, that it is so and may be done. The words for either side are tables, one for all
languages; a denial turns them round. In other languages than English a clause is short of the words that
tell a condition from a claim, so the first clause that takes a side decides.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from talkwright.data.similarity.asking import FOREIGN, FORMS
from talkwright.data.similarity.similar import normal

_LONGEST = 60  # words of an answer that takes one side
_CLAUSES = 3  # of an answer that are looked at
_TOKEN = re.compile(r"[\w'\u2019]+")
_CLAUSE = re.compile(
    r"[.;!?:](?:\s|\Z)|,? (?:aber|jedoch|maar|mais|pero|sino|mas|porém|ma|però|ale) |, "
    r"| (?:und|en|et|y|e|i|oraz) (?=(?:\w+ )?(?:nicht|kein\w*|niet|geen|ne|no|não|non|nie)\b)"
)
# What a question in one of these languages has that English has not, and the other way round.
_ENGLISH = frozenset(
    """
    the are do does can could you your what how when where which who of for it with from there have has
    should would will and my if be not any
    """.split()  # noqa: SIM905 - a list of words reads best as one
)
_ASKS_OTHER = frozenset(
    """
    wann wo wer wen wem wie was warum weshalb welche welcher welches welchen wohin woher wieviel
    wanneer waar wat welk hoe hoeveel waarom
    quand où qui comment combien pourquoi quel quelle quels quelles que quoi
    cuándo dónde quién cómo cuánto cuánta cuántos cuántas cuál cuáles qué
    quando onde quem como quanto quanta quantos quantas qual quais porquê
    dove chi come quanti quante quale quali perché
    kiedy gdzie kto jak ile co jaki jaka jakie który która które której którym dlaczego
    """.split()  # noqa: SIM905
) - {"que", "come", "como", "wie"}
_YES = re.compile(
    r"\W*(?:ja|jawohl|klar|natürlich|selbstverständlich|sicher|gern|gerne|zeker|natuurlijk|uiteraard"
    r"|oui|bien sûr|tout à fait|certainement|absolument|si|sí|claro|por supuesto|desde luego|sim"
    r"|com certeza|sì|certo|certamente|tak|oczywiście|jasne|kein problem|geen probleem"
    r"|(?:pas de|aucun) problème|no hay problema|sem problema|nessun problema)"
    r"(?!,? (?:nicht|niet|pas|que (?:no|non)|que não|no|não|che no|nie)\b)(?=[\s,.!;:]|\Z)"
)
_NO = re.compile(
    r"\W*(?:nein|nö|nee|leider (?:nein|nicht)|natürlich nicht|nie|niemals|helaas niet|non|no|não|jamais"
    r"|nunca|mai|bien sûr que non|claro que (?:no|não)|certo che no|malheureusement (?:non|pas)"
    r"|(?:das|dies|es|dat|\u00e7a|cela|ce|eso|esto) (?:geht|klappt|funktioniert|kan|gaat|lukt|mag|est|es"
    r"|n['\u2019]est)(?: (?:leider|so|hier|bei uns|helaas|aber|jammer genoeg))*"
    r" (?:nicht|niet|pas possible|impossible|unm\u00f6glich|imposible)"
    r"|no es posible|non \u00e8 possibile|n\u00e3o \u00e9 poss\u00edvel|no se puede"
    r"|lamentablemente no|purtroppo no|infelizmente não|niestety nie"
    r"|(?:leider|helaas|malheureusement|lamentablemente|desgraciadamente|purtroppo|infelizmente|niestety)"
    r"\b[^.!?]*\b(?:nicht|kein\w*|niet|geen|pas|plus|aucune?|no|ningun\w*|ningún|non|nessun\w*|não"
    r"|nenhum\w*|nie|brak))(?=[\s,.!;:]|\Z)"
)
_DENIERS = frozenset(
    """
    nicht kein keine keinen keinem keiner keinerlei nie niemals niemand nichts weder
    niet geen nooit niemand niets
    pas jamais aucun aucune personne rien nul ni guère
    no nunca ningún ninguno ninguna nadie nada tampoco
    não nunca nenhum nenhuma ninguém nem
    non nessun nessuno nessuna mai niente
    nie nigdy żaden żadne żadna nikt brak
    """.split()  # noqa: SIM905
)
_ONLY = frozenset(
    """
    nur ausschließlich lediglich alleen uitsluitend enkel seulement uniquement exclusivement solo sólo
    solamente únicamente exclusivamente só apenas somente unicamente soltanto esclusivamente tylko
    wyłącznie jedynie seuls seul seules seule
    """.split()  # noqa: SIM905
)
_SOME = re.compile(
    r"\b(?:wenn|falls|sofern|außer|sonst|solange|als (?:u|je|het|de|ze)|tenzij|mits|s'ils?|sauf"
    r"|si (?!può|pag|dev|entr|fa|acce|chiu|pos)|tant que|sinon|excepto|salvo|siempre que|exceto"
    r"|desde que|tranne|purché|jeśli|jeżeli|chyba|oprócz)\b"
)
# A claim's two sides, by the beginnings of their words; of _PHRASES, as they are.
_AXES = {
    "must": (
        """
        pflicht verpflicht oblig tenu notwendig nötig erforderlich benötig zwingend unerlässlich
        müssen muss
        musst müsst verplicht nodig vereist moet noodzakelijk nécessaire indispensable exig
        impérati doit devez doivent faut necesari imprescindible preceptiv debe deben
        obrigat necessári precisa imprescindível deve devem obblig necessari indispensabil serve
        servono devono bisogna occorre obowiązk wymagan konieczn trzeba musi muszą niezbędn 
        """,
        """
        freiwillig optional unnötig überflüssig volstaat vrijwillig suffit suffisent facultati conseil
        basta bastan bastano opcional voluntari facoltativ opzionale consigliat dobrowoln wystarcz
        reicht genügt überflüssig zbędn
        """,
    ),
    "free": (
        """
        kostenlos kostenfrei gratis umsonst inklusive enthalten inbegriffen inbegrepen gratuit inclus
        inclu compris offert incluid gratis grátis gratuit incluíd incluso inclus compres bezpłatn
        darmow wliczon libre livre
        """,
        """
        kostet berechne kostenpflichtig zahlen aufpreis zuschlag extra betaal toeslag coûte
        payant supplément factur tarif comptez cuesta cuestan pagar paga pagan pago aparte suplemento
        cobra custa pag cobram cobrad costa costano pagamento supplemento kosztuje płatn dopłat opłat
        euro euros € zł r$ zahl
        """,
    ),
    "open": (
        "geöffnet offen geopend ouvert abiert abre abert apert apre otwart czynn open",
        "geschlossen fermé fermée fermeture cerrad cierra fechad chius zamknięt nieczynn gesloten",
    ),
    "may": (
        """
        erlaubt gestattet möglich willkommen zugelassen dürfen darf problemlos gern gerne akzeptier
        toegestaan welkom mogelijk mag mogen permis autoris admis accept bienven possible admit pouvez
        peuvent permitid admitid bienvenid aceptad acept posible puede pueden permite permiten
        bem-vind permitid aceit possível possíveis pode podem ammess consentit benvenut permess accett
        possibil può possono potete dozwol wolno możliw można może mogą przyjmuj widzian
        """,
        """
        verboten untersagt ausgeschlossen unmöglich unzulässig verboden onmogelijk interdit défendu
        impossible exclu prohib imposible excluid proibid impossível vietat proibit impossibile
        zabroni zakaz niemożliw wykluczon
        """,
    ),
}  # fmt: skip
_PHRASES = {
    "may": (
        "ohne weiteres|sans problème|sin problema|sem problema|senza problem|bez problemu"
        "|zonder probleem"
        "|geen probleem|kein problem|pas de problème",
        "zu hause|thuis|à la maison|chez vous|en casa|em casa|a casa|w domu|draußen|buiten|dehors|fuera"
        "|fora|fuori|na zewnątrz|gehör(?:t|en) (?:auf|in"
        "|zum)",
    ),
    "must": (
        "hay que|se necesitan?|hace falta|hacen falta|tiene que|tienen que|tem que|il faut"
        "|nicht ohne|pas sans",
        "hoef\\w* .{0,40}niet|brauch\\w* .{0,30}(?:nicht|kein\\w*)|nie trzeba|non serve|não precisa"
        "|einfach vorbei|kommen sie einfach|venta libre|venda livre|vente libre|tête nue"
        "|loop (?:gewoon|zo)"
        "|kom gewoon|il suffit|basta apparecer|basta aparecer|sans rendez-vous",
    ),
    "free": (
        "im preis|dans le prix|en el precio|no preço|nel prezzo|w cenie|in de prijs|frei|na diária",
        "kost|kosten|à part|à la charge|por separado|à parte|a parte|osobno|r\\$|\\d ?(?:€|euro"
        "|eur|zł|kr)\\b|€ ?\\d"
        "|en sus",
    ),
    "open": ("auf", "zu|dicht"),
}  # fmt: skip
_WITHOUT = frozenset("ohne zonder sans sin sem senza bez".split())  # noqa: SIM905
_NO_MORE = re.compile(r"\bn(?:e |['\u2019]).{1,25} plus\b")
_LETTERS = 5  # that two forms of one word share


def _compiled(axis: str, side: int) -> re.Pattern[str]:
    stems = "|".join(sorted(map(re.escape, _AXES[axis][side].split()), key=len, reverse=True))
    phrases = _PHRASES[axis][side]
    return re.compile(rf"(?<!\w)(?:(?:{phrases})(?!\w)|(?:{stems})\w{{0,6}}(?!\w))" if phrases else
                      rf"(?<!\w)(?:{stems})\w{{0,6}}(?!\w)")  # fmt: skip


_SIDES = {axis: (_compiled(axis, 0), _compiled(axis, 1)) for axis in _AXES}
_PARTICLES = re.compile(r"\b(?:auf|zu|open|abrir|ouvrir|apri\w*)\b(?! (?:op|am|an|im|in))")
_NEEDS = re.compile(
    r"\b(?:necesit\w+|tengo que|debo|tenho que|devo|ho bisogno|braucht?|brauchen|benötig\w+"
    r"|nodig|hace falta|besoin|preciso|serve|servono|muszę)\b"
)
_PAID = re.compile(
    r"\b(?:payante?s?|pag[oa]s?|płatn\w+|extra|aufpreis|supplément|suplemento|supplemento|toeslag|dopłat\w+|kostenpflichtig|kostet|cuesta|coûte|costa|custa|kosztuje"
    r"|(?:muss|müssen|moet|dois|faut|devo|debo|hay que|tengo que|bisogna|trzeba|muszę)\b.{0,200}"
    r"\b(?:zahlen|bezahlen|betalen|payer|pagar|pagare|płacić))\b"
)


@lru_cache(maxsize=4096)
def is_foreign(question: str) -> bool:
    """Say whether a question, in normal form, is in one of the languages that this file knows."""
    said = _TOKEN.findall(question)
    foreign = sum(word in FOREIGN or word in _ASKS_OTHER or FORMS[word] in ("must", "brauch")
                  for word in said if word != "must")  # fmt: skip
    return foreign > sum(word in _ENGLISH for word in said) or (
        foreign > 0 and not question.isascii() and _ENGLISH.isdisjoint(said)
    )


def sides_abroad(question: str, a: str, b: str) -> bool:
    """Say whether of two answers to a foreign question, as written, one says so and the other not so."""
    question = normal(question)
    if not _ASKS_OTHER.isdisjoint(_TOKEN.findall(question)):
        return False
    if "?" in a + b or max(a.count(" "), b.count(" ")) > _LONGEST:
        return False
    (one, some), (other, others) = _side(question, normal(a)), _side(question, normal(b))
    return one * other < 0 and not (some if one < 0 else others)


def side_abroad(question: str, answer: str) -> int:
    """1 where an answer to a foreign question takes its first side, -1 its second, 0 neither."""
    return _side(normal(question), normal(answer))[0]


def _axis(question: str) -> tuple[str, int]:
    """What claim a question has, and whether a yes takes its first side."""
    yes, no = _SIDES["open"]
    if (yes.search(question) or no.search(question)) and not _PARTICLES.search(question):
        return "open", 1 if yes.search(question) else -1
    if _SIDES["free"][0].search(question) or _PAID.search(question):
        return "free", -1 if _PAID.search(question) else 1
    return ("must", 1) if _SIDES["must"][0].search(question) or _NEEDS.search(question) else ("may", 1)


@lru_cache(maxsize=4096)
def _side(question: str, answer: str) -> tuple[int, bool]:
    """1 where an answer takes a question's first side, -1 the second, 0 neither; if of some cases."""
    axis, turn = _axis(question)
    clauses = [part for part in _CLAUSE.split(answer) if part.strip()][:_CLAUSES]
    some = bool(_SOME.search(clauses[0])) if clauses else False
    if _YES.match(answer):
        return turn, some
    if _NO.match(answer) and not _negates_need(axis, clauses):
        return -turn, False
    asked = _stems(_TOKEN.findall(question))
    for clause in clauses:
        sign = _clause(axis, clause, asked)
        if sign:
            return sign, bool(_SOME.search(clause))
    if clauses and axis in ("may", "open"):
        said = _TOKEN.findall(clauses[0])
        shared = asked & _stems(said)
        if 2 * len(shared) >= len(asked) > 0:
            return (1 if _DENIERS.isdisjoint(said) else -1), some
    return 0, some


def _negates_need(axis: str, clauses: Sequence[str]) -> bool:
    """A sentence that begins with "no" and is none: "non è gratis" of what is paid."""
    return axis == "free" and len(_TOKEN.findall(clauses[0])) > 1


def _clause(axis: str, clause: str, asked: frozenset[str]) -> int:
    """The side that one clause takes."""
    said = _TOKEN.findall(clause)
    yes, no = _SIDES[axis]
    denied = not _DENIERS.isdisjoint(said) or bool(_NO_MORE.search(clause))
    plus, minus = yes.search(clause), no.search(clause)
    if axis == "must":
        if minus and plus is None:
            return -1  # a denial is part of it
        at = next((n for n, word in enumerate(said) if word in _WITHOUT), None)
        if at is not None and asked & _stems(said[at + 1 : at + 4]):
            return 1 if denied else -1
    if not _ONLY.isdisjoint(said):
        named = _stems(said)
        if axis == "must":
            return 1 if asked & named else 0
        return -1 if axis != "open" and asked - named and named - asked else 0
    if minus and plus and denied and axis == "free":
        return -1  # "two euros, which are not part of the price"
    if minus and axis != "must":
        return 1 if denied and axis != "open" and minus[0] not in ("nicht mehr",) else -1
    if plus:
        return -1 if denied else 1
    if minus:
        return -1
    return 0


def _stems(said: Sequence[str]) -> frozenset[str]:
    return frozenset(form[:_LETTERS] for word in said if (form := FORMS[word]) and len(form) > 2)
