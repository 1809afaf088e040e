"""Made-up private data in made-up sentences, and things that only look like it; always the same ones."""

# ruff: noqa: E501 - tables

from __future__ import annotations

import random
import string
from collections.abc import Callable, Sequence
from itertools import cycle

Draw = random.Random
D = string.digits
FIRST = (
    "ann",
    "bob",
    "carla",
    "dmitri",
    "elena",
    "farid",
    "grace",
    "hiro",
    "ines",
    "jonas",
    "kofi",
    "lucia",
    "mehmet",
    "nora",
    "otto",
    "priya",
)
LAST = (
    "miller",
    "schmidt",
    "garcia",
    "rossi",
    "dubois",
    "silva",
    "tanaka",
    "okafor",
    "novak",
    "jensen",
    "kaya",
    "mehta",
    "weber",
    "lopez",
)
HOSTS = (
    "example.com",
    "mail.example.org",
    "posteo.test",
    "gmail.com",
    "web.de",
    "uni-marrowick.example",
    "corp.co.uk",
)


def digits(draw: Draw, shape: str) -> str:
    """'#' is any digit, 'N' is one from 2 to 9, 'Z' one from 1 to 9."""
    return "".join(draw.choice({"#": D, "N": D[2:], "Z": D[1:]}[c]) if c in "#NZ" else c for c in shape)


def email(draw: Draw) -> str:
    first, last = draw.choice(FIRST), draw.choice(LAST)
    name = draw.choice([f"{first}.{last}", f"{first}{draw.randrange(100)}", f"{first[0]}_{last}",
                        f"{first}+shop", first.upper(), f"{last}-{first}"])  # fmt: skip
    return f"{name}@{draw.choice(HOSTS)}"


PHONES = """
    +1 NZZ-NZZ-#### | +1 (NZZ) NZZ-#### | (NZZ) NZZ-#### | NZZ-NZZ-#### | NZZ.NZZ.#### | 1-800-NZZ-####
    +49 30 ####### | +49 (0)171 ####### | 0171 ####### | 030/####### | (030) ###### | 0049 171 #######
    +44 20 7### #### | 020 7### #### | 07Z## ###### | +44 (0)20 7### #### | +33 6 ## ## ## ## | 06 ## ## ## ##
    01.##.##.##.## | +34 6## ### ### | +39 347 ### #### | +55 (11) 9####-#### | (11) 9####-#### | +91 9#### #####
    +86 138 #### #### | 139-####-#### | 090-####-#### | +61 4## ### ### | 04## ### ### | +351 91# ### ### | +1NZZNZZ####
"""
PHONE_SHAPES = [shape.strip() for line in PHONES.strip().splitlines() for shape in line.split("|")]
PLAIN_PHONES = ["NZZNZZ####", "0171#######", "138########", "6## ### ###", "9#### #####", "07Z########"]


def phone(draw: Draw) -> str:
    return digits(draw, draw.choice(PHONE_SHAPES))


def luhn_digit(number: str) -> str:
    total = 0
    for place, char in enumerate(reversed(number)):
        value = int(char) * (2 if place % 2 == 0 else 1)
        total += value // 10 + value % 10
    return str(-total % 10)


def card(draw: Draw) -> str:
    start, size = draw.choice(
        [("4", 16), ("51", 16), ("55", 16), ("2231", 16), ("37", 15), ("6011", 16)]
    )
    number = start + digits(draw, "#" * (size - 1 - len(start)))
    number += luhn_digit(number)
    if size == 15:
        return draw.choice([number, f"{number[:4]} {number[4:10]} {number[10:]}"])
    return draw.choice(["", " ", "-"]).join(number[i : i + 4] for i in range(0, 16, 4))


def iban(draw: Draw) -> str:
    country, size = draw.choice([("DE", 22), ("FR", 27), ("GB", 22), ("ES", 24), ("NL", 18), ("IT", 27)])
    bank = (
        "".join(draw.choice(string.ascii_uppercase) for _ in range(4)) if country in ("GB", "NL") else ""
    )
    account = bank + digits(draw, "#" * (size - 4 - len(bank)))
    if country == "IT":
        account = draw.choice(string.ascii_uppercase) + account[1:]
    value = int("".join(str(int(c, 36)) for c in account + country + "00"))
    whole = f"{country}{98 - value % 97:02d}{account}"
    return draw.choice([whole, " ".join(whole[i : i + 4] for i in range(0, size, 4))])


def ip(draw: Draw) -> str:
    if draw.random() < 0.3:
        return ":".join(["2001", "db8", *(f"{draw.randrange(1, 65536):x}" for _ in range(6))])
    return ".".join(
        [str(draw.choice([91, 84, 93, 171, 198, 203])), *(str(draw.randrange(256)) for _ in range(3))]
    )


def letters(draw: Draw, size: int, alphabet: str = string.ascii_letters + D) -> str:
    return "".join(draw.choice(alphabet) for _ in range(size))


