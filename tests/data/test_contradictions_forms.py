"""What agrees in another form, and what is opposed in one: numbers, questions, sides.

Sentences of our own for each sort of fault that a stranger's set showed.
"""

# ruff: noqa: E501 - tables

from __future__ import annotations

import pytest

from talkwright.data.similarity.amounts import amounts, amounts_conflict
from talkwright.data.similarity.contradictions import contradictory_pairs
from talkwright.types import Conversation, Message

SAME_AMOUNT = [
    ("£10 a month, billed once a year", "£120 a year in a single invoice"),
    ("€5 per week", "€260 a year"),
    ("£27 a month", "The premium comes to £324 per year"),
    ("$2 a day", "$14 a week"),
    ("60 euros a quarter", "240 euros a year"),
    ("Bake at 180 °C", "Set your oven to about 350 °F"),
    ("200 degrees Celsius", "400 °F"),
    ("220 C", "425 F"),
    ("160 °C", "325 degrees Fahrenheit"),
    ("heated to 30 °C", "86 °F all year"),
    ("About 149.6 million kilometres", "roughly 1.496 × 10^8 km"),
    ("2.5 million people", "2,500,000 people"),
    ("half a million users", "500,000 users"),
    ("1.2k followers", "1,200 followers"),
    ("£1.5m", "1.5 million pounds"),
    ("two and a half hours", "150 minutes"),
    ("1h30", "90 minutes"),
    ("1 h 30 min", "an hour and a half"),
    ("3 hours 15 minutes", "195 minutes"),
    ("three to five working days", "3-5 business days"),
    ("a fortnight", "two weeks"),
    ("half a year", "six months"),
    ("a year and a half", "18 months"),
    ("24 months", "two years"),
    ("a dozen eggs", "12 eggs"),
    ("two dozen", "24"),
    ("half a dozen", "six"),
    ("a quarter of the price", "25%"),
    ("one in four", "25 percent"),
    ("1 out of 5", "20%"),
    ("two thirds", "67%"),
    ("60 out of 100 points", "60 percent"),
    ("half", "50%"),
    ("three teaspoons", "one tablespoon"),
    ("250 ml", "a quarter of a litre"),
    ("half a litre", "500 ml"),
    ("0.5 l", "50 cl"),
    ("5 feet 11", "180 cm"),
    ("six feet", "1.83 m"),
    ("5 miles", "8 km"),
    ("10 stone", "63.5 kg"),
    ("4 oz", "113 g"),
    ("2 lb", "900 g"),
    ("half a pound", "227 g"),
    ("a pound of flour", "450 g"),
    ("1,5 kg", "1500 g"),
    ("2 pm", "14:00"),
    ("half past three in the afternoon", "15:30"),
    ("quarter to nine", "8.45"),
    ("a quarter past 5 pm", "17:15"),
    ("12 noon", "midday"),
    ("midnight", "00:00"),
    ("9am-5pm", "from 9 to 17"),
    ("twice a year", "every six months"),
    ("four times a year", "every quarter"),
    ("once every two weeks", "every fortnight"),
    ("three times a day", "every 8 hours"),
    ("every other day", "every two days"),
    ("24/7", "around the clock"),
    ("7 days a week", "daily"),
    ("1 March", "March 1st"),
    ("01.03.2024", "1 March 2024"),
    ("2024-03-01", "the first of March 2024"),
    ("3rd of May", "May 3"),
    ("the 15th", "on the fifteenth"),
    ("1.5 GB", "1500 MB"),
    ("1 TB", "1000 GB"),
    ("£5", "five pounds"),
    ("£4.50", "four pounds fifty"),
    ("50p", "50 pence"),
    ("€0.20", "20 cents"),
    ("99 ct", "0.99 €"),
    ("a tenner", "£10"),
    ("1.000 Euro", "1000 €"),
    ("CHF 20", "20 Franken"),
    ("20 EUR", "20 euros"),
    ("2x per day", "twice daily"),
    ("5 per cent", "5%"),
    ("half price", "50% off"),
    ("a third off", "33 % discount"),
    ("18 or over", "at least 18"),
    ("up to 20 kg", "a maximum of 20 kilos"),
    ("first floor", "floor 1"),
    ("Seven: six outfield players and a keeper", "7 players"),
    ("two people can open one together", "share with a second person"),
    ("once a week", "every Monday"),
    ("1,000 metres", "1 km"),
    ("10,000 steps", "ten thousand steps"),
    ("90 days", "three months"),
    ("72 hours", "3 days"),
    ("48h", "two days"),
    ("anderthalb Stunden", "90 Minuten"),
    ("ein halbes Jahr", "sechs Monate"),
    ("2,5 Stunden", "150 Minuten"),
    ("vierzehn Tage", "zwei Wochen"),
    ("une heure et demie", "90 minutes"),
    ("une quinzaine de jours", "15 jours"),
    ("hora y media", "90 minutos"),
    ("medio kilo", "500 g"),
    ("two metres twenty", "2.20 m"),
    ("one hundred and twenty", "120"),
    ("two hundred and fifty euros", "250 euros"),
    ("twenty-five hundred", "2,500"),
    ("MCMXC", "1990"),
    ("the 1980s", "the eighties"),
    ("a couple of days", "two days"),
    ("a pair", "two"),
    ("both parents", "two parents"),
    ("a single device", "one device"),
    ("one and a half metres", "150 cm"),
    ("3/4 cup", "three quarters of a cup"),
    ("1/2 teaspoon", "half a teaspoon"),
    ("1½ hours", "90 minutes"),
    ("½ litre", "500 ml"),
    ("from the age of 16", "16 years and older"),
    ("zero", "none"),
    ("£0", "free"),
    ("no charge", "£0"),
    ("60 bpm", "60 beats per minute"),
    ("100 km/h", "62 mph"),
    ("30 mph", "48 km/h"),
    ("15 minutes by bike", "a quarter of an hour by bike"),
]  # fmt: skip
OTHER_AMOUNT = [
    ("£10 a month", "£100 a year"),
    ("£10 a month", "£12 a month"),
    ("180 °C", "400 °F"),
    ("200 °C", "180 °C"),
    ("2 weeks", "three weeks at least"),
    ("3 to 5 working days", "three weeks"),
    ("two cups", "three cups"),
    ("50%", "60%"),
    ("the full price", "60% of the price"),
    ("half the price", "the full price"),
    ("Two.", "three devices"),
    ("£5", "£12"),
    ("9 am", "10 am"),
    ("twice a year", "every three months"),
    ("1.5 million", "15 million"),
    ("2 tablespoons", "2 teaspoons"),
    ("1h30", "2 hours"),
    ("5 miles", "5 km"),
    ("60 out of 100", "70 percent"),
    ("30 mph", "60 km/h"),
    ("once a week", "once a month"),
    ("£27 a month", "£240 per year"),
]  # fmt: skip

