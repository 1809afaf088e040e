"""Private data as customers type it into a chat window, and the numbers of daily life beside it; a third
generator, written before the patterns were mended for it. See planted.py and planted_world.py."""

# ruff: noqa: E501 - tables

from __future__ import annotations

import string
from collections.abc import Callable

from planted import D, Draw, misses_in_turn, plant_in_turn
from planted import letters as some

UPPER, LOWER, HEX = string.ascii_uppercase, string.ascii_lowercase, "0123456789abcdef"
ALNUM = string.ascii_letters + D
_FULL = {ord(c): chr(ord(c) + 0xFEE0) for c in D + "-+()"}


def fill(draw: Draw, shape: str) -> str:
    """'#' any digit, 'Z' 1 to 9, 'N' 2 to 9, 'A' a capital, the rest as it stands."""
    kinds = {"#": D, "Z": D[1:], "N": D[2:], "A": UPPER}
    return "".join(draw.choice(kinds[c]) if c in kinds else c for c in shape)


def one_of(*shapes: str) -> Callable[[Draw], str]:
    return lambda draw: fill(draw, draw.choice(shapes))


def weighted(digits: str, weights: list[int]) -> int:
    return sum(int(d) * w for d, w in zip(digits, weights, strict=False))


def with_luhn(body: str) -> str:
    total = sum(sum(divmod(int(c) * (2 - at % 2), 10)) for at, c in enumerate(reversed(body)))
    return body + str(-total % 10)


# --- national numbers ----------------------------------------------------------------------------


def sin(draw: Draw) -> str:
    number = with_luhn(fill(draw, "Z#######"))
    return draw.choice([" ", "-"]).join([number[:3], number[3:6], number[6:]])


def sin_named(draw: Draw) -> str:
    number = with_luhn(fill(draw, "########"))
    return draw.choice(
        [number, f"{number[:3]} {number[3:6]} {number[6:]}", f"{number[:3]}.{number[3:6]}.{number[6:]}"]
    )


def dni_dotted(draw: Draw) -> str:
    number = fill(draw, "Z#######")
    letter = "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23]
    return f"{number[:2]}.{number[2:5]}.{number[5:]}-{draw.choice([letter, letter.lower()])}"


def fiscal(draw: Draw) -> str:
    odd = dict(zip(D + UPPER, (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3,
                               6, 8, 12, 14, 16, 10, 22, 25, 24, 23), strict=True))  # fmt: skip
    body = f"{some(draw, 6, 'BCDFGLMNPRSTV')}{some(draw, 2, D)}{draw.choice('ABCDEHLMPRST')}{draw.randrange(1, 32):02d}{draw.choice('ABCDEFGHL')}{some(draw, 3, D)}"
    total = sum(odd[c] for c in body[::2]) + sum(
        int(c, 36) - (10 if c.isalpha() else 0) for c in body[1::2]
    )
    code = body + UPPER[total % 26]
    return draw.choice([code.lower(), f"{code[:3]} {code[3:6]} {code[6:11]} {code[11:]}"])


def bsn_dotted(draw: Draw) -> str:
    while True:
        body = fill(draw, "Z#######")
        if (last := weighted(body, [9, 8, 7, 6, 5, 4, 3, 2]) % 11) < 10:
            number = body + str(last)
            return draw.choice(
                [
                    f"{number[:4]}.{number[4:6]}.{number[6:]}",
                    f"{number[:3]}.{number[3:6]}.{number[6:]}",
                    f"{number[:3]} {number[3:6]} {number[6:]}",
                ]
            )


def ahv(draw: Draw) -> str:
    body = "756" + some(draw, 9, D)
    body += str(-weighted(body, [1, 3] * 6) % 10)
    return f"{body[:3]}.{body[3:7]}.{body[7:11]}.{body[11:]}"