def secret(draw: Draw) -> str:
    return draw.choice([
        lambda: "sk-" + letters(draw, 48), lambda: "ghp_" + letters(draw, 36),
        lambda: "AKIA" + letters(draw, 16, string.ascii_uppercase + D), lambda: "AIza" + letters(draw, 35),
        lambda: "xoxb-" + digits(draw, "############-") + letters(draw, 24), lambda: "hf_" + letters(draw, 34),
        lambda: "sk_live_" + letters(draw, 24),
        lambda: f"eyJ{letters(draw, 30)}.eyJ{letters(draw, 60)}.{letters(draw, 43)}",
    ])()  # fmt: skip


def assigned(draw: Draw) -> str:
    return letters(draw, 32, draw.choice(["0123456789abcdef", string.ascii_letters + D]))


def login(draw: Draw) -> str:
    return f"{draw.choice(FIRST)}:{letters(draw, 9)}"


def dni(draw: Draw) -> str:
    number = digits(draw, "########")
    return number + "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23]


def cpf(draw: Draw) -> str:
    number = digits(draw, "#########")
    for _ in range(2):
        rest = sum(int(d) * w for d, w in zip(reversed(number), range(2, 12), strict=False)) % 11
        number += str(0 if rest < 2 else 11 - rest)
    return f"{number[:3]}.{number[3:6]}.{number[6:9]}-{number[9:]}"


def tax_id(draw: Draw) -> str:
    while True:
        nine = draw.sample(D, 9)
        ten = [*nine, draw.choice(nine)]
        draw.shuffle(ten)
        if ten[0] != "0":
            break
    product = 10
    for char in ten:
        total = (int(char) + product) % 10
        product = (total if total else 10) * 2 % 11
    number = "".join(ten) + str((11 - product) % 10)
    return draw.choice([number, f"{number[:2]} {number[2:5]} {number[5:8]} {number[8:]}"])


def nhs(draw: Draw) -> str:
    while True:
        number = digits(draw, "#########")
        check = 11 - sum(int(d) * w for d, w in zip(number, range(10, 1, -1), strict=True)) % 11
        if check != 10:
            return f"{number[:3]} {number[3:6]} {number[6:]}{check % 11}"


def ssn(draw: Draw) -> str:
    return f"{draw.randrange(1, 666):03d}-{draw.randrange(1, 100):02d}-{draw.randrange(1, 10000):04d}"


PRIVATE: list[tuple[str, Callable[[Draw], str], list[str]]] = [
    ("email", email, ["My address is {}.", "write to {}, please", "I signed up with {} last year", "({})",
                      "Contact: {}", "is it {}?", "from <{}> to you", "Bitte an {} senden"]),
    ("phone", phone, ["You can call me at {}.", "My number is {}, thanks!", "{} is how you reach me",
                      "Please ring back: {}", "Tel. {}", "Rufen Sie mich unter {} an", "Name: Bo, {}",
                      "mi teléfono es {}", "我的电话是{}。", "I live in Leeds. {}"]),
    ("phone", lambda draw: digits(draw, draw.choice(PLAIN_PHONES)),
     ["my phone number is {}", "Call me on {}", "WhatsApp: {}", "Handy {}", "mobile {} works best"]),
    ("card", card, ["I paid with card {}.", "my Visa is {} and it expires soon", "charge {} please",
                    "{} was declined", "The order was paid with {}"]),
    ("iban", iban, ["Refund to {}, please.", "my IBAN: {}", "Konto {} bei der Bank", "account {}"]),
    ("ip", ip, ["I log in from {}.", "my router shows {}", "blocked IP {}?", "server {} is down"]),
    ("secret", secret, ["My key is {}, does it work?", "Authorization: Bearer {}", "export KEY={}", "`{}`"]),
    ("secret", assigned, ["api_key={}", 'client_secret: "{}"', "token = '{}'", "SECRET_KEY={}"]),
    ("login", login, ["https://{}@git.example.com/x.git", "use postgres://{}@db:5432/shop now"]),
    ("national_id", dni, ["Mi DNI es {}.", "DNI {}", "soy Ana, {}"]),
    ("national_id", cpf, ["Meu CPF é {}.", "CPF: {}", "{}"]),
    ("national_id", tax_id, ["Meine Steuer-ID ist {}.", "Steuernummer {}", "tax id {}"]),
    ("national_id", nhs, ["My NHS number is {}.", "NHS no: {}", "{} (NHS)"]),
    ("national_id", ssn, ["My SSN is {}.", "social security {}", "{}"]),
]  # fmt: skip

