"""Words and phrases of plain English by what they do in a question or an answer: tables, no logic.

A line of CONCEPTS says one thing as far as a question is concerned, named by its first word. IDIOMS are
phrases that count as one word. AXES are claims with two sides: whether something may be done, has to be
done, costs money, and so on.
"""

# What is read as one word, before words are looked at: the word, and the phrases that stand for it.
# A word in capitals is a sign that no text has: MAY and MAYNOT, MUST and NEEDNOT, FREE and PAID.
IDIOMS = {
    "MAY": """
        no problem|not a problem|no obstacle|no issue|not an issue|no big deal|no trouble
        |no reason not to|no objections?|no restrictions?|without (?:any )?(?:problems?|restrictions?
        |trouble|limits?)|nothing (?:stops|prevents) you|not (?:forbidden|prohibited|banned|ruled out)
        |feel free|(?:you are|you're|they are|they're|is|are|be) (?:\\w+ )?welcome|go ahead
        |by all means|at liberty|free to|don't mind|do not mind|happy to|glad to|gladly
        |don't hesitate|never refuse|have no objection|goes without saying|no wonder
    """,
    "MAYNOT": """
        off limits|off-limits|out of the question|out of bounds|not an option|no way|no longer possible
        |(?:has|have) to stay (?:outside|at home|home|behind|off|out)|(?:must|have to|has to
        |should) (?:stay|remain|be left|be kept|be switched off|wait)|against (?:the |our
        |company )?(?:rules?|policy|policies|law|regulations?)
        |not (?:\\w+ )?(?:allowed|permitted|possible|available|supported|accepted|offered|eligible
        |entitled|able
        |welcome|covered|an option)|not (?:yet|currently)|no longer|far from it|sold out|turned away
        |turn (?:\\w+ )?away
        |counts? as (?:cheating|fraud|misconduct|plagiarism|theft|an offence|a violation|a breach)
        |(?:is|are) (?:considered |regarded as )?(?:cheating|fraud|misconduct|plagiarism)
        |ceased? to|beyond (?:me|us|our|my)|phased out|(?:was|were|been) (?:abolished|scrapped|withdrawn)
        |at this time|zero tolerance|stay at home|leave (?:it|them|all|your
        |any) [\\w ]{0,25}?(?:at home|outside|behind|at the (?:door|entrance|desk))
        |keep (?:[\\w'-]+ ){0,4}?(?:away from|out of|off|clear of)|keep (?:out|away|off|clear)
        |ruled out|cannot be|can't be|can not be|(?:leave|leaving|left) (?:[\\w'-]+ ){1,4}?(?:at home
        |outside|behind)|(?:must|has to|have to|should|needs? to) be (?:taken off|removed|put away|left
        |kept|switched off|turned (?:off|down|away)|taken out|declined|refused|rejected)
        |(?:isn't|is not|not|aren't) something (?:[\\w'-]+ )?(?:can|do|does|offers?|supports?|allows?
        |provides?)|there (?:is|are|'s) no (?:way|possibility|option|means|chance)|taken out of
        |(?:dropped|removed|withdrawn|excluded) from|isn't possible|not feasible|won't (?:work|do
        |be able)
        |have no (?:means|way|access)|has no (?:means|way)|got no (?:means|way)|beyond what
        |don't belong|does not belong|doesn't belong|do not belong
        |stays? (?:out|away|off|clear|indoors|in port)|(?:for|to) (?:grown-ups|adults|members|staff) only
        |fails? to|refrain from|stay (?:away|out|off|clear)|steer clear
    """,
    "MUST": """
        have to|has to|had to|having to|need to|needs to|need for|is needed|are needed|be needed
        |is a must|a must
        |you'll need|you will need|obliged to|got to|expected to|supposed to|make sure|be sure to
        |no entry without|not without|(?:nobody|no one|none) (?:[\\w'-]+ ){1,3}?without
        |without (?:one|it|this|them),? (?:we|you|they|it|nobody|no one) (?:can't|cannot|can not
        |won't|isn't|may not)|(?:impossible|not possible|not allowed|refused|nothing) without
        |no exceptions?|not optional|at all times
        |(?:by|on|with|after|to) (?:prior |advance |previous )?(?:booking|appointment|arrangement
        |reservation|registration)|(?:by|on|with) (?:prior|advance|previous) \\w+
    """,
    "NEEDNOT": """
        no need|no obligation|needn't|need not|don't need|do not need|doesn't need|does not need
        |don't have to
        |do not have to|doesn't have to|does not have to|isn't (?:\\w+ )?(?:necessary|required|needed
        |mandatory
        |compulsory|obligatory)|aren't (?:\\w+ )?(?:necessary|required|needed|mandatory|compulsory
        |obligatory)
        |not (?:\\w+ )?(?:necessary|required|needed|mandatory|compulsory|obligatory|obliged|essential)
        |up to you|if you (?:like|want|wish|find|care|prefer|choose)|no \\w+ (?:is 
        |are )?(?:required|necessary|needed)
        |nobody (?:has|needs) to|nobody needs|no one (?:has|needs) to|never (?:have|need) to
        |walk in|walk-in|turn up|show up|just come|just walk|come along|works? (?:fine
        |just fine )?without
        |even without|do without|also without|doesn't require|does not require|don't require
        |do not require
        |(?:nobody|no one|nobody's|no one's) (?:is |has |will be )?(?:obliged|forced|required
        |compelled|made)
        |free to (?:\\w+ )?(?:without|bare)|(?:is|are|will be) (?:quite |perfectly )?(?:enough
        |sufficient)
        |will do|suffices|simply (?:turn|show) up|just (?:turn|show) up|of your own free will
        |can skip|may skip|can wait
        |(?:drop|stop|pop|come|swing) (?:by|in)|as usual|as normal|no longer asks?|no longer requires?
    """,
    "FREE": """
        free of (?:any )?charge|for free|at no (?:extra |additional |further )?(?:cost|charge|fee)
        |no (?:\\w+ )?(?:cost
        |tolls?|costs|charge|charges|fee|fees|surcharge)|without (?:\\w+ )?(?:cost|costs|charge
        |charges|fee
        |fees|surcharge
        |paying)|costs? nothing|nothing to pay|on the house|on us|not (?:be )?(?:charged|billed)
        |don't (?:charge|have to pay|pay|cost)|do not (?:charge|have to pay|pay|cost)|doesn't cost
        |does not cost
        |won't (?:be charged|cost|pay)|never charge|not charge|we cover|pays? nothing|in the price
        |part of the price
        |part of (?:the|your|our|every|each) \\w+|in the (?:box|set|kit|packaging)
        |comes? with (?:the|your|every|each|all)|same price|nothing extra
        |for nothing|(?:won't|doesn't|does not|don't) cost (?:you )?(?:anything|a (?:cent|penny|thing))
        |(?:nobody|no one|don't|doesn't|needn't|never) pays?|not a (?:cent|penny)|in free
        |in the fee|in the rate|not cost|already covered|as standard
    """,
    "NOTIN": """
        not (?:\\w+ )?covered|not part of|(?:isn't|aren't) (?:covered|part)
    """,
    "PAID": """
        (?:regular|usual|normal|standard|full|ordinary|same)(?: [\\w'-]+){0,2} (?:prices?|rates?
        |fares?|fees?
        |charges?|tariffs?|tickets?)(?: of [^.;,]{1,30})? (?:still )?appl(?:y|ies)
        |[$€£] ?\\d[\\d.,]{0,20}
        |(?:is|are) due|we ask for [^.;,]{0,12}\\d|triggers?
        |\\d[\\d.,]{0,20} ?(?:euros?|cents?|dollars?|pounds?|eur|usd|gbp|pence)|at (?:an? )?(?:extra
        |additional) (?:cost|charge|fee)|for (?:an? )?(?:extra|additional|small) (?:cost|charge
        |fee)|not (?:\\w+ )?(?:free|included)|sold separately|isn't (?:free
        |included)|aren't (?:free|included)|(?:bought|billed|ordered|booked|charged|paid) separately
        |comes? on top|on top of|at your own (?:cost|expense)|bear the cost|out of your own pocket
        |don't include
        |doesn't include|do not include|does not include|an? (?:extra|additional) (?:cost|charge|fee)
    """,
    "book": "(?:book|reserve) a (?:table|seat|place)",
    "offline": "without (?:an? |any )?(?:internet|network|web|data)"
               "(?: connection| access)?|no internet (?:connection )?(?:is )?(?:needed"
               "|required|necessary)",
    "online": "(?:needs?|requires?) (?:an? |the )?connection"
              "|internet (?:connection |access )?(?:is )?(?:required|needed|necessary)"
              "|(?:needs?|requires?) (?:an? |the )?(?:internet"
              "|network|data)(?: connection| access)?",
    "checkin": "check(?:ing)? in|check-in",
    "checkout": "check(?:ing)? out|check-out",
    "signup": "sign(?:ing|ed)? up",
    "login": "log(?:ging|ged)? in(?:to)?|log-in|sign(?:ing|ed)? in(?:to)?",
    "collect": "pick(?:ing|ed)? up|pick-up",
    "submit": "hand(?:ing|ed)? in|turn(?:ing|ed)? in|hand-in",
    "approve": "sign(?:s|ing|ed)? off(?: on)?",
    "return": "(?:send|bring|give|take|sent|brought|gave|given|taken)(?:s|ing)? (?:\\w+ )?back",
    "refund": "money back|money-back",
    "postpone": "put(?:s|ting)? off|push(?:es|ed|ing)? back",
    "remove": "take (?:it|them|(?:the|your) (?:\\w+ ){1,2}?)(?:out|off)(?! of)"
              "|take (?:out|off) (?:the|your)",
    "minimum": "at least|no less than|minimal",
    "maximum": "at most|no more than|upper limit|up to",
    "remote": "from home|work(?:ing)? from home|home office|home-office|telework(?:ing)?|remotely",
    "abroad": "foreign countr(?:y|ies)|other countr(?:y|ies)|outside the country|internationally"
              "|overseas",
    "fulltime": "full[- ]time",
    "parttime": "part[- ]time",
    "always": "around the clock|round the clock|24/7|day and night|at any time|at all hours|any time"
              "|24 hours a day|seven days a week",
}  # fmt: skip