def rijksregister(draw: Draw) -> str:
    body = f"{draw.randrange(40, 100):02d}{draw.randrange(1, 13):02d}{draw.randrange(1, 29):02d}{draw.randrange(1, 998):03d}"
    return f"{body[:2]}.{body[2:4]}.{body[4:6]}-{body[6:]}.{97 - int(body) % 97:02d}"


def personnummer(draw: Draw) -> str:
    body = with_luhn(
        f"{draw.randrange(40, 100):02d}{draw.randrange(1, 13):02d}{draw.randrange(1, 29):02d}{some(draw, 3, D)}"
    )
    return draw.choice(["", "19"]) + f"{body[:6]}-{body[6:]}"


def hetu(draw: Draw) -> str:
    date = f"{draw.randrange(1, 29):02d}{draw.randrange(1, 13):02d}{draw.randrange(40, 100):02d}"
    order = f"{draw.randrange(2, 900):03d}"
    return f"{date}-{order}{'0123456789ABCDEFHJKLMNPRSTUVWXY'[int(date + order) % 31]}"


def tc_kimlik(draw: Draw) -> str:
    nine = fill(draw, "Z########")
    tenth = (sum(map(int, nine[::2])) * 7 - sum(map(int, nine[1::2]))) % 10
    return f"{nine}{tenth}{(sum(map(int, nine)) + tenth) % 10}"


def nric(draw: Draw) -> str:
    number = some(draw, 7, D)
    return f"S{number}{'JZIHGFEDCBA'[weighted(number, [2, 7, 6, 5, 4, 3, 2]) % 11]}"


def rut(draw: Draw) -> str:
    number = str(draw.randrange(5_000_000, 26_000_000))
    rest = 11 - sum(int(d) * (2 + at % 6) for at, d in enumerate(reversed(number))) % 11
    return (
        f"{int(number):,}".replace(",", ".")
        + "-"
        + {11: "0", 10: draw.choice("Kk")}.get(rest, str(rest))
    )


def za_id(draw: Draw) -> str:
    return with_luhn(
        f"{draw.randrange(40, 100):02d}{draw.randrange(1, 13):02d}{draw.randrange(1, 29):02d}{some(draw, 4, D)}08"
    )


def pan(draw: Draw) -> str:
    return f"{some(draw, 3, UPPER)}{draw.choice('PCHF')}{some(draw, 1, UPPER)}{some(draw, 4, D)}{some(draw, 1, UPPER)}"


def curp(draw: Draw) -> str:
    body = f"{some(draw, 1, UPPER)}{draw.choice('AEIOU')}{some(draw, 2, UPPER)}{draw.randrange(40, 100):02d}{draw.randrange(1, 13):02d}{draw.randrange(1, 29):02d}{draw.choice('HM')}DF{some(draw, 3, 'BCDFGHJKLMNPQRSTVWXYZ')}0"
    alphabet = "0123456789ABCDEFGHIJKLMN\u00d1OPQRSTUVWXYZ"
    total = sum(alphabet.index(c) * (18 - at) for at, c in enumerate(body))
    return body + str(-total % 10)


def passport(draw: Draw) -> str:
    return fill(draw, draw.choice(["#########", "A########", "AA#######", "Z########"]))


# --- accounts, machines, keys --------------------------------------------------------------------


def card(draw: Draw) -> str:
    number = with_luhn(draw.choice(["4", "51", "54", "6011"]) + some(draw, 15, D))[:16]
    number = with_luhn(number[:15])
    return draw.choice([".", "\u2013", "\u00a0", "  ", " - "]).join(
        number[i : i + 4] for i in range(0, 16, 4)
    )


def iban(draw: Draw) -> str:
    country, size = draw.choice(
        [("DE", 22), ("AT", 20), ("ES", 24), ("NO", 15), ("SE", 24), ("TR", 26), ("PL", 28)]
    )
    account = some(draw, size - 4, D)
    whole = f"{country}{98 - int(''.join(str(int(c, 36)) for c in account + country + '00')) % 97:02d}{account}"
    groups = [whole[i : i + 4] for i in range(0, size, 4)]
    return draw.choice(
        [
            " ".join(groups).lower(),
            "\u00a0".join(groups),
            whole[:4].lower() + whole[4:],
            ".".join(groups),
            "  ".join(groups),
        ]
    )


