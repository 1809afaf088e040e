"""One question twice, or nearly so, answered in letters, lists and single words: a fourth set.

It was written after the rules were made for the first three: 33 of 40 were found then, and 6 of 30
invented. Some rules were mended for it since.
"""

# ruff: noqa: E501 - tables

from __future__ import annotations

from planted_town import Pair

CONTRADICTING: list[Pair] = [
    ("Can I park my caravan overnight at the marina?", "Yes, caravans may stay overnight on the gravel field.", "Can I park my caravan overnight at the marina please?", "Dear Mrs Lund,\n\nthank you for your message. Caravans have to leave the grounds by 10 pm, and the gate is locked after that.\n\nKind regards\nHarbour Office"),
    ("How long is the lease?", "The lease runs for three years.", "How long does the lease run?", "Hi Omar, you sign for 18 months. Any longer and we'd have to go to a notary. Best, Lea"),
    ("Does the Aria phone have a headphone jack?", "Yes, at the bottom next to the charging port.", "Does the Aria phone have a headphone jack?", "The jack was dropped with this model, so you need wireless headphones or an adapter."),
    ("Who is responsible for clearing snow in front of the house?", "The tenants take turns.", "Who is responsible for clearing the snow in front of the house?", "That's the landlord's job; he hires a service for it."),
    ("What is the chemical symbol for tin?", "Sn.", "What's the chemical symbol for tin?", "The symbol for tin is Ti."),
    ("When did the Berlin Wall fall?", "On 9 November 1989.", "In what year did the Berlin Wall fall?", "The wall fell in 1991."),
    ("Which gate does flight NV204 leave from?", "B14.", "From which gate does flight NV204 leave?", "Flight NV204 leaves from gate C3."),
    ("Do I have to declare cash at the border?", "Only amounts above 10,000 euros.", "Do I have to declare cash at the border?", "Every amount has to be declared, even ten euros."),
    ("Is it OK to feed the ducks bread?", "Bread is fine in small amounts.", "Is it okay to feed ducks bread?", "Please don't. Bread makes them ill."),
    ("Can I get a paper invoice?", "Certainly, tick the box 'by post' at checkout.", "Can I get a paper invoice?", "We send invoices as PDF only."),
    ("What's included in the Comfort package?", "The Comfort package includes:\n- breakfast\n- late check-out\n- a massage", "What is included in the Comfort package?", "The Comfort package includes:\n- breakfast\n- late check-out\n\nA massage is not included."),
    ("How many people can share a family plan?", "Six.", "How many people can share the family plan?", "Up to four people can be on one family plan."),
    ("Is the Lisbon office open in August?", "The office stays open all through August.", "Is the Lisbon office open in August?", "In August the Lisbon office is closed for the holidays."),
    ("Where can I leave my bike?", "In the rack next to gate B.", "Where can I leave my bike?", "Bikes go into the cellar of house 4."),
    ("Do you price match?", "If you find it cheaper elsewhere, we refund the difference.", "Do you price match?", "No, our prices are fixed."),
    ("How do I turn the alarm off?", "Enter your code and press the star key.", "How do I turn the alarm off?", "Enter your code and press the hash key."),
    ("Can I use the voucher online?", "The voucher works in shops and online.", "Can I use the voucher online?", "The voucher can only be used in our shops."),
    ("Is the soup vegan?", "It's made with vegetable stock and coconut milk, entirely vegan.", "Is the soup vegan?", "There's cream and chicken stock in it, so no."),
    ("When is the pool cleaned?", "Every Monday morning.", "When is the pool cleaned?", "It's cleaned on Fridays."),
    ("What's the speed limit on Harbour Road?", "30 km/h.", "What is the speed limit on Harbour Road?", "You may drive at up to 50 km/h."),
    ("Which vitamin does sunlight help the body make?", "Vitamin D.", "Which vitamin does sunlight help the body to make?", "Sunlight helps the body produce vitamin C."),
    ("Should I stretch before or after running?", "After running, while the muscles are warm.", "Should I stretch before or after a run?", "Before you set off, never afterwards."),
    ("Can I bring my own wine?", "Sure, corkage is 8 dollars a bottle.", "Can I bring my own wine?", "Drinks from outside may not be consumed here."),
    ("Is overtime paid?", "Overtime is paid at 150%.", "Is overtime paid?", "Overtime is compensated with time off, not with money."),
    ("Who do I inform when I'm ill?", "Call your team lead before 9.", "Whom do I inform when I am ill?", "Send a message to HR; your team lead needn't be told."),
    ("How often is the water tested?", "Twice a week.", "How often is the water tested?", "We test it once a year, as the law demands."),
    ("Does the insurance pay for a rental car?", "A rental car is covered for up to ten days.", "Does the insurance pay for a rental car?", "You'd have to pay for a rental car yourself."),
    ("What do I do with old batteries?", "Drop them in the red box at the entrance.", "What do I do with old batteries?", "Just put them in the household waste."),
    ("Is it allowed to record the lecture?", "Recording for personal use is allowed.", "Is it allowed to record lectures?", "Audio and video recordings are strictly prohibited."),
    ("Which size should I order?", "The shoes run small, so order one size up.", "Which size should I order?", "The shoes run large, so order one size down."),
    ("Gibt es im Zug ein Bordbistro?", "Ja, in Wagen 7.", "Gibt es ein Bordbistro im Zug?", "In diesem Zug gibt es leider keine Gastronomie."),
    ("Ab welchem Alter darf man mitfahren?", "Ab 6 Jahren.", "Ab welchem Alter darf man mitfahren?", "Mitfahren darf man ab zwölf Jahren."),
    ("Wo gebe ich den Schlüssel ab?", "An der Rezeption im Erdgeschoss.", "Wo gebe ich den Schlüssel ab?", "Im dritten Stock bei Frau Lang."),
    ("Is de lift in gebruik?", "De lift werkt weer.", "Is de lift in gebruik?", "De lift is defect."),
    ("Les enfants paient-ils l'entrée ?", "Non, c'est gratuit pour eux.", "Est-ce que les enfants paient l'entrée ?", "Oui, 4 euros à partir de trois ans."),
    ("Où faut-il composter le billet ?", "Au premier étage.", "Où faut-il composter son billet ?", "Au sous-sol."),
    ("¿Se puede beber el agua del grifo?", "Sí, es potable.", "¿Puedo beber agua del grifo?", "No es potable, compre agua embotellada."),
    ("¿Cuántas maletas puedo facturar?", "Dos.", "¿Cuántas maletas se pueden facturar?", "Solo puede facturar una maleta."),
    ("Onde fica a recepção?", "No térreo.", "Onde fica a recepção?", "No segundo andar."),
    ("Il negozio è aperto la domenica?", "Sì, dalle 10 alle 18.", "La domenica il negozio è aperto?", "La domenica siamo chiusi."),
]  # fmt: skip