# Words of one line name one thing in a question; the first names them all.
CONCEPTS = """
    buy purchase acquire | book reserve reservation booking reservations | cost price fee charge rate
    tariff expense | deliver ship delivery shipping shipment dispatch courier postage |
    year yearly annual annually | week weekly | month monthly | parcel package packet |
    abroad international internationally overseas foreign | cancel cancellation call-off annul terminate
    termination | return returnable | refund reimburse reimbursement repay refundable moneyback
    | warranty
    guarantee warranties | dog pet animal pets dogs | kid child children kids toddler youngster |
    photo picture photograph image snapshot | bike bicycle cycle | car vehicle automobile | phone mobile
    smartphone telephone cellphone | mail email e-mail | laptop notebook computer
    | holiday vacation leave
    | salary wage payroll | staff employee worker colleague personnel | boss manager supervisor |
    doctor physician gp | medicine drug medication tablet pill | meal food eat dish dine | breakfast |
    wifi wireless wlan internet | password passcode passphrase | account profile
    | delete remove erase wipe
    | change modify edit alter amend update adjust | extend extension prolong renew renewal | begin start
    commence kick-off onset found founded establish established foundation
    | end finish stop conclude expire expiry over | close shut closing closure | open opening visit
    visiting | child-proof childproof | doc document paper papers paperwork
    | application apply
    applicant | exam examination test | course class lesson training seminar workshop
    | teacher instructor
    trainer tutor | student pupil learner | discount reduction reduced rebate concession | voucher coupon
    code | gift present | ticket tickets | seat place spot | table | room chamber | flat apartment
    | house
    home | rent lease rental hire | landlord owner | tenant renter | deposit | insurance insured insure
    coverage | repair fix mend | broken damaged faulty defective | replace replacement exchange swap |
    install installation setup | backup backups | store save keep storage retain retention stored |
    encrypt encrypted encryption | security secure | offline | online web
    | app application program software | website
    site webpage | safe harmless | dangerous unsafe hazardous harmful | allow permit permission permitted
    allowed let permissible allowable | need require required necessary necessity requirement must
    needed |
    mandatory compulsory obligatory | smoke smoking cigarette | park parking garage | luggage baggage
    suitcase bag | wash washing launder laundry washable | clean cleaning | garden yard | pool swim
    swimming | gym fitness | restroom toilet bathroom wc loo | disabled wheelchair accessible step-free |
    vegan plant-based | vegetarian meatless | overnight night | send forward | receive | contact reach
    | support help assist assistance helpdesk | complaint complain | hour hours | speed fast quick |
    distance far | weight weigh heavy | size big large dimension | height tall high | depth deep |
    temperature hot warm degree | colour color | language languages | warm heated heating heat |
    transfer transferable | share sharing shared | download downloadable | upload | print printing |
    pay payment paid | cash coins | card credit-card | cheque check | invoice bill | instalment
    installment | salary | overtime | guest visitor visitors guests | member membership | join joining
    | leave quit resign | freeze frozen freezer | cook bake | fridge refrigerator refrigerate | water |
    drink drinkable potable | recycle recyclable recycling | rubbish trash waste garbage bin | plant |
    deadline due | approve approval authorise authorize approved | decide decision | own ownership |
     build built construct | invent inventor | write
    author written | edit | film movie | train railway | bus coach | plane flight fly
    | trip journey travel
    tour excursion | museum exhibition | library | shop store-front boutique | office
    premises | meeting meet | event function | interview | report reporting | probation trial | notice |
    sick ill sickness illness | transferable | warranty | compatible compatibility | waterproof
    water-resistant watertight | charger charging recharge | battery batteries | screen display | stairs
    staircase | lift elevator | bring take-along | wear wearing worn | dress clothes clothing attire |
    jewellery jewelry | prescription | vaccinate vaccination vaccine jab shot inoculation | pregnant
    pregnancy | allergy allergic allergen | gluten gluten-free | alcohol alcoholic | monday mondays |
    tuesday tuesdays | wednesday wednesdays | thursday thursdays | friday fridays | saturday saturdays |
    sunday sundays | weekend weekends | frequent frequently often frequency | vat tax |
    error mistake fault bug problem issue | fail flunk | math maths mathematics
    | name call called title |
    programme program scheme plan | scooter escooter e-scooter | check see look track view
    | status progress
    | wait waiting | donate donation give-blood | loyalty bonus rewards | version release edition build |
    newest latest current recent | lost lose missing stolen | report declare | human real person |
    unused leftover remaining | campsite camping pitch | electric electrical | nut | late overdue delayed
    delay | homework assignment | branch outlet | replace replacement | daily day | withdraw withdrawal |
    atm cash-machine | limit cap restriction maximum most | registration register enrol enroll enrolment
    signup | visa | tourist tourism | passport | update upgrade updating | earth planet | reason cause |
    teach taught | large | location located address | near close-by nearby | spicy hot-food | age old |
    capital | speak spoken speech talk | understand understood | learn study studying | job work
    employment | career | hire recruit | fire dismiss dismissal | city town | country nation | sea ocean
    beach | street road | bank | loan credit mortgage | interest | debt | bill | electricity power
    | gas |
    heating | leak leaking | noise noisy loud | quiet silent | neighbour neighbor | light lamp bulb |
    window | door | key keys | camera video | music song | picture | game | team | player
    | winner win won
    | born birth birthday | die died death | marry married wedding | sugar sugary | fat
    | calorie calories |
    diet | weight | sport sports exercise workout training-session | run running jog | walk walking hike
    hiking | sleep asleep | tired | pain ache hurt | headache | fever temperature | cough cold flu |
    stain spot mark | remove | grow growing | soil | fertilise fertilize fertiliser | prune trim cut |
    sow | harvest | watering | oven | boil boiled boiling | fry fried | egg eggs | meat | fish salmon |
    bread dough | coffee espresso | tea | beer wine alcohol | milk dairy | cheese | fruit | vegetable |
    rice | potato | salt | oil | butter | cup mug | plate | knife | pan pot | dishwasher | microwave |
    charge charging recharge charger | plug socket outlet | wire cable cord | router modem | server |
    port | browser | tab | file files | folder directory | attach attachment | message messages text |
    notification alert | block ban | mute | group | chat | photo | video | post publish published |
    comment | like | follow | subscribe subscription | trial | premium | invoice receipt | serial |
    model | engine motor | tyre tire wheel | fuel petrol gasoline diesel | licence license permit |
    speed | lane | fine penalty | police | court | law legal | contract agreement | sign signature |
    pushchair stroller buggy pram | trousers pants | rubbish trash garbage waste | torch flashlight |
    biscuit cookie | nappy diaper | tap faucet | fridge refrigerator | underground subway metro tube |
    pavement sidewalk | motorway highway freeway | lorry truck | postcode zip zipcode | timetable
    schedule | headphones earphones earbuds | sofa couch | jumper sweater pullover | trainers sneakers |
    pharmacy chemist drugstore | courgette zucchini | aubergine eggplant | coriander cilantro | prawn
    shrimp | hoover vacuum | bathroom toilet restroom loo wc | lawyer attorney solicitor |
    football soccer | identity id | another different | cinema movie-theater | autumn fall |
    rubber eraser |
    copy photocopy | original | scan | stamp | post-office postal postage | letter | form | queue
"""