def ipv6(draw: Draw) -> str:
    return draw.choice([f"2a01:4f8:{some(draw, 3, HEX)}:{some(draw, 4, HEX)}::{draw.randrange(1, 9)}", f"fe80::{some(draw, 3, '123456789')}:{some(draw, 4, HEX[1:])}%eth0",
                        f"2001:db8::{some(draw, 4, HEX[1:])}/64"]).replace("%eth0", "").replace("/64", "")  # fmt: skip


TOKENS: list[Callable[[Draw], str]] = [
    lambda d: "sk-ant-api03-" + some(d, 90, ALNUM + "-_") + "AA", lambda d: "sk-or-v1-" + some(d, 64, HEX), lambda d: "gsk_" + some(d, 52),
    lambda d: "xai-" + some(d, 80), lambda d: "pplx-" + some(d, 48), lambda d: "r8_" + some(d, 37), lambda d: "nvapi-" + some(d, 64, ALNUM + "-_"),
    lambda d: "AC" + some(d, 32, HEX), lambda d: "shpat_" + some(d, 32, HEX), lambda d: "dop_v1_" + some(d, 64, HEX),
    lambda d: "lin_api_" + some(d, 40), lambda d: "ntn_" + some(d, 46), lambda d: "secret_" + some(d, 43), lambda d: "figd_" + some(d, 40),
    lambda d: "hvs." + some(d, 90), lambda d: "atlasv1." + some(d, 60), lambda d: "dapi" + some(d, 32, HEX), lambda d: "PMAK-" + some(d, 24, HEX) + "-" + some(d, 34, HEX),
    lambda d: "NRAK-" + some(d, 27, UPPER + D), lambda d: "sntrys_" + some(d, 80), lambda d: "glsa_" + some(d, 32) + "_" + some(d, 8, HEX),
    lambda d: "xkeysib-" + some(d, 64, HEX) + "-" + some(d, 16), lambda d: "EAAC" + some(d, 120), lambda d: "tskey-auth-" + some(d, 11) + "-" + some(d, 32),
    lambda d: "ghs_" + some(d, 36),
    lambda d: "rubygems_" + some(d, 48, HEX), lambda d: "sbp_" + some(d, 40, HEX), lambda d: "age-secret-key-1".upper() + some(d, 58, UPPER + D),
]  # fmt: skip


def in_address(draw: Draw) -> str:
    return some(draw, draw.choice([24, 32, 40]))


def login(draw: Draw) -> str:
    return f"{draw.choice(['bob', 'deploy', 'root', 'ann%40acme'])}:{draw.choice(['hunter2', 'S3cret!', 'pa55w0rd', 'p%40ss'])}"


def azure(draw: Draw) -> str:
    return some(draw, 86, ALNUM + "+/") + "=="


# --- writing to people ---------------------------------------------------------------------------

_NAMES, _HOSTS = (
    ("ann.lee", "bob_w", "k-weber", "zoe99", "d.okafor"),
    ("gmail", "posteo", "outlook", "acme"),
)


def spelt(draw: Draw) -> str:
    name, host, end = (
        draw.choice(_NAMES),
        draw.choice(_HOSTS),
        draw.choice(["com", "org", "de", "co.uk"]),
    )
    return draw.choice([f"{name} (at) {host} dot {end.replace('.', ' dot ')}", f"{name}[at]{host}.{end}", f"{name} [at] {host} [dot] {end.replace('.', ' [dot] ')}",
                        f"{name}(AT){host}(DOT){end.replace('.', '(DOT)')}", f"{name} <at> {host} <dot> {end.replace('.', ' <dot> ')}"])  # fmt: skip