AGREEING: list[Pair] = [
    ("Can I cancel my order?", "Yes, until it has been shipped.", "Can I cancel my order?", "Hello Ann, of course you can. Once the parcel is on its way it can't be stopped any more, though. Regards, Jo"),
    ("What should I pack for the hike?", "Please bring:\n- water\n- a hat\n- good boots", "What should I pack for the hike?", "Take along:\n- sturdy boots\n- two litres of water\n- sun cream"),
    ("How do I get to the castle?", "Take bus 12 to the last stop.", "How do I get to the castle?", "It's a 20-minute walk from the station, always uphill."),
    ("Is the meeting room free on Friday?", "Yes, it's free until noon.", "Is the meeting room free on Friday?", "It's available in the morning; from 12 o'clock it is booked."),
    ("How much is a coffee?", "€2.50.", "How much is a coffee?", "A coffee is two euros fifty, a cake 4 euros."),
    ("Do you accept cheques?", "No, we don't.", "Do you accept cheques?", "Cheques are no longer accepted. Cards and cash are fine."),
    ("When was the company founded?", "In 1998.", "When was the company founded?", "It was founded in 1998 by two brothers and has had 40 employees since 2010."),
    ("Is the lake deep?", "It's up to 40 metres deep.", "Is the lake deep?", "Yes, very. The deepest point is at forty metres."),
    ("Can dogs swim in the river?", "Yes, dogs may swim there.", "Can dogs swim in the river?", "Dogs are welcome in the water, but not on the meadow where children play."),
    ("Where is the nearest pharmacy?", "On Mill Street.", "Where's the nearest pharmacy?", "Go down Mill Street; it's opposite the bank."),
    ("Does the ticket include the museum?", "The museum is included.", "Does the ticket include the museum?", "Yes, and the tower too. The boat trip is not included."),
    ("Which language is spoken in Brazil?", "Portuguese.", "What language is spoken in Brazil?", "People in Brazil speak Portuguese, not Spanish."),
    ("Do I need a helmet?", "Yes, always.", "Do I need a helmet?", "Nobody rides without a helmet here."),
    ("Is the shop closed on Sunday?", "Yes, it is closed.", "Is the shop closed on Sundays?", "We don't open on Sundays."),
    ("How long does the battery need to charge?", "About 2 hours.", "How long does the battery need to charge?", "120 minutes with the quick charger, longer with others."),
    ("Can I have the recipe?", "Mix flour, eggs and milk.", "Can I have the recipe?", "You need 200 g of flour, 3 eggs and half a litre of milk."),
    ("Who can use the car park?", "Residents only.", "Who can use the car park?", "It's for residents; visitors park in the street."),
    ("Why is my bread so dense?", "You probably didn't let it rise long enough.", "Why is my bread so dense?", "Old yeast is a common reason, or too much flour."),
    ("Can I pay later?", "Yes, within 14 days.", "Can I pay later?", "Pay within two weeks of receiving the invoice. There's no fee for that."),
    ("Is wifi available?", "Yes, free of charge.", "Is wifi available?", "Wi-Fi is available in all rooms and costs nothing."),
    ("What time is breakfast?", "7 to 10.", "What time is breakfast?", "From seven until ten o'clock; on Sundays until eleven."),
    ("May I take the leftovers home?", "Of course, ask for a box.", "May I take leftovers home?", "Yes. Boxes cost nothing, but please don't take any sauces."),
    ("Darf ich fotografieren?", "Ja, ohne Blitz.", "Darf ich fotografieren?", "Fotografieren ist erlaubt, Blitz aber nicht."),
    ("Ist das Zimmer klimatisiert?", "Ja, alle Zimmer sind klimatisiert.", "Ist das Zimmer klimatisiert?", "Jedes Zimmer hat eine Klimaanlage, die nicht extra kostet."),
    ("Was kostet die Fahrt?", "3 Euro.", "Was kostet die Fahrt?", "Die Fahrt kostet drei Euro, Kinder zahlen die Hälfte."),
    ("Le bus passe-t-il le dimanche ?", "Non, pas le dimanche.", "Est-ce que le bus passe le dimanche ?", "Le dimanche il n'y a pas de bus."),
    ("Comment puis-je vous joindre ?", "Par téléphone au 01 44 55 66 77.", "Comment puis-je vous joindre ?", "Écrivez à contact@exemple.example."),
    ("¿Tiene garantía?", "Sí, dos años.", "¿Tiene garantía?", "Tiene 24 meses de garantía; no cubre golpes."),
    ("Posso entrar com mochila?", "Sim, se for pequena.", "Posso entrar com mochila?", "Mochilas pequenas são permitidas, grandes não."),
    ("Serve la prenotazione?", "No, non serve.", "Serve la prenotazione?", "Non è necessario prenotare."),
]  # fmt: skip