# What a question loses besides courtesy: verbs and nouns that say no more than that something is the
# case.
LIGHT = frozenset(
    """
    use using usable used work works function get have make come take offer provide give go put do run
    possible able possibility option chance way ok okay fine alright permitted allow permit need require
    must should available accept supply exist find want like long much many time there one someone
    anybody
    somebody anyone person people everybody everyone user customer client always ever still even here
    within
    company firm organisation organization business team currently normally usually typically
    generally actually already own self each every any all please part sort kind type thing else amount
    number
    include contain serve let know say mean happen hold during once when while under per into out up off
    last next time count total whole given set as if or not no be been being than then too both either
    really
    permissible necessary mandatory compulsory obligatory obliged eligible entitle right might me their
    his her
    look see behind name named called taken took given gave got went gone done made came held kept
    myself yourself themselves ours yours
    something anything nothing everything somehow
    valid mine my he she him them they s t re ve ll m d
    truly precisely exactly simply
    wirklich überhaupt tatsächlich genau eigentlich denn mal vraiment exactement réellement donc
    realmente exactamente verdaderamente echt eigenlijk precies werkelijk davvero veramente esattamente
    mesmo exatamente naprawdę właściwie dokładnie
    """.split()  # noqa: SIM905 - a list of words reads best as one
)