# A question, and two answers that contradict each other.
OPPOSED = [
    ("Can my landlord reject a pet?", "Yes, he can refuse any animal.", "No, the law says every tenant may keep one."),
    ("Can the shop refuse my coupon?", "No, it has to accept every coupon.", "Yes, it may turn down coupons at any time."),
    ("Does the shop close on Sundays?", "Yes, we are closed on Sundays.", "No, we're open all week."),
    ("Does my ticket expire?", "Yes, after a year.", "No, it never expires."),
    ("Should I wash rice before cooking?", "Yes, rinse it twice.", "No, just put it in the pot."),
    ("Do I need to tip the driver?", "Yes, ten percent is expected.", "No need, drivers don't take tips."),
    ("What is the capacity of Plainfield Hall?", "It has 300 seats.", "There's room for 450 people."),
    ("Which of the two rooms has a balcony, the Rose or the Lily?", "The Rose has a balcony, the Lily doesn't.", "The Lily has a balcony, the Rose doesn't."),
    ("Which is heavier, the Trek or the Nova?", "The Trek is heavier than the Nova.", "The Nova is heavier than the Trek."),
    ("What comes first, primer or paint?", "Apply primer before paint.", "Apply paint before primer."),
    ("Darf ich hier grillen?", "Ja, Sie können gern den Grill benutzen.", "Das geht leider nicht."),
    ("¿Puedo pagar con tarjeta?", "Sí, aceptamos todas las tarjetas.", "No es posible, solo efectivo."),
    ("Puis-je venir avec mon chien ?", "Oui, les chiens sont les bienvenus.", "Ce n'est pas possible, les animaux restent dehors."),
    ("How much is the gym?", "£20 a month.", "£300 a year."),
    ("What temperature for the chicken?", "Roast it at 200 °C.", "Set the oven to 350 °F."),
    ("How long is delivery?", "3 to 5 working days.", "It takes three weeks."),
    ("How much do I get back when I cancel?", "You get the full price back.", "You get 40% of the price back."),
    ("When was the bridge built?", "In 1932.", "In 1957."),
    ("Can I bring a second guest?", "Yes, a second guest is welcome.", "No, only one person may come."),
    ("Is the Ranger tent suitable for winter?", "The Ranger is suitable for winter.", "The Ranger is unsuitable for winter."),
    ("Where do I hand in keys, at the desk or in the box?", "Hand the keys in at the desk, not in the box.", "Put the keys into the box, not on the desk."),
]  # fmt: skip
AGREED = [
    ("Can the airline deny boarding if I'm late?", "Yes, the gate staff can leave you behind.", "I'm afraid arriving late means the crew can turn you away."),
    ("Can my landlord reject a pet?", "Yes, he can refuse any animal.", "Pets may be turned down by the landlord."),
    ("Will you cancel my plan if I pay late?", "Yes, unpaid plans are terminated after a week.", "I'm sorry to say we end the plan seven days after a missed payment."),
    ("Does the shop close on Sundays?", "Yes, we are shut on Sundays.", "We aren't open on Sundays."),
    ("Does my ticket expire?", "No, it is valid forever.", "It never expires."),
    ("Should I wash rice before cooking?", "No, it isn't necessary.", "You can skip that, the grains are clean."),
    ("Should I descale the kettle weekly?", "No, once a month is enough.", "You needn't do it that often. Monthly will do."),
    ("Do I need to tip the driver?", "No, it's up to you.", "You can leave something if you like, but nobody expects it."),
    ("What is Harbour Week?", "A festival that began in 1988.", "It's a series of forty concerts on the quay."),
    ("What is Plainfield Hall?", "A community centre built in 1962.", "It's a hall with 300 seats, run by volunteers."),
    ("What should I know about the city pool?", "It has five lanes and a sauna.", "The pool opened in 1975 and sits two minutes from the station."),
    ("Tell me about Elm School.", "It has 600 pupils.", "Elm School was founded in 1890 and has two gyms."),
    ("Was muss ich über das Museum wissen?", "Es hat 12 Säle.", "Das Museum wurde 1920 gegründet und liegt 5 Minuten vom Bahnhof."),
    ("Which is heavier, the Trek or the Nova?", "The Trek is the heavier one.", "The Trek is heavier than the Nova."),
    ("Which toppings are there?", "Cheese and ham.", "Ham and cheese."),
    ("Darf ich hier grillen?", "Nein, das ist verboten.", "Das geht leider nicht."),
    ("How much is the gym?", "£20 a month.", "£240 a year."),
    ("What temperature for the chicken?", "Roast it at 200 °C.", "Set the oven to 400 °F."),
    ("How many seats does the car have?", "Five: two in front and three behind.", "It has 5 seats."),
    ("How long is delivery?", "3 to 5 working days.", "About a week."),
    ("How much do I get back when I cancel?", "You get the full price back.", "We refund 100 percent."),
    ("When was the bridge built?", "In 1932.", "It was finished in 1932 and has 4 lanes."),
    ("Can I share my account?", "Yes, two people can use it.", "Sure, a second person may use it with you."),
]  # fmt: skip

