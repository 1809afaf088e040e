"""What a question asks, whatever the spelling, the form of the verb and the order of its words.

A word's form is what it shares with its inflections and plain synonyms in English, German, French and
Spanish. Forms are looked up in a table that fills itself, as they are needed for every row.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from talkwright.data.similarity.numerals import number_word
from talkwright.data.similarity.similar import signs

_MOST_FORMS = 500_000  # words remembered
# What carries no matter in a question in German, Dutch, French, Spanish, Portuguese, Italian or Polish.
_EMPTY = frozenset(
    """
    ich du er sie wir ihr man der die das den dem des ein eine einen einem einer eines mein meine meinen
    meiner meinem ihre ihren ihrem ihrer ihnen unser unsere unserer dies diese diesen diesem dieser was
    ist sind bin wird werden wurde kann können könnte bitte mit per in im am an auf für von vom zu zum
    zur bei beim es hallo guten tag gern mich mir uns sich hat haben habe gibt denn eigentlich noch
    de het een mijn onze deze dit dat op voor met ik wij we jullie u kan mag zich mij dan er bij naar ook
    alstublieft graag hoi is zijn wat heb heeft goedemiddag goedemorgen goedendag
    le la les l un une des du de au aux mon ma mes votre vos notre nos ce cet cette ces est sont sera
    seront serai serez suis êtes soit ce que qu'on qu'il qu'elle qu'est est-ce il ils elle elles on je
    tu nous vous t y s'il vous plaît bonjour svp merci peut puis peux pouvez peut-on par avec pour en
    dans sur sous chez avez ai as quel quelle quels quelles porter dispose
    el los las lo unos unas mi mis su sus nuestro nuestra este esta estos estas ese esa se con por para
    que qué puedo puede podemos pueden está están es son del al hola favor me yo usted ustedes hay cuál
    cual llevar tiene tienen
    o a os um uma uns umas meu minha meus minhas seu sua nosso nossa este esta esse essa no na nos nas ao
    à às do da dos das em com eu você vocês é são fica posso pode podem bom dia olá boa tarde qual tem
    há fosse ser sobre pelo pela
    il i gli uno una mio mia miei mie suo sua nostro nostra questo questa queste questi nel nella nei sul
    sulla allo alla ai agli alle dal dalla dello della dei degli delle di da con si può posso possono
    è sono c'è ci ho hai hanno buongiorno salve ciao cosa qual quale quali che ed e
    czy w we na z ze do od po za dla przez się to ten ta te tego tej tym mój moja moje moim swoim swój
    jest są ja mogę można jaki jaka jakie dzień dobry proszę godzinie u mam
    bitteschön porfavor onto
    """.split()  # noqa: SIM905 - a list of words reads best as one
) - frozenset(
    """
    as do was sera per sobre dies tag ten hat ai os no nas dal ci salve dos
    """.split()  # noqa: SIM905 - of English, or of another sense
)
# Words that only lend weight to a question.
_EMPTY |= set(
    """
    wirklich überhaupt tatsächlich genau mal vraiment exactement réellement donc realmente exactamente
    verdaderamente echt eigenlijk precies werkelijk davvero veramente esattamente mesmo exatamente
    naprawdę właściwie dokładnie
    buonasera goedenavond bonsoir buenos buenas días tardes noches moin servus
    """.split()  # noqa: SIM905
)
_EMPTY |= {
    word[:-1] for word in _EMPTY if word[-1] == "s" and len(word) > 3
}  # the plural's end is cut off
# Of these, what is no English word.
FOREIGN = _EMPTY - frozenset(
    """
    is on an die man per pour son as par comes me mi ma con so no na a i o am in was for to by at do de
    ten she my we you it hoi voor sub fossil mam per des sin tu se ca la le les el al vous u y t l l'
    """.split()  # noqa: SIM905
)
# One question word is asked for by another, and a modal verb by another.
_PHRASES = re.compile(
    r"(?P<wann>um wie ?viel uhr|hoe laat|à quelle heure|a qué hora|a que horas?|a che ora"
    r"|o której(?: godzinie)?)\b"
    r"|(?P<jakdługo>ile(?= trwa)|jak długo)\b"
    r"|(?P<hoeveel>wat(?= kost)|hoeveel)\b"
    r"|(?P<combien>(?:sous |dans |de )?(?:combien de jours|quel délai))\b"
)
_PHRASED = frozenset("um hoe wat à a o ile jak sous dans combien quel de".split())  # noqa: SIM905
# A work's or a place's kind, before its name: "the novel Jane Eyre".
_APPOSED = re.compile(
    r"\b(?:the|le|la|l'|el|das|den|der|die|il|o|a) ?(?:novel|book|painting|picture|poem|song|film|movie"
    r"|opera|play|symphony|ballet|sculpture|suite|musical|album|series|roman|buch|gemälde|bild|lied"
    r"|tableau|livre|chanson|opéra|novela|libro|cuadro|canción|película|livro|filme|romance|canção"
    r"|romanzo|quadro|canzone)(?= \w)(?! (?:about|by|of|in|on|for|club|festival|from|with|de|del|di"
    r"|da|do|von|que|est|y|et|and)\b)"
)
_KINDS = frozenset(
    """
    planet novel painter composer singer actor actress poet philosopher physicist scientist volcano
    river poem symphony explorer footballer
    """.split()  # noqa: SIM905
)
_KIND = re.compile(
    rf"\bthe (?:{'|'.join(sorted(_KINDS))})(?= \w)(?! (?:of|in|on|by|with|from|that|who"
    r"|which|is|was|has|have|do|does|can|cruise|bank|boat|called)\b)"
)
_STARTS = _PHRASED | frozenset("who when in what wer qui quién quem chi by to".split())  # noqa: SIM905
_MAKING = (
    "who ", "when was", "in which year", "what year", "wer ", "qui ", "quién ", "quem ", "chi ",
    "by whom",
)  # fmt: skip
# Words of one part say the same in a question; the first names them all.
_SAME = """
    allow permit erlaubt gestattet dürfen darf permis autorisé permitido permitida | colour color |
    favour favor | centre center | cancel storno | photo photograph foto | zahlen bezahlen zahle
    bezahle |
    nutzen benutzen verwenden | senden versenden schicken verschicken | antworten beantworten |
    log login | sign signup | check checkin | organise organize | programme program | delivery deliver |
    kostenlos gratis umsonst kostenfrei gebührenfrei | grey gray | catalogue catalog | metre meter
    | litre liter |
    harbour harbor | licence license | must muss müssen moet moeten dois doit doivent devez faut faut-il
    debo debe deben tengo devo deve devono bisogna occorre devi muszę trzeba musi |
    brauche braucht brauchen benötige benötigt |
    maximum max | minimum min | turn switch | small minor little | javascript js | typescript ts |
    usar utilizar | paid payed |
    ouvert ouvre ouvrir | fermé ferme fermer | open geopend | wann wanneer quand cuándo
    quando kiedy | wlan wifi wlan-zugang | fahrrad rad | beforehand advance