HARMLESS: list[tuple[Callable[[Draw], str], list[str]]] = [
    (lambda d: digits(d, d.choice(["#######", "Z#########", "Z##-#######-#######", "A-########", "0#########",
                                   "2024-######", "#### #### ####", "04##-######"])),
     ["My order {} has not arrived.", "order number {}", "Where is order no. {}?", "invoice {} is wrong",
      "ticket #{}", "tracking number {}", "Bestellnummer {}"]),
    (lambda d: digits(d, d.choice(["Z#.##", "Z,###.##", "Z.###.###,##", "Z ### ### ###", "Z#,###,###"])),
     ["It costs ${}.", "the price is {} EUR", "{} € in total", "you pay £{}", "USD {} a year"]),
    (lambda d: d.choice(["2024-{:02d}-{:02d}", "{1:02d}.{0:02d}.2024", "{:02d}/{:02d}/2025", "2024{:02d}{:02d}",
                         "2023-{:02d}-{:02d} 10:30:45", "2023-{:02d}-{:02d}T10:30:45"])
     .format(d.randrange(1, 13), d.randrange(1, 29)),
     ["It was delivered on {}.", "due {}", "from {} to 2025-12-31", "call me back by {}", "since {}"]),
    (lambda d: digits(d, d.choice(["Z.#.Z", "Z.##.#-beta", "v#.Z.#.Z", "11#.0.Z###.##", "Z#.0.Z"])),
     ["I use version {}.", "update to {}", "firmware {} is out", "Python {}", "release {} broke it"]),
    (lambda d: digits(d, d.choice(["LB-###", "X##-####", "AB######", "SKU ####-####", "RTX ####", "WH-1000XM#",
                                   "ISO 27001:20##", "978-3-16-######-#", "LB-440-#######"])),
     ["Does {} fit my lamp?", "part number {}", "model {} is sold out", "I have the {}", "ISBN or model {}"]),
    (lambda d: digits(d, "NZZ-####"), ["Call {} for help.", "our hotline is {}", "extension {}", "dial {}"]),
    (lambda d: d.choice(["a@b", "@{}", "logo@2x.png", "git@github.com:{}/x", "{}@ the station", "{} @ 5 pm"])
     .format(d.choice(FIRST)), ["see {}", "ask {}!", "it is {} now"]),
    (lambda d: d.choice(["YOUR_API_KEY", "<token>", "os.environ['KEY']", "config.token", "my-secret-name",
                         "get_token()", "$TOKEN", "xxxxxxxxxxxx1234", "{{token}}", "sk-your-key-here"]),
     ["api_key={}", "token: {}", "password = {}", 'secret="{}"', "use {} here"]),
    (lambda d: d.choice(["127.0.0.1", "0.0.0.0", "255.255.255.0", "192.168.1.1", "192.168.0.10", "10.4.2.91", "fe80::1", "8.8.8.8", "std::vector",
                         "12:30:45", "16:9", "a::b", "::1", "3.14159265358979", "00:1B:44:11:3A:B7", "999.1.2.300"]),
     ["open {} in a browser", "it says {}", "use {} instead", "set {} there"]),
    (lambda d: digits(d, d.choice(["4### #### #### ###", "Z### #### #### #### ####", "52.######, 13.######",
                                   "Z### Z### Z### Z###", "17########", "17###########", "0.#########",
                                   "123 456", "1 2 3 4 5 6 7 8 9"])),
     ["the value is {}", "it printed {}", "at {} exactly", "count: {}"]),
    (lambda d: d.choice(["https://example.com/a:b@c", "http://localhost:8080/@me", "https://medium.example/@ann:1",
                         "https://example.com:443/x", "mailto:", "ftp://ftp.example.org"]),
     ["open {}", "see {} for more", "link: {}"]),
    (lambda d: digits(d, d.choice(["########", "#########", "Z##########", "DE## #### #### #### #### ##",
                                   "ES##-####-####-####", "##-##-##"])) + d.choice(["", "", " pcs"]),
     ["my customer id is {}", "account number {}", "policy {}", "contract {} ended", "serial {}"]),
]  # fmt: skip


def plant(count: int, seed: int) -> list[tuple[str, str, str]]:
    """(kind, value, sentence), `count` of them, all kinds in turn."""
    draw = random.Random(seed)
    rows = []
    for number in range(count):
        kind, make, sentences = PRIVATE[number % len(PRIVATE)]
        value = make(draw)
        rows.append((kind, value, draw.choice(sentences).replace("{}", value)))
    return rows


def near_misses(count: int, seed: int) -> list[str]:
    """Sentences with nothing private in them."""
    draw = random.Random(seed)
    rows = []
    for number in range(count):
        make, sentences = HARMLESS[number % len(HARMLESS)]
        value = make(draw)
        rows.append(draw.choice(sentences).replace("{}", value))
    return rows


# --- the other generators, by their tables -------------------------------------------------------

Maker = Callable[[Draw], str]


def plant_in_turn(
    table: Sequence[tuple[str, str, Maker, Sequence[str]]], count: int, seed: int
) -> list[tuple[str, str, str, str]]:
    """(kind, sub-kind, value, sentence): all sub-kinds of a table in turn."""
    draw = Draw(seed)
    rows = []
    for _, (kind, sub, make, sentences) in zip(range(count), cycle(table), strict=False):
        value = make(draw)
        rows.append((kind, sub, value, draw.choice(sentences).replace("{}", value)))
    return rows


def misses_in_turn(table: Sequence[tuple[Maker, Sequence[str]]], count: int, seed: int) -> list[str]:
    """Sentences of a table with nothing private in them."""
    draw = Draw(seed)
    made = (
        (make(draw), sentences) for _, (make, sentences) in zip(range(count), cycle(table), strict=False)
    )
    return [draw.choice(sentences).replace("{}", value) for value, sentences in made]