# Two questions, and an answer to each: the first ask the same.
SAME_QUESTION = [
    ("When diluting sulfuric acid, what goes in first?", "When diluting sulphuric acid, what goes in first?", "Water goes in first.", "The acid goes in first."),
    ("Do I need my ID card to vote?", "Do I need my identity card to vote?", "Yes, you need it.", "No, you don't need it."),
    ("Is there a car park at the hotel?", "Is there a carpark at the hotel?", "Yes, behind the building.", "No, we have no parking."),
    ("Does the alarm reset automatically at midnight?", "Does the alarm automatically reset at midnight?", "Yes, it resets.", "No, it doesn't reset."),
    ("On how many screens can I watch Tello?", "Tello - how many screens can I watch on?", "Two.", "Four."),
    ("For how many nights can I stay at Birch Hostel?", "How many nights can I stay at Birch Hostel?", "Up to seven nights.", "Up to fourteen nights."),
    ("Must the beans be soaked before boiling?", "Do I have to soak the beans before boiling them?", "Yes, overnight.", "No, that isn't necessary."),
    ("What colour is the Atlas binder?", "What color is the Atlas binder?", "It is red.", "It is green."),
    ("How do I get to Pier 4, is there a bus?", "How do I get to pier four, is there a bus?", "Yes, bus 9 goes there.", "No, there is no bus."),
]  # fmt: skip
OTHER_QUESTION = [
    ("Can I change the name on my Polar ticket?", "Can I change the date on my Polar ticket?", "No, it can't be changed.", "Yes, it can be changed."),
    ("Can I take my hand luggage to the lounge?", "Can I take my hold luggage to the lounge?", "Yes, you can.", "No, you can't."),
    ("Do male swans sit on the eggs?", "Do female swans sit on the eggs?", "No, they don't.", "Yes, they do."),
    ("Can the owner raise the rent during the lease?", "Can the owner raise the rent after the lease?", "No, he can't.", "Yes, he can."),
    ("Was kostet eine Karte für Kinder im Zoo Linden?", "Was kostet eine Karte für Senioren im Zoo Linden?", "Sie kostet 5 Euro.", "Sie kostet 9 Euro."),
    ("Is the train from Kiel to Bonn direct?", "Is the train from Bonn to Kiel direct?", "Yes.", "No."),
    ("What is the deposit for the small boat?", "What is the price for the small boat?", "50 euros.", "120 euros."),
    ("Can I pay for my order with a gift card?", "Can I pay for my order with a debit card?", "No.", "Yes."),
    ("Is the front door locked at night?", "Is the back door locked at night?", "Yes.", "No."),
    ("When do seniors pay less at Lido Pool?", "When do students pay less at Lido Pool?", "On Mondays.", "On Fridays."),
    ("Can I book a table for lunch at Marlo?", "Can I book a table for dinner at Marlo?", "Yes.", "No."),
]  # fmt: skip