def typed(draw: Draw) -> str:
    name, host = draw.choice(_NAMES), draw.choice(_HOSTS)
    return draw.choice(
        [
            f"{name}@{host}.com".upper(),
            f"{name}\uff20{host}.com",
            f"{name} @ {host}.com",
            f"{name}@ {host}.com",
            f"{name}@{host} .com",
        ]
    )


FULL_PHONES = ("0#0-####-####", "03-####-####", "+1 NNN NNN ####", "(0#0) ####-####", "13#########")


def full_width(draw: Draw) -> str:
    return fill(draw, draw.choice(FULL_PHONES)).translate(_FULL)


SAY_PHONE = [
    "Hi, it's Dana again, {} if you need me",
    "you'll find me on {} most days.",
    "Best, Omar\n{}",
    "{}\nthanks",
    "my office: {}",
    "daytime {} evening same",
    "ring\u00a0{}",
    "voicemail at {}!",
]
DAILY: list[tuple[str, str, Callable[[Draw], str], list[str]]] = [
    ("phone", "brackets", one_of("(NNN) 555-01##", "(NNN)NNN-####", "(NNN) NNN ####", "(NNN).NNN.####", "1(NNN)NNN-####"), SAY_PHONE),
    ("phone", "dots and mixtures", one_of("NNN.555.01##", "NNN NNN-####", "NNN.NNN-####", "NNN/NNN-####", "NNN \u2013 NNN \u2013 ####", "NNN - NNN - ####", "NNN\u00b7NNN\u00b7####"), SAY_PHONE),
    ("phone", "bare with context", one_of("NNNNNN####", "NNN NNN ####", "1NNNNNN####"), ["my number is {}", "My new number: {}", "our number is {}, ask for Lee", "Her number's {}", "{} is my cell", "{} (mobile)", "you can text {}", "{} - call me"]),
    ("phone", "glued", one_of("NNN-NNN-####", "NNNNNN####", "+1NNNNNN####"), ["Tel:{}", "phone={}", "Phone:{} (home)", "**Mobile:** **{}**", "tel:{}", '"phone":"{}"', "cell:{}"]),
    ("phone", "extension", one_of("NNN-NNN-####", "(NNN) NNN-####", "+44 20 7### ####"), ["{} x12", "{}x204", "{} ext. 9", "{} extension 33"]),
    ("phone", "full-width", full_width, ["電話は{}です。", "{}までご連絡ください", "请拨打{}", "Call {} please"]),
    ("phone", "from abroad", one_of("011 44 20 7### ####", "00 44 20 7### ####", "+44(0)20-7###-####", "+49.30.#######", "+1-NNN.NNN.####", "0044 (0) 20 7### ####"), SAY_PHONE),
    ("national_id", "sin", sin, ["{}", "it says {} on my card", "SIN {}", "here: {}, please don't share"]),
    ("national_id", "sin named", sin_named, ["my SIN is {}", "S.I.N.: {}", "social insurance no. {}", "NAS {}"]),
    ("national_id", "dni dotted", dni_dotted, ["soy Marta, {}", "DNI: {}", "con documento {}"]), ("national_id", "codice", fiscal, ["il mio CF è {}", "codice fiscale {}", "({})"]),
    ("national_id", "bsn", bsn_dotted, ["BSN {}", "mijn burgerservicenummer is {}"]), ("national_id", "ahv", ahv, ["AHV-Nr. {}", "{}", "numéro AVS {}"]),
    ("national_id", "belgium", rijksregister, ["rijksregisternummer {}", "{}"]), ("national_id", "sweden", personnummer, ["personnummer {}", "mitt pnr är {}"]),
    ("national_id", "finland", hetu, ["henkilötunnus {}", "{}"]), ("national_id", "turkey", tc_kimlik, ["TC kimlik no {}", "T.C. Kimlik: {}"]),
    ("national_id", "singapore", nric, ["NRIC {}", "{} is my NRIC"]), ("national_id", "chile", rut, ["mi RUT es {}", "RUT {}"]),
    ("national_id", "south africa", za_id, ["my SA ID number is {}", "ID number: {}"]), ("national_id", "india pan", pan, ["PAN {}", "my PAN card number is {}"]),
    ("national_id", "mexico", curp, ["CURP: {}", "{}"]), ("national_id", "passport", passport, ["passport number {}", "my passport no. is {}", "Passport: {}"]),
    ("national_id", "ssn", one_of("1## ## 1234", "2##-##-1234", "3##.##.1234", "4##1#1234"), ["my social is {}", "ssn: {}", "Social Security Number {}"]),
    ("card", "separators", card, ["the Visa {} was charged twice", "{}", "cc {}"]), ("iban", "typed", iban, ["bitte an {} zurück", "IBAN {}", "my account is {}."]),
    ("ip", "v6", ipv6, ["from {} again", "host {} refused", "{}", "{}/64", "{}%eth0"]),
    ("secret", "providers", lambda d: d.choice(TOKENS)(d), ["is {} still valid?", "KEY={}", "I pasted {} in public", "'{}'"]),
    ("secret", "in an address", in_address, ["https://api.example.com/v1?api_key={}&x=1", "https://x.example/cb#access_token={}", "https://files.example/get?token={}"]),
    ("secret", "azure", azure, ["AccountKey={};EndpointSuffix=core.windows.net", "SharedAccessKey={}"]),
    ("secret", "password", lambda d: d.choice(["hunter2", "Tr0ub4dor&3", "P@ssw0rd!23", "summer2024!"]), ["my password is {} please reset", "pw: {}", "password={}", "Password - {}", "login bob password {}"]),
    ("login", "address", login, ["http://{}@intranet.example/x", "ssh://{}@10.2.3.4:22", "amqp://{}@mq:5672/"]),
    ("email", "spelt", spelt, ["reach me: {}", "{} works", "mail to {} please"]), ("email", "typed", typed, ["it's {}", "e-mail: {}", "send it to {} please"]),
]  # fmt: skip

