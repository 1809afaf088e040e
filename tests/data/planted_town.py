"""Questions to a town's services and what two colleagues answer, who agree or do not.

Written before the rules were mended for it, in other words than the tests of contradictions. Every
topic is asked in several ways; its first answers agree with each other, and each of the others
contradicts them all.
"""

# ruff: noqa: E501 - tables

from __future__ import annotations

from itertools import combinations

Pair = tuple[str, str, str, str]  # question, answer, question, answer

TOPICS: list[tuple[list[str], list[str], list[str]]] = [
    (["How many books can I borrow at once?", "How many books can be borrowed at once?"],
     ["You can borrow up to twelve books at once.", "Up to 12 books.", "The limit is a dozen books per card."],
     ["You can take home five books at once.", "At most 20 books at a time."]),
    (["Is the reading room open at night?", "Is the reading-room open at night?"],
     ["The reading room is open around the clock.", "Yes, it is open 24/7.", "It never closes, so you can come at any hour."],
     ["The reading room closes at 9 pm.", "It is open from 7 am to 8 pm only."]),
    (["Can I renew a book online?", "Can books be renewed online?"],
     ["Yes, log in and press Renew.", "You can renew it in your online account.", "Renewals are possible on our website."],
     ["Books can't be renewed online; please come to the desk.", "No, renewals are only possible at the desk."]),
    (["Do I need a library card to use the wi-fi?", "Do I need a library card to use the wifi?"],
     ["No, the network is open to all.", "You don't need a card for it.", "A card is not needed."],
     ["Yes, a card is required.", "You need a library card for it."]),
    (["Are dogs allowed in the pool area?", "Are dogs permitted in the pool area?"],
     ["Dogs are not allowed there.", "No, dogs have to stay outside.", "Sorry, dogs are forbidden in the pool area."],
     ["Dogs are allowed on a lead.", "Yes, dogs are welcome."]),
    (["What does a swim cost for adults?", "What does a swim cost for an adult?"],
     ["A swim costs 6 euros for adults.", "Adults pay six euros.", "It is €6."],
     ["Adults pay 8.50 euros.", "It is free for everyone."]),
    (["Which payment methods does the pool accept?", "Which payment methods are accepted at the pool?"],
     ["You can pay by card or in cash.", "We take cash and cards.", "Cash and card are both fine."],
     ["Only cash is accepted.", "We accept cards only, no cash."]),
    (["Until when can I cancel a swimming course?", "Until when can a swimming course be cancelled?"],
     ["You can cancel up to seven days before it starts.", "Cancellation is possible until one week before the start.", "Up to a week before."],
     ["A course cannot be cancelled once booked.", "Up to 24 hours before the start."]),
    (["When does the last bus leave?", "When is the last bus leaving?"],
     ["The last bus leaves at 11:30 pm.", "At 23:30.", "It leaves at half past 11 pm."],
     ["The last bus leaves at 1 am.", "At 22:45."]),
    (["Can I take my bike on the bus?", "Can I take my bike onto the bus?"],
     ["Yes, there is room for two bikes.", "Bikes are allowed on the bus.", "Of course, if there is room."],
     ["Bikes are not allowed on the bus.", "No, bikes have to stay at the stop."]),
    (["Who drives the night bus to Elmstead?", "Who is driving the night bus to Elmstead?"],
     ["The night bus is run by Harwood Lines.", "Harwood Lines runs it.", "It's Harwood Lines."],
     ["The night bus is run by Castle Coaches.", "Castle Coaches runs it."]),
    (["How often does the tram run on Sundays?", "How often do trams run on Sundays?"],
     ["The tram runs every twenty minutes on Sundays.", "Every 20 minutes.", "Three times an hour."],
     ["On Sundays it runs every 45 minutes.", "There are no trams on Sundays."]),
    (["Is the museum closed on Mondays?", "Is the museum closed on a Monday?"],
     ["Yes, it is closed on Mondays.", "The museum is closed on Mondays.", "Yes, Monday is our day off."],
     ["No, we are open every day.", "The museum is open on Mondays."]),
    (["Can I take photos in the museum?", "May I take photographs in the museum?"],
     ["You can take photos without flash.", "Yes, but please without flash.", "Photos are permitted."],
     ["Taking photos is prohibited.", "No, photography is not permitted."]),
    (["Is there an audio guide in Spanish?", "Is there an audioguide in Spanish?"],
     ["There is an audio guide in Spanish.", "Yes, we have one in Spanish.", "Of course, ask for it at the desk."],
     ["There is no audio guide in Spanish.", "Unfortunately the audio guide is available in English only."]),
    (["Who painted the mural in the hall?", "Who painted the mural in the entrance hall?"],
     ["The mural was painted by Ida Krantz.", "It was painted by Ida Krantz.", "Ida Krantz painted it in 1962."],
     ["The mural was painted by Paul Meerding.", "Paul Meerding painted it."]),
    (["Do I have to pay for parking at the station?", "Do I have to pay to park at the station?"],
     ["Parking at the station is free.", "No, you can park there free of charge.", "You don't have to pay."],
     ["Parking costs two euros an hour.", "Yes, there is a machine at the entrance."]),
    (["What colour is the recycling bin for paper?", "What color is the recycling bin for paper?"],
     ["The bin for paper is blue.", "Paper goes into the blue bin.", "It is blue."],
     ["The bin for paper is brown.", "Paper goes into the yellow bin."]),
    (["How do I register a new address?", "How can I register my new address?"],
     ["You can register it online with your ID card.", "Use the form on our website.", "It can be done online."],
     ["It can only be done in person at the town hall.", "An address cannot be registered online; come to the town hall."]),
    (["Which documents can I hand in by e-mail?", "Which documents can I hand in by email?"],
     ["You can send PDF files by e-mail.", "PDF documents are accepted.", "Please send them as PDF."],
     ["Only JPG photos are accepted by e-mail.", "None; documents have to be handed in on paper."]),
    (["Can I get married on a Saturday?", "Can we get married on a Saturday?"],
     ["Weddings take place on Saturdays as well.", "Yes, Saturdays are possible.", "Sure, on every first Saturday of the month."],
     ["No, weddings take place on weekdays only.", "Weddings are impossible on a Saturday."]),
    (["Is the clinic's emergency line staffed at weekends?", "Is the emergency line of the clinic staffed at weekends?"],
     ["The emergency line is staffed day and night.", "Yes, 24 hours a day.", "It is always staffed, weekends included."],
     ["The line is staffed from Monday to Friday only.", "No, only on weekdays."]),
    (["How long is a parking permit valid?", "How long are parking permits valid?"],
     ["A permit is valid for two years.", "It's valid for 24 months.", "Two years from the day of issue."],
     ["A permit is valid for six months.", "It never expires."]),
    (["Can minors open an account at the library?", "Can a minor open a library account?"],
     ["Minors can open an account with a parent's consent.", "Yes, from the age of six.", "They can, if a parent signs."],
     ["You must be 18 or older to open one.", "No, only adults can open an account."]),
    (["Kann ich die Gebühr per Karte zahlen?", "Kann ich die Gebühr mit Karte bezahlen?"],
     ["Ja, Kartenzahlung ist möglich.", "Sie können mit Karte zahlen.", "Ja, gern."],
     ["Nein, wir nehmen nur Bargeld.", "Kartenzahlung ist leider nicht möglich."]),
    (["Ist das Schwimmbad sonntags geöffnet?", "Ist das Schwimmbad am Sonntag geöffnet?"],
     ["Das Schwimmbad ist sonntags geöffnet.", "Ja, von 9 bis 18 Uhr.", "Ja, auch sonntags."],
     ["Das Schwimmbad ist sonntags geschlossen.", "Nein, sonntags ist zu."]),
    (["Wie viele Personen dürfen in die Sauna?", "Wie viele Personen sind in der Sauna erlaubt?"],
     ["Es dürfen zehn Personen in die Sauna.", "Höchstens 10 Personen.", "Bis zu zehn."],
     ["Es dürfen fünfzehn Personen hinein.", "Höchstens 6 Personen."]),
    (["Sind Hunde im Park erlaubt?", "Sind im Park Hunde erlaubt?"],
     ["Hunde sind an der Leine erlaubt.", "Ja, an der Leine.", "Hunde dürfen in den Park."],
     ["Hunde sind im Park verboten.", "Nein, Hunde dürfen nicht in den Park."]),
    (["Le musée est-il ouvert le mardi ?", "Est-ce que le musée est ouvert le mardi ?"],
     ["Oui, il est ouvert le mardi.", "Le musée est ouvert le mardi.", "Oui, de 10 h à 18 h."],
     ["Non, il est fermé le mardi.", "Le musée est fermé le mardi."]),
    (["Peut-on payer par carte ?", "Est-ce qu'on peut payer par carte ?"],
     ["Oui, la carte est acceptée.", "La carte est acceptée.", "Bien sûr, dès cinq euros."],
     ["Non, seulement en espèces.", "La carte n'est pas acceptée."]),
    (["¿Puedo entrar con mi perro?", "¿Puedo entrar con perro?"],
     ["Sí, los perros pueden entrar.", "Claro que sí.", "Los perros están permitidos."],
     ["No, los perros no pueden entrar.", "Los perros están prohibidos."]),
    (["¿Cuántos libros puedo pedir prestados?", "¿Cuántos libros se pueden pedir prestados?"],
     ["Puede pedir prestados cinco libros.", "Hasta 5 libros.", "Cinco, por un mes."],
     ["Puede pedir prestados diez libros.", "Hasta 3 libros."]),
]  # fmt: skip