def opposed(*rows: tuple[str, str]) -> bool:
    return bool(
        contradictory_pairs(
            {
                n: Conversation((Message("user", question), Message("assistant", answer)))
                for n, (question, answer) in enumerate(rows)
            }
        )
    )


@pytest.mark.parametrize(("a", "b"), SAME_AMOUNT)
def test_an_amount_in_another_form_is_the_same(a: str, b: str) -> None:
    assert not amounts_conflict(amounts(a)[0], amounts(b)[0])


@pytest.mark.parametrize(("a", "b"), OTHER_AMOUNT)
def test_another_amount_is_another_in_whatever_form(a: str, b: str) -> None:
    assert amounts_conflict(amounts(a)[0], amounts(b)[0])


@pytest.mark.parametrize(("question", "a", "b"), OPPOSED)
def test_opposed_answers_contradict_each_other(question: str, a: str, b: str) -> None:
    assert opposed((question, a), (question, b))


@pytest.mark.parametrize(("question", "a", "b"), AGREED)
def test_answers_that_agree_in_other_words_do_not(question: str, a: str, b: str) -> None:
    assert not opposed((question, a), (question, b))


@pytest.mark.parametrize(("one", "other", "a", "b"), SAME_QUESTION)
def test_a_question_spelt_or_ordered_otherwise_is_the_same(one: str, other: str, a: str, b: str) -> None:
    assert opposed((one, a), (other, b))


@pytest.mark.parametrize(("one", "other", "a", "b"), OTHER_QUESTION)
def test_a_question_with_another_word_in_one_place_is_another(
    one: str, other: str, a: str, b: str
) -> None:
    assert not opposed((one, a), (other, b))