# Claims with two sides: words that take the one, and words that take the other, as they are written.
AXES = {
    "may": (
        """
        MAY sure certainly absolutely definitely gladly welcome allowed permitted possible fine okay ok
        accept accepts accepted accepting allow allows permit permits can may able available supported
        supports
        support offer offers offered eligible entitled enabled lets happily works work provide provides
        provided supplied have has get gets included includes comes yes yep yeah simply just anytime
        always
        everyone anyone everybody anybody include
        """,
        """
        MAYNOT NOTIN forbidden prohibited prohibit prohibits banned ban bans disallowed impossible unable
        unavailable
        unsupported refuse refuses refused decline declines declined reject rejects rejected ineligible
        excluded
        excludes discontinued barred blocked disabled unfortunately sadly lacks lack missing no nope
        instead dropped drop locked towed fined nowhere lapse lapses non-refundable non-transferable
        never illegal unlawful denied strictly forfeited forfeit
        """,
    ),
    "must": (
        """
        MUST must required requires require mandatory compulsory obligatory necessary essential need
        needs
        needed obliged indispensable vital crucial always yes
        """,
        "NEEDNOT optional voluntary unnecessary superfluous no nope never recommended",
    ),
    "free": (
        """
        FREE free complimentary gratis included includes include including covered inclusive standard
        supplied
        """,
        """
        PAID NOTIN extra separately surcharge additional charged charge charges costs cost fee fees pay
        paid paying payable price priced billed excluded excludes chargeable supplement
        """,
    ),
}

