//! Names of the invented customers and texts of technicians' notes. No real person's data.

pub const FIRST: [&str; 48] = [
    "Adele", "Amos", "Beatrice", "Bennett", "Calvin", "Carmen", "Clara", "Curtis", "Daphne", "Delbert", "Dolores", "Earl", "Edith",
    "Elena", "Ernest", "Estelle", "Felix", "Flora", "Gideon", "Gloria", "Harold", "Hazel", "Hector", "Imogen", "Iris", "Jerome",
    "Josefina", "Julian", "Kenji", "Laverne", "Leroy", "Lorraine", "Lucille", "Marvin", "Maxine", "Mina", "Nadia", "Odell", "Opal",
    "Priya", "Quentin", "Ramona", "Roscoe", "Sylvia", "Thelma", "Vernon", "Winston", "Yolanda",
];

pub const LAST: [&str; 56] = [
    "Abernathy",
    "Albright",
    "Ashcombe",
    "Barlow",
    "Beckwith",
    "Blevins",
    "Bramwell",
    "Caldecott",
    "Carmody",
    "Castellano",
    "Chadwick",
    "Coldwell",
    "Crenshaw",
    "Dabney",
    "Delacroix",
    "Dunleavy",
    "Eastman",
    "Ellsworth",
    "Fairbanks",
    "Farrow",
    "Gallagher",
    "Garrity",
    "Goodwin",
    "Halvorsen",
    "Hathaway",
    "Holcomb",
    "Ingersoll",
    "Jeffers",
    "Kettering",
    "Kowalski",
    "Langford",
    "Lindqvist",
    "Lockhart",
    "Mabry",
    "McAllister",
    "Merriweather",
    "Nakagawa",
    "Northcutt",
    "Okafor",
    "Ostrander",
    "Pemberton",
    "Pickering",
    "Quarles",
    "Radford",
    "Ramaswamy",
    "Ridley",
    "Sandoval",
    "Shelby",
    "Stanhope",
    "Thackeray",
    "Tillman",
    "Underhill",
    "Vandiver",
    "Whitlock",
    "Wickersham",
    "Yarbrough",
];

/// Business customers: name and kind.
pub const COMPANIES: [(&str, &str); 18] = [
    ("Bluebird Bakery", "storefront"),
    ("Copper Kettle Cafe", "storefront"),
    ("Cotton Row Books", "storefront"),
    ("Dogwood Dental", "office"),
    ("Evergreen Title Company", "office"),
    ("Five Points Florist", "storefront"),
    ("Hilltop Veterinary Clinic", "office"),
    ("Juniper Lane Boutique", "storefront"),
    ("Lantern Light Yoga", "storefront"),
    ("Magnolia House Inn", "office"),
    ("Northside Hardware", "storefront"),
    ("Orchard Park Pediatrics", "office"),
    ("Paper Crane Framing", "storefront"),
    ("Riverbend Realty", "office"),
    ("Saddleback Barber Shop", "storefront"),
    ("Steeple Street Tavern", "storefront"),
    ("Sunrise Tire and Auto", "storefront"),
    ("Willow Creek HOA", "office"),
];

pub const STREETS: [&str; 30] = [
    "Applewood Ct",
    "Bellflower Dr",
    "Brambleberry Ln",
    "Brightwater Way",
    "Cedar Hollow Rd",
    "Chickadee Cir",
    "Copperleaf Dr",
    "Dovetail Ln",
    "Elderberry Ct",
    "Fernbank Dr",
    "Fiddlehead Rd",
    "Foxglove Ln",
    "Goldenrod Trl",
    "Harvest Moon Dr",
    "Honeysuckle Ln",
    "Kingfisher Cove",
    "Larkspur Ave",
    "Meadowlark Dr",
    "Mockingbird Hill Rd",
    "Moss Rock Dr",
    "Old Ferry Rd",
    "Persimmon Pl",
    "Pinecone Way",
    "Quail Run Rd",
    "Redbud Cir",
    "Shady Grove Ln",
    "Starling St",
    "Sweetgum Dr",
    "Thistledown Ct",
    "Wren Nest Rd",
];

/// Town, ZIP code, two neighbourhoods.
pub const TOWNS: [(&str, &str, [&str; 2]); 6] = [
    ("Huntsville", "35801", ["Five Points", "Jones Valley"]),
    ("Huntsville", "35803", ["Whitesburg", "Lily Flagg"]),
    ("Madison", "35758", ["Mill Creek", "Town Madison"]),
    ("Athens", "35611", ["Canebrake", "Downtown"]),
    ("Decatur", "35601", ["Old Decatur", "Point Mallard"]),
    ("Hampton Cove", "35763", ["The Reserve", "Hampton Cove"]),
];

