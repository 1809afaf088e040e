"""Private data as people really write it, and what is easily taken for it; a second generator, made without
a look at the patterns that search. See planted.py for the first."""

# ruff: noqa: E501 - tables

from __future__ import annotations

import base64
import hashlib
import json
import string
import uuid
from collections.abc import Callable

from planted import D, Draw, misses_in_turn, plant_in_turn
from planted import letters as some

UPPER, LOWER, HEX = string.ascii_uppercase, string.ascii_lowercase, "0123456789abcdef"
ALNUM = string.ascii_letters + D


def fill(draw: Draw, shape: str) -> str:
    """'#' any digit, 'Z' 1 to 9, 'A' a capital, the rest as it stands."""
    kinds = {"#": D, "Z": D[1:], "A": UPPER}
    return "".join(draw.choice(kinds[c]) if c in kinds else c for c in shape)


# --- e-mail --------------------------------------------------------------------------------------

PEOPLE = [
    "zoë.brontë",
    "xavier",
    "j.r.r.tolkien",
    "maria-jose",
    "o'connor",
    "lee_99",
    "søren",
    "müller",
    "b2b",
    "a",
]
PLACES = ["mail.eu-west.acme.example", "protonmail.com", "xn--bcher-kva.example", "kfz-häuser.de", "t-online.de",
          "students.uni-bonn.de", "gov.uk", "mail.ru", "naver.com", "startup.io", "my.name.museum"]  # fmt: skip


def email(draw: Draw) -> str:
    name = draw.choice(PEOPLE) + draw.choice(
        ["", "", "+spam", "+2024.news", str(draw.randrange(1980, 2010))]
    )
    return f"{name}@{draw.choice(PLACES)}"


def spelt_email(draw: Draw) -> str:
    name, host = (
        draw.choice(["ann.lee", "bob", "k_weber", "lee99"]),
        draw.choice(["gmail", "posteo", "yahoo"]),
    )
    at = draw.choice([" at ", " AT ", "[at]", " (at) ", " [AT] ", "{at}"])
    dot = draw.choice([" dot ", " DOT ", "[dot]", " (dot) "])
    return f"{name}{at}{host}{dot}{draw.choice(['com', 'de', 'org'])}"


# --- telephones ----------------------------------------------------------------------------------

PHONES = """
    +1 212 555 01## | +1-415-Z##-#### | +1.604.Z##.#### | (+1) 305 Z## #### | +44 7Z## ### ### | +44 (0) 161 ### ####
    +49 (0) 89 / ###### | +49-151-######## | +33 (0)1 4# ## ## ## | +33612345### | +39 06 #### #### | +34 91 ### ## ##
    +31 6 ######## | +31 (0)20 ### #### | +41 79 ### ## ## | +43 664 ####### | +48 60# ### ### | +420 6## ### ###
    +46 70 ### ## ## | +47 4## ## ### | +45 ## ## ## ## | +358 40 ### #### | +353 87 ### #### | +351 96# ### ###
    +30 69# ### #### | +90 53# ### ## ## | +7 (9##) ###-##-## | +380 67 ### ## ## | +972 5#-###-#### | +971 50 ### ####
    +91 98### ##### | +91-80-####-#### | +86 13# #### #### | +81 90-####-#### | +82 10-####-#### | +65 9### ####
    +62 812-####-#### | +63 917 ### #### | +61 (0)4## ### ### | +64 21 ### ####  | +27 82 ### #### | +234 803 ### ####
    +254 7## ######  | +55 (21) 9####-#### | +52 1 55 #### #### | +54 9 11 ####-#### | +57 3## ### ####
"""
PHONE_SHAPES = [shape.strip() for line in PHONES.strip().splitlines() for shape in line.split("|")]
LOCAL = ["0151 2345####", "089/12 34 5##", "06 12 34 ## ##", "(020) 7946 0###", "01632 960###", "212-555-01##",
         "(415) Z##-####", "1 (800) Z##-####", "0#0-####-####", "9# #### ####"]  # fmt: skip


# --- keys ----------------------------------------------------------------------------------------