# Words that exclude each other where two answers speak of one matter: two sides, whatever was asked.
OPPOSITES = """
    open opens opened : closed closes close shut shuts shuttered | before beforehand prior : after
    afterwards | always : never | inside indoors indoor : outside outdoors outdoor | included
    includes including include : excluded excludes excluding exclude separately | online : offline
    in-person | increase increases increased rise rises rose grow grows grew higher raise raised :
    decrease decreases decreased fall falls fell shrink lower drop drops dropped reduce reduced |
    safe harmless : unsafe dangerous harmful hazardous toxic poisonous | required mandatory compulsory
    obligatory : optional voluntary | free complimentary gratis : paid chargeable | allowed permitted
    legal : forbidden prohibited banned illegal | hot warm heated : cold cool unheated chilled | early
    earlier : late later | morning : evening afternoon | day daytime : night nighttime
    | public : private confidential | permanent permanently forever : temporary temporarily | manual
    manually : automatic automatically | empty : full | wet damp moist : dry | raw uncooked : cooked |
    left : right | top upper : bottom |
    minimum : maximum | strong : weak | firm : soft  |
    easy : difficult hard | full-time : part-time | enabled active activated : disabled
    inactive deactivated | accept accepts accepted approve : reject rejects rejected refuse refuses
    refused decline | paid : unpaid | encrypted : unencrypted plain | transferable : non-transferable |
    refundable : non-refundable | waterproof : water-sensitive | compatible : incompatible |
    edible : inedible poisonous | true correct : false incorrect myth | legal : illegal |
    with : without | daily : weekly monthly yearly annually |
    fixed : flexible variable | unlimited endless : limited | alive living : dead |
     pass passed : fail failed | domestic : foreign abroad overseas
     | keep keeps store stores retain kept stored retained stay stays remain remains valid
     preserved : deleted erased wiped discarded
     lapse
    lapses expire expires lost gone void destroyed
    | remove removed removing : leave | single : double
    | visible : hidden invisible | vegetarian vegan : meat | sweet : sour
    bitter salty | winter : summer | sunrise : sunset | north : south | east : west
"""