# What two may answer differently and both be right, and questions that only look the same.
BOTH_RIGHT: list[Pair] = [
    ("Suggest a slogan for our library", "Books that open doors", "suggest a slogan for our library", "Read more, dream more"),
    ("Write a haiku about the harbour", "Grey gulls at low tide / wait", "Write a haiku about the harbor", "Morning lamps go out"),
    ("Give me an idea for a school project", "Volcano", "give me an idea for a school project", "Lighthouse"),
    ("Name a good novel for the summer", "Middlemarch", "Name a good novel for the summer", "Persuasion"),
    ("Think of a name for the new tram", "Comet", "think of a name for the new tram!", "Swift"),
    ("Recommend a walk near the river", "Take the mill path, it is 4 km long.", "Recommend a walk near the river", "Take the willow loop, it is 7 km long."),
    ("Tell me a riddle", "What has keys but opens no lock? A piano.", "Tell me a riddle please", "What gets wetter as it dries? A towel."),
    ("Invent a mascot for the pool", "Splashy", "Invent a mascot for our pool", "Otto"),
    ("Pick a number between 1 and 10", "7", "Pick a number between 1 and 10", "3"),
    ("Schreibe einen Namen für meine Katze", "Minka", "Schreib einen Namen für meine Katze", "Felix"),
    ("Invente un nom pour mon chien", "Filou", "Invente un nom pour mon chien", "Rex"),
    ("Dime un chiste", "Van dos y se cae el del medio.", "Dime un chiste", "Era un hombre tan alto que tropezó un lunes."),
    ("What's a fun fact about bees?", "Bees have five eyes.", "What is a fun fact about bees?", "A hive holds 50,000 bees."),
    ("Give an example of a mammal", "Whale", "Give an example of a mammal", "Otter"),
    ("Compose a two-line poem about rain", "Rain on the roof / never late", "Compose a two-line poem about rain", "Soft the drops / always wait"),
    ("How do I get from Elmstead to Harwood?", "Take bus 12 from Elmstead.", "How do I get from Harwood to Elmstead?", "Take bus 15 from Harwood."),
    ("Is the pool open in summer?", "Yes, it is.", "Is the sauna open in summer?", "No, it is closed."),
    ("How old must I be to vote?", "You must be 18.", "How old must I be to drive?", "You must be 17."),
    ("Is tram 4 late?", "Yes, by five minutes.", "Is tram 5 late?", "No, it is on time."),
    ("Can I enter without a ticket?", "No, you need a ticket.", "Can I enter with a ticket?", "Yes, of course."),
    ("Convert 5 miles to kilometres", "8.05 km", "convert 5 kilometres to miles", "3.1 miles"),
    ("Is the café bigger than the shop?", "Yes.", "Is the shop bigger than the café?", "No."),
    ("How do I sign up for e-mail news?", "Enter your address and press Sign up.", "how do i sign up for email news", "Enter your address and press sign up."),
    ("Where can I drop off my E-Bike?", "You can drop it off at any dock.", "where can I drop off my e-bike", "At any dock."),
    ("Is there a check-in desk?", "Yes, in the main hall.", "Is there a check in desk?", "There is one in the main hall."),
    ("When is the market?", "Every Saturday from 8 am to 1 pm.", "When is the market?", "On Saturday morning."),
    ("What can I do in the park?", "You can play tennis or rent a boat.", "What can I do in the park?", "You can fly kites and have a picnic."),
    ("What do you sell at the kiosk?", "We sell coffee and cake.", "What do you sell at the kiosk?", "Newspapers, stamps and coffee."),
    ("How can I reach the town hall?", "Call us on weekdays.", "How can I reach the town hall?", "Write to us or call."),
    ("Can I swim in the lake?", "You can swim in the lake.", "Can I swim in the lake?", "Yes, but only in the marked part."),
    ("Is the lift working?", "Yes, no problem.", "Is the lift working?", "Yes, it works again."),
    ("How do I pay a fine?", "Pay it online or at the desk.", "How do I pay a fine?", "You can pay a fine at the desk."),
    ("Do you mind if I sit here?", "No, go ahead.", "Do you mind if I sit here?", "Please take a seat."),
    ("Kann ich hier parken?", "Ja, bis zu zwei Stunden.", "Kann ich hier parken?", "Sie können hier zwei Stunden parken."),
    ("Wann öffnet die Bibliothek?", "Die Bibliothek öffnet um 9 Uhr.", "Wann öffnet die Bibliothek?", "Um neun Uhr."),
    ("À quelle heure ferme la piscine ?", "Elle ferme à 20 h.", "À quelle heure ferme la piscine ?", "À vingt heures."),
    ("Can I be refunded for a late bus?", "You can be refunded if it is over an hour late.", "Can I get refunded for a late bus?", "Yes, for delays of more than 60 minutes."),
    ("Does the clinic accept walk-ins?", "Walk-ins are welcome until noon.", "Does the clinic accept walk-ins?", "Yes, but not in the afternoon."),
]  # fmt: skip


Topics = list[tuple[list[str], list[str], list[str]]]


def contradicting_pairs(topics: Topics = TOPICS) -> list[Pair]:
    """Each contradicting answer against two of those that agree, in turn, and in both orders."""
    found: list[Pair] = []
    for asked, agreeing, against in topics:
        for n, wrong in enumerate(against):
            for m in range(2):
                right = agreeing[(n + m) % 3]
                pair = (asked[m % len(asked)], right, asked[(n + m) % len(asked)], wrong)
                found.append(pair if (n + m) % 2 else (pair[2], pair[3], pair[0], pair[1]))
    return found


def agreeing_pairs(topics: Topics = TOPICS, both_right: list[Pair] = BOTH_RIGHT) -> list[Pair]:
    """All that agree: the right answers of a topic in pairs, and what is right side by side."""
    found = list(both_right)
    for asked, agreeing, _ in topics:
        for n, (one, other) in enumerate(combinations(agreeing, 2)):
            found.append((asked[n % 2], one, asked[(n + 1) % 2] if n < 2 else asked[n % 2], other))
    return found