def b64(value: dict[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def jwt(draw: Draw) -> str:
    return f"{b64({'alg': 'HS256', 'typ': 'JWT'})}.{b64({'sub': str(draw.randrange(10**9)), 'name': 'A B'})}.{some(draw, 43, ALNUM + '-_')}"


def pem(draw: Draw) -> str:
    kind = draw.choice(["RSA ", "EC ", "", "OPENSSH ", "ENCRYPTED "])
    body = "\n".join(some(draw, 64, ALNUM + "+/") for _ in range(6))
    return f"-----BEGIN {kind}PRIVATE KEY-----\n{body}\n-----END {kind}PRIVATE KEY-----"


KEYS: list[Callable[[Draw], str]] = [
    lambda d: "AKIA" + some(d, 16, UPPER + "234567"), lambda d: "ASIA" + some(d, 16, UPPER + "234567"),
    lambda d: "ghp_" + some(d, 36), lambda d: "gho_" + some(d, 36), lambda d: "github_pat_" + some(d, 22) + "_" + some(d, 59),
    lambda d: "glpat-" + some(d, 20, ALNUM + "-_"), lambda d: f"xoxb-{fill(d, 'Z##########')}-{fill(d, 'Z############')}-{some(d, 24)}",
    lambda d: f"xoxp-{fill(d, 'Z##########')}-{fill(d, 'Z##########')}-{fill(d, 'Z############')}-{some(d, 32, HEX)}",
    lambda d: f"https://hooks.slack.com/services/T{some(d, 8, UPPER + D)}/B{some(d, 10, UPPER + D)}/{some(d, 24)}",
    lambda d: "AIza" + some(d, 35, ALNUM + "-_"), lambda d: "ya29." + some(d, 80, ALNUM + "-_"),
    lambda d: "GOCSPX-" + some(d, 28, ALNUM + "-_"),
    lambda d: "sk-" + some(d, 48), lambda d: "sk-proj-" + some(d, 74, ALNUM + "-_") + "T3BlbkFJ" + some(d, 74, ALNUM + "-_"),
    lambda d: "sk-ant-api03-" + some(d, 93, ALNUM + "-_") + "AA",
    lambda d: "sk_live_" + some(d, 24), lambda d: "rk_live_" + some(d, 99), lambda d: "whsec_" + some(d, 32), lambda d: "pk_test_" + some(d, 24),
    lambda d: "hf_" + some(d, 34, string.ascii_letters), lambda d: "npm_" + some(d, 36), lambda d: "pypi-AgEIcHlwaS5vcmc" + some(d, 120, ALNUM + "-_"),
    lambda d: f"SG.{some(d, 22, ALNUM + '-_')}.{some(d, 43, ALNUM + '-_')}", lambda d: "dckr_pat_" + some(d, 27, ALNUM + "-_"),
    lambda d: fill(d, "Z#########") + ":AA" + some(d, 33, ALNUM + "-_"), jwt, pem,
]  # fmt: skip
ASSIGNED = ["password: {}", "pwd={}", "PASSWORD='{}'", "api-key: {}", "AWS_SECRET_ACCESS_KEY={}", '"client_secret": "{}"',
            "auth_token={}", "Authorization: Bearer {}", "my password is {}", "db_password = {}"]  # fmt: skip


def assigned(draw: Draw) -> str:
    return draw.choice(
        [some(draw, 40, ALNUM + "/+"), some(draw, 32, HEX), some(draw, 24) + draw.choice(D)]
    )


def strong_password(draw: Draw) -> str:
    return (
        some(draw, 5, string.ascii_letters)
        + draw.choice("!#$%*?")
        + some(draw, 3, D)
        + some(draw, 3, LOWER)
    )


def login(draw: Draw) -> str:
    return f"{draw.choice(['admin', 'root', 'ann.lee', 'ci-bot', 'svc_user'])}:{some(draw, 12, ALNUM + '!$~')}"


# --- accounts ------------------------------------------------------------------------------------


def iban(draw: Draw) -> str:
    size = {"DE": 22, "FR": 27, "GB": 22, "ES": 24, "NL": 18, "IT": 27, "BE": 16, "AT": 20, "CH": 21, "PL": 28,
            "PT": 25, "SE": 24, "IE": 22, "FI": 18, "DK": 18, "NO": 15, "CZ": 24, "LU": 20, "MT": 31, "GR": 27}  # fmt: skip
    country = draw.choice(sorted(size))
    length = size[country] - 4
    letters = {"GB": 4, "NL": 4, "IE": 4, "MT": 4, "IT": 1}.get(country, 0)
    account = some(draw, letters, UPPER) + some(draw, length - letters, D)
    if country in ("FR", "CH", "LU", "GR"):
        account = account[:-4] + some(draw, 1, UPPER) + account[-3:]
    value = int("".join(str(int(c, 36)) for c in account + country + "00"))
    whole = f"{country}{98 - value % 97:02d}{account}"
    grouped = " ".join(whole[i : i + 4] for i in range(0, len(whole), 4))
    return draw.choice([whole, grouped, grouped, grouped.replace(" ", "-"), whole.lower()])


def luhn_digit(number: str) -> str:
    total = sum(sum(divmod(int(c) * (2 - place % 2), 10)) for place, c in enumerate(reversed(number)))
    return str(-total % 10)


def card(draw: Draw) -> str:
    start, size = draw.choice(
        [("4539", 16), ("5425", 16), ("2720", 16), ("3782", 15), ("6011", 16), ("3530", 16)]
    )
    number = start + some(draw, size - 1 - len(start), D)
    number += luhn_digit(number)
    if size == 15:
        return draw.choice([number, f"{number[:4]}-{number[4:10]}-{number[10:]}"])
    return draw.choice(["", " ", "-"]).join(number[i : i + 4] for i in range(0, 16, 4))


def ip(draw: Draw) -> str:
    four = f"{draw.choice([23, 93, 141, 185, 203])}." + ".".join(
        str(draw.randrange(1, 255)) for _ in range(3)
    )
    six = draw.choice([
        f"2a02:{some(draw, 4, HEX)}:{some(draw, 3, HEX)}::{some(draw, 2, HEX)}",
        "fe80::" + ":".join(some(draw, 4, HEX) for _ in range(4)),
        ":".join(some(draw, 4, HEX) for _ in range(8)), f"2001:0DB8:{some(draw, 4, 'ABCDEF12')}::1",
    ])  # fmt: skip
    return draw.choice([four, six])


# --- national numbers ----------------------------------------------------------------------------


def weighted(number: str, weights: list[int]) -> int:
    return sum(int(d) * w for d, w in zip(number, weights, strict=False))


def ssn(draw: Draw) -> str:
    return f"{draw.randrange(1, 665):03d}-{draw.randrange(1, 100):02d}-{draw.randrange(1, 10000):04d}"


def steuer_id(draw: Draw) -> str:
    while True:
        nine = draw.sample(D, 9)
        ten = [*nine, draw.choice(nine)]
        draw.shuffle(ten)
        if ten[0] != "0":
            break
    product = 10
    for c in ten:
        product = ((int(c) + product) % 10 or 10) * 2 % 11
    number = "".join(ten) + str((11 - product) % 10)
    return draw.choice([number, f"{number[:2]} {number[2:5]} {number[5:8]} {number[8:]}"])


def nir(draw: Draw) -> str:
    body = f"{draw.choice('12')}{draw.randrange(100):02d}{draw.randrange(1, 13):02d}{draw.randrange(1, 96):02d}{some(draw, 6, D)}"
    key = f"{97 - int(body) % 97:02d}"
    return draw.choice(
        [body + key, f"{body[0]} {body[1:3]} {body[3:5]} {body[5:7]} {body[7:10]} {body[10:]} {key}"]
    )


def dni(draw: Draw) -> str:
    number = some(draw, 8, D)
    return number + draw.choice(["", "-"]) + "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23]


def nie(draw: Draw) -> str:
    first, number = draw.choice("XYZ"), some(draw, 7, D)
    letter = "TRWAGMYFPDXBNJZSQVHLCKE"[int(str("XYZ".index(first)) + number) % 23]
    return draw.choice([f"{first}{number}{letter}", f"{first}-{number}-{letter}"])


def codice(draw: Draw) -> str:
    odd = dict(zip(D + UPPER, (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3,
                               6, 8, 12, 14, 16, 10, 22, 25, 24, 23), strict=True))  # fmt: skip
    body = f"{some(draw, 6, 'BCDFGLMNPRSTV')}{some(draw, 2, D)}{draw.choice('ABCDEHLMPRST')}{draw.randrange(1, 32):02d}{draw.choice('ABCDEFGHL')}{some(draw, 3, D)}"
    even = {c: int(c, 36) - (10 if c.isalpha() else 0) for c in D + UPPER}
    total = sum(odd[c] for c in body[::2]) + sum(even[c] for c in body[1::2])
    return body + UPPER[total % 26]


def bsn(draw: Draw) -> str:
    while True:
        number = fill(draw, "Z#######")
        last = weighted(number, [9, 8, 7, 6, 5, 4, 3, 2]) % 11
        if last < 10:
            return number + str(last)


def cpf(draw: Draw) -> str:
    number = some(draw, 9, D)
    for size in (10, 11):
        rest = weighted(number, list(range(size, 1, -1))) * 10 % 11
        number += str(rest % 10)
    return draw.choice([f"{number[:3]}.{number[3:6]}.{number[6:9]}-{number[9:]}", number])


def nino(draw: Draw) -> str:
    head = draw.choice(["AB", "CE", "JK", "PT", "WM", "SR"])
    number = some(draw, 6, D)
    return draw.choice(
        [
            f"{head}{number}{draw.choice('ABCD')}",
            f"{head} {number[:2]} {number[2:4]} {number[4:]} {draw.choice('ABCD')}",
        ]
    )


def aadhaar(draw: Draw) -> str:
    d = [
        "0123456789",
        "1234067895",
        "2340178956",
        "3401289567",
        "4012395678",
        "5987604321",
        "6598710432",
        "7659821043",
        "8765932104",
        "9876543210",
    ]
    p = [
        "0123456789",
        "1576283094",
        "5803796142",
        "8916043527",
        "9453126870",
        "4286573901",
        "2793806415",
        "7046913258",
    ]
    body = draw.choice("23456789") + some(draw, 10, D)
    for last in D:
        check = 0
        for place, c in enumerate(reversed(body + last)):
            check = int(d[check][int(p[place % 8][int(c)])])
        if check == 0:
            number = body + last
            return draw.choice(
                [
                    number,
                    f"{number[:4]} {number[4:8]} {number[8:]}",
                    f"{number[:4]}-{number[4:8]}-{number[8:]}",
                ]
            )
    raise AssertionError


def pesel(draw: Draw) -> str:
    body = f"{draw.randrange(40, 100):02d}{draw.randrange(1, 13):02d}{draw.randrange(1, 29):02d}{some(draw, 4, D)}"
    return body + str(-weighted(body, [1, 3, 7, 9, 1, 3, 7, 9, 1, 3]) % 10)


SAYS = {
    "email": ["cc {} on it", "{}", "login={}", "E-Mail:{}", "my mail ({}) bounced", "\"{}\" is taken", "sende es an {}, danke", "{};", "mailto:{}", "écris-moi : {}"],
    "spelt": ["you get me under {}", "write to {} please", "{} is my address"],
    "phone": ["ring {} after six", "{}", "Tel: {}", "my cell is {}.", "text me on {}!", "WhatsApp {} only", "Telefon {}", "mon numéro : {}", "mi número es {}", "(ph. {})", "fax +1 / tel {}"],
    "local": ["call me on {}", "Tel. {}", "phone: {}", "my mobile is {}", "reach me at {}"],
    "key": ["{}", "key: {}", "export TOKEN={}", "curl -H 'X-Key: {}' https://api.example.com", "I committed {} by mistake", "token=\"{}\""],
    "login": ["postgresql://{}@db.internal:5432/app", "ftp://{}@files.example.org/pub", "https://{}@github.com/acme/x.git", "redis://{}@10.1.2.3:6379", "mongodb+srv://{}@cluster0.example.net/db"],
    "iban": ["IBAN {}", "bitte auf {} überweisen", "wire it to {}.", "{}", "compte {}"],
    "card": ["card {} exp 09/27 cvv 123", "Visa {}", "{}", "charged {} twice"],
    "ip": ["my IP is {}", "from {} port 22", "banned {}?", "ping {}", "[{}]:443 refused"],
}  # fmt: skip
WORLD: list[tuple[str, str, Callable[[Draw], str], list[str]]] = [
    ("email", "email", email, SAYS["email"]), ("email", "spelt e-mail", spelt_email, SAYS["spelt"]),
    ("phone", "international", lambda d: fill(d, d.choice(PHONE_SHAPES)), SAYS["phone"]),
    ("phone", "local", lambda d: fill(d, d.choice(LOCAL)), SAYS["local"]),
    ("secret", "keys", lambda d: d.choice(KEYS)(d), SAYS["key"]), ("secret", "assigned", assigned, ASSIGNED),
    ("secret", "password", strong_password, ["password: {}", "my password is {}", "Passwort: {}", "pass={}"]),
    ("login", "login", login, SAYS["login"]), ("iban", "iban", iban, SAYS["iban"]), ("card", "card", card, SAYS["card"]),
    ("ip", "ip", ip, SAYS["ip"]),
    ("national_id", "us", ssn, ["SSN {}", "social: {}", "{}"]), ("national_id", "de", steuer_id, ["Steuer-ID {}", "IdNr. {}", "steuerliche Identifikationsnummer: {}"]),
    ("national_id", "fr", nir, ["numéro de sécu {}", "NIR : {}", "{}"]), ("national_id", "es dni", dni, ["DNI {}", "mi dni es {}", "NIF: {}"]),
    ("national_id", "es nie", nie, ["NIE {}", "{}"]), ("national_id", "it", codice, ["codice fiscale {}", "CF: {}", "{}"]),
    ("national_id", "nl", bsn, ["BSN {}", "mijn bsn is {}", "burgerservicenummer: {}"]), ("national_id", "br", cpf, ["CPF {}", "meu cpf é {}", "CPF nº {}"]),
    ("national_id", "uk", nino, ["NI number {}", "my national insurance number is {}", "NINO: {}"]),
    ("national_id", "in", aadhaar, ["Aadhaar {}", "my aadhar no. is {}", "UIDAI: {}"]), ("national_id", "pl", pesel, ["PESEL {}", "mój PESEL: {}", "{}"]),
]  # fmt: skip


def isbn13(draw: Draw) -> str:
    body = "978" + some(draw, 9, D)
    body += str(-weighted(body, [1, 3] * 6) % 10)
    return draw.choice(
        [body, f"{body[:3]}-{body[3]}-{body[4:7]}-{body[7:12]}-{body[12]}", f"{body[:3]} {body[3:]}"]
    )


NEAR: list[tuple[Callable[[Draw], str], list[str]]] = [
    (lambda d: fill(d, d.choice(["ORD-########", "#Z#######", "Z##########", "A##-#######-#######", "PO ##########", "RMA-####-####", "Z### #### ####"])),
     ["order {} is late", "order no. {}", "Where is my order {}?", "the reference is {}", "tracking {}", "Auftrag {}"]),
    (lambda d: d.choice(["v{}.{}.{}", "{}.{}.{}-rc1", "{}.{}.{}+build.77", "Python {}.{}.{}", "Chrome/{}.0.{}.{}"]).format(d.randrange(1, 130), d.randrange(30), d.randrange(200)),
     ["{}", "upgrade to {}", "it broke in {}", "version {}"]),
    (lambda d: f"{d.randrange(1, 20)}.{d.randrange(10)}.{d.randrange(10)}.{d.randrange(10)}", ["version {}", "firmware {}", "release {} is out", "driver version {}"]),
    (lambda d: d.choice(["{y}-{m:02}-{d:02}", "{d:02}/{m:02}/{y}", "{d}.{m}.{y}", "{y}{m:02}{d:02}", "{y}-{m:02}-{d:02}T10:{d:02}:07Z", "{y}/{m:02}/{d:02} 23:59:59.123", "{d:02}-{m:02}-{y}"])
     .format(y=d.randrange(1950, 2030), m=d.randrange(1, 13), d=d.randrange(1, 29)), ["on {}", "{}", "since {}", "born {}", "call me on {}", "from {} on"]),
    (isbn13, ["ISBN {}", "ISBN: {}", "the book, ISBN-13 {}"]),
    (lambda d: d.choice(["${}", "{} €", "EUR {}", "£{}", "{} USD", "¥{}", "Rs. {}"]).format(d.choice(["1,299.00", "12.345.678,90", "99.95", "1 234 567", "10000000", "3.50"])), ["it costs {}", "{}", "I paid {} for it", "a loan of {}"]),
    (lambda d: hashlib.sha1(str(d.random()).encode(), usedforsecurity=False).hexdigest(), ["commit {}", "git checkout {}", "sha1: {}", "{}"]),
    (lambda d: hashlib.sha256(str(d.random()).encode()).hexdigest(), ["sha256:{}", "checksum {}", "{}  file.tar.gz"]),
    (lambda d: hashlib.sha1(str(d.random()).encode(), usedforsecurity=False).hexdigest()[:7], ["commit {}", "fixed in {}", "{} Merge branch main"]),
    (lambda d: str(uuid.UUID(int=d.getrandbits(128))), ["id {}", "{}", "request {} failed", "session={}"]),
    (lambda d: d.choice([":", "-"]).join(some(d, 2, HEX) for _ in range(6)), ["MAC {}", "the device {} is offline", "ether {}"]),
    (lambda d: some(d, 8, D) if d.random() < 0.5 else fill(d, "Z#######.##"), ["id {}", "row {}", "the sum is {}", "user id {}", "{} bytes"]),
    (lambda d: f"{d.uniform(-90, 90):.6f}, {d.uniform(-180, 180):.6f}", ["at {}", "coordinates {}", "{}"]),
    (lambda d: str(d.randrange(1_500_000_000, 1_800_000_000)), ["timestamp {}", "t={}", "created_at: {}"]),
    (lambda d: fill(d, d.choice(["ISO 9001:20##", "RFC ####", "DIN EN 13###", "EN 60529", "IEEE 802.11", "CVE-2024-#####", "KB50#####", "PEP 484", "AB-1234-X"])), ["see {}", "{} says so", "according to {}"]),
    (lambda d: fill(d, d.choice(["A## ###A", "SW1A #AA", "Z####", "AAZ ##Z"])), ["postcode {}", "zip {}", "in {} Berlin"]),
    (lambda d: fill(d, "#####-####"), ["zip {}", "ZIP code: {}", "postal code {}"]),
    (lambda d: d.choice(["look at it", "meet at noon dot", "we are at home", "click at the dot com boom", "I work at Acme", "stay at hotel dot dot dot", "she looked at me dot", "good at math"]), ["{}", "please {}", "so {} then"]),
    (lambda d: fill(d, d.choice(["DE##################", "GB##ABCD##############", "4539 #### #### ###", "1111 1111 1111 1111", "0000-0000-0000-0000"])), ["account {}", "number {}", "code {}"]),
    (lambda d: d.choice(["password: ********", "api_key=<YOUR_KEY>", "token: ${TOKEN}", "secret = os.getenv('S3CRET')", "password is required", "the key is to practise", "bearer of bad news", "token limit of 128000", "password: minimum 8 characters", "key=value pairs"]), ["{}", "write {}", "e.g. {}"]),
    (lambda d: d.choice(["12:30:45", "10:00-18:00", "std::string::npos", "a::b::c", "::before", "16:9", "Genesis 1:1", "1:2:3", "ff:ff"]), ["{}", "at {}", "use {} here"]),
    (lambda d: fill(d, d.choice(["5 x 10 x 15", "1920x1080", "100 000 000", "3.14159265", "2,718,281", "1-2-3-4-5-6-7-8", "99.9999999%", "10^12", "0.00000001", "1/2/3/4"])), ["{}", "about {}", "it is {}"]),
]  # fmt: skip


def plant_world(count: int, seed: int) -> list[tuple[str, str, str, str]]:
    """(kind, sub-kind, value, sentence): all sub-kinds in turn."""
    return plant_in_turn(WORLD, count, seed)


def world_of_near_misses(count: int, seed: int) -> list[str]:
    """Sentences with nothing private in them."""
    return misses_in_turn(NEAR, count, seed)