# Of one line an answer names one: another is another answer.
CLASSES = """
    english german french spanish italian dutch portuguese polish turkish chinese japanese arabic
    russian danish
    swedish norwegian finnish greek hindi korean latin | dollar dollars euro euros sterling yen francs
    forint zloty krona krone kroner peso pesos rouble ruble lira yuan won real rand shekel baht
    rupees
    usd eur gbp chf | red green blue yellow white black orange purple violet pink brown grey gray
    turquoise beige |
    leather plastic wood wooden metal glass steel cotton wool aluminium silk polyester paper ceramic
    stone concrete
    bamboo rubber linen | monday tuesday wednesday thursday friday saturday sunday
    | morning noon afternoon evening
    night midnight | spring summer autumn winter | january february april june july august september
    october
    november december | north south east west | mercury venus mars jupiter saturn uranus neptune
    | oxygen nitrogen
    hydrogen helium carbon | heart liver kidney lung brain skin | cat dog horse cow sheep pig
    | mother father sister
    brother uncle aunt | gold silver copper iron bronze | windows macos linux
    | python java rust javascript |
    left right middle | liquid solid gas | breakfast lunch dinner
"""

# Who may do or decide something, and where something may be: what a question of who or where asks for.
ROLES = frozenset(
    """
    manager supervisor boss director ceo cfo cto president chair chairman head leader team department
    hr finance accounting payroll marketing sales helpdesk reception receptionist secretary
    caretaker janitor landlord tenant owner buyer seller customer sender recipient employer employee
    driver
    pilot doctor nurse pharmacist dentist vet teacher headteacher tutor parent parents trainer coach
    insurer insurance bank government city council state mayor police volunteer volunteers committee
    board
    admin administrator moderator engineer technician plumber electrician contractor supplier
    manufacturer
    shop courier carrier host guest member members everyone anyone nobody user dispatcher librarian
    colleague staff security guard editor author chef cook cleaner company agency court judge
    """.split()  # noqa: SIM905
)
PLACES = frozenset(
    """
    desk counter reception lobby entrance exit gate basement cellar attic roof floor hall hallway
    corridor
    kitchen canteen cafeteria office room garage yard garden shed locker cupboard cabinet drawer shelf
    fridge
    freezer website app settings portal intranet dashboard menu account profile inbox library shop store
    kiosk warehouse station airport platform car-park stairs lift elevator terminal building wing museum
    bridge river square park centre harbour beach hospital clinic pharmacy school gym pool courtyard
    cloakroom foyer bathroom bedroom balcony terrace bin mailbox letterbox pantry glovebox
    town-hall townhall post bakery bank machine vending
    """.split()  # noqa: SIM905
)