/// Lasting facts on a household, for the first visit's note.
pub const PEOPLE: [&str; 16] = [
    "Retired teacher, asks lots of questions.",
    "Elderly woman, be patient at the door.",
    "Works nights, no mornings.",
    "Army family.",
    "Family with three kids.",
    "Works from home, text before ringing.",
    "Snowbirds, gone Jan-Mar.",
    "Widow, lives alone, likes to chat.",
    "Realtor, wants it done before showings.",
    "Retired couple, in their 80s.",
    "Hard of hearing, knock loudly.",
    "New baby, don't ring the bell.",
    "Engineer, checks every pane.",
    "Very particular about the sills.",
    "Pays same day, always tips.",
    "",
];

pub const HOUSE: [&str; 14] = [
    "2 story in back (walkout).",
    "1 story.",
    "2 story, complex sills on 2nd story.",
    "French panes throughout.",
    "Storm windows, take double time.",
    "Sunroom w/ 14 windows.",
    "Skylights x3.",
    "Screened porch, half screens.",
    "2 story, foyer window needs 24 ft ladder.",
    "Tilt-in windows.",
    "Casements, crank outs.",
    "Split level, steep driveway.",
    "Plantation shutters, careful.",
    "Stained glass by the door, hand wash.",
];

pub const PETS: [&str; 12] = [
    "Dog Biscuit (lab), friendly.",
    "Cat named Olive, don't let her out.",
    "Two small dogs, bark a lot.",
    "German shepherd in back yard, owner puts him up.",
    "Dog will jump fence, keep gate closed.",
    "No pets.",
    "Parrot in the kitchen.",
    "Beagle named Otis, crated.",
    "3 cats indoors.",
    "",
    "",
    "",
];

pub const WATCH: [&str; 12] = [
    "Hard water stains on north side.",
    "Wasps nest by garage.",
    "Paint specks on glass, scraped what I could.",
    "2 windows painted shut.",
    "Foggy glass upstairs bath, told her seal is gone.",
    "Gutters full on the north side.",
    "Torn screen in guest room.",
    "Sprinklers hit the den windows.",
    "Poison ivy by the AC.",
    "",
    "",
    "",
];

pub const ACCESS: [&str; 10] = [
    "Gate code 4411#.",
    "Key under mat.",
    "Garage code 2580.",
    "Go around back.",
    "Park on street.",
    "Spigot on left side of house.",
    "Gated community, call from the gate.",
    "Side gate sticks.",
    "",
    "",
];

/// Texts of a later visit's note.
pub const DONE: [&str; 16] = [
    "In and out, all good. She was happy.",
    "Outs only this time.",
    "Did screens and tracks too.",
    "Back windows very dirty from the pollen, took longer.",
    "Rain started at the end, will recheck the front next time.",
    "Same as last time.",
    "Cobwebs under the eaves, knocked them down.",
    "He asked about gutters for fall.",
    "Used razor on the kitchen, construction dust.",
    "Wants us back before the holidays.",
    "Neighbor across the street wants a quote.",
    "Quick one, an hour and a half.",
    "Left invoice with his wife.",
    "Used the water-fed pole for the gable.",
    "Skipped the guest room, baby asleep.",
    "Prefers fridays.",
];

pub const WISHES: [&str; 3] =
    ["Could we do any weekday after 2 pm?", "Out of town that day, the week after is fine.", "Mornings are better for us."];
pub const CANCELLED: [&str; 5] =
    ["Rain", "Customer sick", "Nobody home", "Customer cancelled, out of town", "Truck broke down, rescheduled"];

/// Formats a phone number in one of four common styles.
pub fn typed_phone(style: usize, area: i64, last: i64) -> String {
    match style % 4 {
        0 => format!("({area}) 555-{last:04}"),
        1 => format!("{area}-555-{last:04}"),
        2 => format!("{area}.555.{last:04}"),
        _ => format!("{area}555{last:04}"),
    }
}

/// The office's instructions for a visit; half of them empty.
pub const INSTRUCTIONS: [&str; 6] = [
    "",
    "",
    "Call 10 minutes ahead.",
    "Walk around the house with her first, she wants to show us something.",
    "",
    "Bring the 24 ft ladder.",
];