NEAR: list[tuple[Callable[[Draw], str], list[str]]] = [
    (one_of("NNNNNN####", "NNN-NNN-####", "Z#########"), ["my order number is {}", "Order #{} never came", "tracking no. {} shows nothing", "Your confirmation number: {}", "case number {}", "the serial number is {}"]),
    (one_of("1Z###AA####A######", "9400 1### #### #### #### ##", "JD01 #### #### ####", "RR#########DE", "H#############"), ["USPS {}", "parcel {} is lost", "where is {}?", "tracking {}"]),
    (one_of("$Z,###.##", "Z ### ###,##", "Z## ### ###", "€ Z#.###,##", "Rs Z,##,###", "Z##'###.##"), ["it cost {}", "a budget of {} €", "revenue was {} EUR", "{} people live there"]),
    (lambda d: f"{d.randrange(1, 13):02d}/{d.randrange(1, 29):02d}/{d.randrange(1990, 2030)} {d.randrange(24):02d}:{d.randrange(60):02d}", ["since {}", "my number was changed {}", "{} to now", "call on {}"]),
    (lambda d: f"{d.randrange(1990, 2030)}-{d.randrange(1, 13):02d}-{d.randrange(1, 29):02d} {d.randrange(24):02d}:{d.randrange(60):02d}:{d.randrange(60):02d},{d.randrange(1000):03d}", ["[{}] INFO started", "{} ERROR", "log {}"]),
    (one_of("978-0-###-#####-#", "0-###-#####-X", "978Z#########", "ISSN ####-####"), ["ISBN {}", "the book {}", "cite {}"]),
    (one_of("v#.Z#.###", "20##.#.#.#", "Z.Z#.####.Z", "Z#.#.#-alpine"), ["version {}", "node {} crashes", "update {} broke it", "build {}"]),
    (lambda d: f"{d.uniform(-90, 90):.5f},{d.uniform(-180, 180):.5f}", ["{}", "pin at {}", "lat/long {}"]),
    (one_of("NN° ##' ##.#\" N", "N####-####", "40.####N 73.####W"), ["we met at {}", "go to {}"]),
    (one_of("A#A #A#", "#####", "#####-####", "EC1A #AA"), ["ZIP {}", "I live in {}", "postcode {}"]),
    (one_of("MX-####-##", "SKU NNN-NNN", "EAN 4############", "part NNN.NNN.####", "REF NNN NNN NNN", "model NNN-####"), ["{}", "do you stock {}?", "I need {}"]),
    (one_of("Z.##e-0#", "3.14159265358979", "0.########", "Z#:##:##.###", "Z/## of ###"), ["it is {}", "{}", "result {}"]),
    (lambda d: some(d, d.choice([32, 40, 64]), HEX), ["md5 {}", "commit {}", "checksum: {}", "etag {}"]),
    (lambda d: f"https://{d.choice(['example.com', 'docs.example.org'])}/{some(d, 8, LOWER)}/{some(d, 22)}?v={some(d, 11)}", ["see {}", "{}", "watch {}"]),
    (lambda d: d.choice(["api_key=YOUR_KEY_HERE", "token=<paste it here>", "password: your_password", "key=${API_KEY}", "sk-...", "Bearer $TOKEN", "password=\"\"", "sk-xxxxxxxxxxxxxxxxxxxxxxxx", "AKIAIOSFODNN7"]), ["{}", "set {}", "use {} instead"]),
    (lambda d: d.choice(["at home dot dot dot", "arrive at noon, dot your i's", "see you @ 5 pm", "3 apples @ $2.50", "@ann thanks", "list[at] is an index", "look at amazon.com", "shop at ikea dot. Then home", "meet (at) noon", "f(at)"]), ["{}", "ok, {}"]),
    (lambda d: d.choice(["std::vector<int>::iterator", "10::20", "Foo::Bar::baz", "12:30::45", "::selection", "de:ad:be:ef:00:01", "a:b:c", "10.0.0.1", "127.0.0.1:8080", "localhost:3000"]), ["{}", "in {}", "try {} first"]),
    (one_of("Z,###,###,###", "Z##,###", "Z#%", "Z#.#%", "Z## km", "Z#x##x##", "Z## ml", "Z#####.## USD"), ["about {}", "{} in total", "the sum of {}"]),
    (one_of("A########", "AA-#######", "########", "Z####"), ["policy {}", "member {}", "seat {}", "flight {}", "booking {}", "employee id {}"]),
    (one_of("S#######", "##.###.###", "Z#-###-##", "###.###.###", "####-####-####", "######-####"), ["form {}", "item {}", "product {} in stock", "catalogue {}", "coupon {}"]),
    (lambda d: d.choice(["sin(30)", "the sin of pride", "pan pizza 12345", "run rut 5", "my tin is 400 g", "cf. page 123", "the nas has 8000000 files"]), ["{}", "so {}"]),
    (lambda d: d.choice(["my password is wrong", "password reset link", "password must have 8 characters", "the token expired in 2024", "a key of 256 bits", "my passport expires in 2026", "my passport arrived 2 days ago", "pin 4 on the board", "passport photos cost 12345678 rupiah"]), ["{}", "but {}"]),
]  # fmt: skip


def plant_daily(count: int, seed: int) -> list[tuple[str, str, str, str]]:
    """(kind, sub-kind, value, sentence): all sub-kinds in turn."""
    return plant_in_turn(DAILY, count, seed)


def daily_near_misses(count: int, seed: int) -> list[str]:
    """Sentences with nothing private in them."""
    return misses_in_turn(NEAR, count, seed)