# Words of one line exclude each other.
EXCLUSIVE = """
    monday tuesday wednesday thursday friday saturday sunday | january february march april may june
    july august september october november december | red green blue yellow white black orange
    purple violet pink brown grey silver gold turquoise amber | north south east west | left right |
    top bottom | front back | up down | before after | inside outside | open closed | on off | free
    paid | always never | all none | everything nothing | included excluded | allowed forbidden
    prohibited banned | possible impossible | required optional | valid invalid | safe unsafe |
    available unavailable | enabled disabled | active inactive | true false | more less |
    first last | minimum maximum | earlier later | increase decrease | weekly daily monthly yearly
    hourly annually quarterly | morning afternoon evening night noon midnight | online offline |
    public private | hot cold warm | euro dollar pound yen franc | leather plastic wood metal glass
    steel cotton wool aluminium | small medium large | single double triple | spring summer autumn
    winter | cheaper dearer | accept refuse reject | supported unsupported | works fails | with
    without | am pm
"""
# Words of one line say the same, as far as an answer is concerned.
SAME = """
    buy purchase order get | send ship mail deliver dispatch | receive get obtain | need require
    must | can may could | fast quick quickly rapid | price cost fee charge | begin start | end stop
    finish | help assist support aid | keep hold store | show display | press push tap click hit |
    choose select pick | change alter modify edit update | fix repair | big large | small little |
    also too | about approximately roughly around | just only merely | reply answer respond | call
    phone ring | make create build produce | use apply utilise utilize | see find view | open launch
    | close shut | remove delete erase | cancel end terminate | refund reimburse repay | return back
    | items goods products articles | shop store | customer client buyer | mobile cell | sign log |
    let allow permit | give provide offer grant | tell inform notify | want wish like | takes lasts
    needs | within in inside | until till | at on in by | is are was means stands comes remains |
    will shall | please kindly | simply easily | we you i they us our your the a an this that it its
    | made produced built manufactured | named called | company firm business | photo picture image
    | device appliance unit product | setting option
"""