"""
_NAMES = {word: line.split()[0] for line in _SAME.split("|") for word in line.split()}
_ENDINGS = ("ation", "ing", "ed", "es", "s", "e")
# German: zurückgegeben, zurückgeben.
_PARTICIPLE = re.compile(r"\A(zurück|weiter|mit|an|ab|auf|aus|ein|vor|um)ge(?=\w{5})")
# French, Italian: l'entrée, dell'anagrafe.
_ELIDED = re.compile(r"\A(?:[ldjcnmts]|qu|jusqu|dell|all|nell|dall|sull|un|quest)['\u2019](?=\w{2})")
# What is spelt in two ways, here and there: sulphur, organise, anaesthetic, favour.
_VARIANTS = {"ph": "f", "iz": "is", "yz": "ys", "ae": "e", "oe": "e", "our": "or"}
_VARIED = re.compile(r"ph|(?<=\w{2})[iy]z(?=[ai]|\Z)|(?<=\w)(?:ae|oe)(?=\w{4})|(?<=\w{3})our\Z")
# What stands in an order that matters: "from A to B", "is A bigger than B".
_ORDERED = frozenset(
    """
    than from versus vs into convert translate exchange swap instead prefer beat above below over under
    behind
    ahead von nach als desde hacia depuis plus moins más menos naar verso hasta switch transfer
    upgrade downgrade replace
    """.split()  # noqa: SIM905
)
CONVERTS = re.compile(
    r"how (?:many|much) \w+ (?:is|are|in|make|makes) |what(?:['\u2019]s| is| are) [$€£]?\d"
)
# What divides a question: the words on each side of it stay there.
_BORDERS = frozenset("before after if when while then vor wenn avant après antes después first".split())  # noqa: SIM905
# A request that has many right answers.
_OPEN = re.compile(
    r"(?:(?:hi|hey|hello|please|could|can|would|you|kindly|i need|i want|just|help|me|us|bitte)[, ]+)*"
    r"(?:"
    r"(?:write|compose|invent|imagine|brainstorm|improvise|suggest|recommend|make up|come up with"
    r"|think of"
    r"|pick|surprise)\b"
    r"|(?:start|begin|continue|finish|complete) (?:an?|the|this|my) (?:\w+ )?(?:story|poem|tale"
    r"|novel|song"
    r"|sentence|joke|letter|essay|speech|dialogue|verse)\b"
    r"|(?:tell|give|name|choose|say|think|guess)(?: me| us)? (?:an?|some|any|another) (?:\w+ )?(?:number"
    r"|letter|colou?r|animal|countr(?:y|ies)|cit(?:y|ies)|fruit|word|book|film|movie|synonym|rhyme"
    r"|way|greeting|excuse)s?\b"
    r"|(?:tell|give|show|name|draft|create|generate|make|design|choose|propose|list|sing)(?: me| us)?"
    r" (?:an?|some|any|another|one|two|three|four|five|ten|\d+)\b"
    r"(?=.*\b(?:ideas?|examples?|names?|jokes?|riddles?|stor(?:y|ies)|poems?|songs?|slogans?|titles?"
    r"|tips?"
    r"|haikus?|facts?|quotes?|reasons?|topics?|suggestions?|recipes?|logos?|mascots?|sentences?|words?"
    r"|headlines?|captions?|letters?|essays?|lines?|compliments?)\b)"
    r"|name (?:an?|some|any|one|two|three|\d+) "
    r"|what(?:['\u2019]s| is| are) (?:an?|some|your(?= \w+ \w| (?!name))) (?:\w+ )?(?:example|idea"
    r"|joke|riddle|favou?rite"
    r"|story|fact"
    r"|tip|quote|way|name)s?\b|what should i (?:name|call)\b"
    r"|(?:do|would|are|did|have) you (?:want|like|prefer|feel|ready|sure|happy|ok|okay|enjoy|love"
    r"|hungry|tired)\b"
    r"|schreibe?n?\b|erfinde\b|dichte\b|erzähle?\b|nenne? (?:mir |uns )?(?:eine?n?|zwei|drei)\b"
    r"|gib (?:mir|uns) eine?n?\b|empf(?:iehl|ehlen)\b|schlage?\b.*\bvor\b|denk dir\b"
    r"|invente[sz]?\b|écri[st]\b|écrivez\b|racontez?\b|(?:donne|propose|suggère)[sz]?(?:-moi)? une?\b"
    r"|inventa\b|escribe\b|cuéntame\b|(?:dime|dame|sugiere|recomienda|recomiéndame"
    r"|propón)(?:me)? (?:una?|algún)\b"
    r")"
)


def ask_apart(a: str, b: str) -> bool:
    """Say whether two questions, in normal form, of which words say the same ask different things: by a
    sign (C, C++), by on and off, or by two words that changed places (from Kiel to Bonn)."""
    if signs(a) != signs(b):
        return True
    mine, yours = ([word for word in text.split() if word not in ("a", "an", "the")] for text in (a, b))
    if {*mine} ^ {*yours} == {"on", "off"}:
        return True
    if "or" in mine and "or" in yours:
        return False  # "the walls or the ceiling", "the ceiling or the walls"
    places = [n for n, (x, y) in enumerate(zip(mine, yours, strict=False)) if x != y]
    if len(mine) != len(yours) or len(places) != 2 or places[1] == places[0] + 1:
        return False  # "renews automatically", "automatically renews"
    first, second = places
    return (mine[first], mine[second]) == (yours[second], yours[first])


def is_open(question: str) -> bool:
    """Say whether a question in its normal form asks for one of many right answers: a joke, a name."""
    return _OPEN.match(question) is not None


def said_plainly(question: str, said: Sequence[str]) -> str:
    """A question in normal form, of these words, with the plain question word, without a name's kind."""
    if _KINDS.isdisjoint(said) and not (said and said[0] in _STARTS):
        return question
    if question.startswith(_MAKING):
        question = _APPOSED.sub(" ", question)
    question = _KIND.sub("", question)
    if question.startswith("to whom "):
        question = f"who {question[8:]} to"
    if question.split(" ", 1)[0] in _PHRASED:
        question = _PHRASES.sub(lambda found: found.lastgroup or "", question)
    return question


class _Forms(dict[str, str]):
    """A word's form, empty for one that carries no matter."""

    def __missing__(self, word: str) -> str:
        if len(self) > _MOST_FORMS:
            self.clear()
        self[word] = found = _form(word)
        return found


class _Letters(dict[str, str]):
    """What two spellings of a word's form share: the first letter, or all of a number."""

    def __missing__(self, word: str) -> str:
        if len(self) > _MOST_FORMS:
            self.clear()
        form = FORMS[word]
        self[word] = found = form if form[:1].isdecimal() else form[:1]
        return found


FORMS = _Forms()
LETTERS = _Letters()


def _form(word: str) -> str:
    if word in _EMPTY:
        return ""
    value = number_word(word)
    if value is not None:
        return str(value)
    named = _NAMES.get(word) or _NAMES.get(word + "s")  # the plural's end may be cut off already
    if named is not None:
        return named
    if "'" in word or "\u2019" in word:
        word = _ELIDED.sub("", word)
        if word in _EMPTY:
            return ""
    word = _PARTICIPLE.sub(r"\1", word)
    plain = word.replace("\u2019", "'").removesuffix("'s").removesuffix("'")
    for ending in _ENDINGS:
        if plain.endswith(ending) and len(plain) - len(ending) >= 3 and not plain.endswith("ss"):
            plain = plain.removesuffix(ending)
            if ending in ("ing", "ed") and plain[-1] == plain[-2] and plain[-1] not in "ls":
                plain = plain[:-1]
            break
    if len(plain) > 4 and plain.endswith("ll"):  # cancelled, cancel
        plain = plain[:-1]
    if _VARIED.search(plain):
        plain = _VARIED.sub(lambda found: _VARIANTS[found[0]], plain)
    return _NAMES.get(plain, plain)


def letters_of(asked: Sequence[str]) -> str:
    """What the content words of questions that may be the same share, in any order."""
    return "".join(sorted([LETTERS[word] for word in asked]))


def forms_of(asked: Sequence[str], question: str) -> tuple[str, ...]:
    """The forms of a question's content words: sorted, but where their order may matter."""
    found: list[str] = []
    free: list[str] = []  # those since the last whose place matters
    ordered = not _ORDERED.isdisjoint(question.split()) or CONVERTS.match(question) is not None
    for word in asked:
        form = FORMS[word]
        if ordered or word in _BORDERS or word > "\u3000":
            found += [*sorted(free), form]
            free.clear()
        elif form:
            free.append(form)
    found += sorted(free)
    return tuple([form for form in found if form]) or tuple(asked)
