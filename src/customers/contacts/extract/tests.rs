use super::*;
use proptest::prelude::*;

fn found(notes: &str) -> Vec<String> {
    extract(notes).into_iter().map(|f| format!("{}: {}", f.key, f.value)).collect()
}

/// Notes as technicians write them, with the attributes that must be found in each.
#[rustfmt::skip]
const TABLE: &[(&str, &[&str])] = &[
    ("elderly woman", &["demographic: elderly woman"]),
    ("older lady w/ walker, be patient at the door", &["demographic: older lady with walker", "access: be patient at the door"]),
    ("Widow, lives alone, likes to chat / no Tuesdays (bridge club)", &["demographic: widow", "demographic: lives alone", "temperament: likes to chat", "preference_day: no Tuesdays (bridge club)"]),
    ("Retired couple, in their 80s.\nscreens only half on.\ndid in+out spring", &["demographic: retired couple", "demographic: in their 80s", "property: half screens", "scope: did in+out spring"]),
    ("retired teacher - asks lots of questions", &["demographic: retired teacher", "temperament: asks lots of questions"]),
    ("army family, pcs next summer", &["demographic: army family", "demographic: moves away next summer (PCS)"]),
    ("family with three kids, new baby", &["demographic: family with three kids", "demographic: new baby"]),
    ("Property manager, invoices to office - skylights x3 - outs only this time", &["demographic: property manager", "billing: invoices to office", "property: skylights x3", "scope: outs only this time"]),
    ("realtor, wants it done before showings", &["demographic: realtor", "scope: done before showings"]),
    ("snowbirds, gone Jan-Mar", &["demographic: snowbirds", "season: away Jan-Mar"]),
    ("works nights, don't ring before noon", &["demographic: works nights", "preference_time: not before noon"]),
    ("Hard of hearing", &["demographic: hard of hearing"]),
    ("young couple, very nice", &["demographic: young couple", "temperament: very nice"]),
    ("Dog named Biscuit, keep gate closed", &["pet: dog (Biscuit)", "access: keep gate closed"]),
    ("dog Tank will jump fence!!", &["pet: dog (Tank)", "pet_note: will jump fence"]),
    ("2 dogs (Max & Ruby), crated", &["pet: 2 dogs (Max & Ruby)", "pet_note: crated"]),
    ("small dog Coco barks but friendly", &["pet: small dog (Coco)", "pet_note: barks but friendly"]),
    ("German shepherd in back yard", &["pet: dog (german shepherd) in back yard"]),
    ("3 cats indoors", &["pet: 3 cats indoors"]),
    ("Cat - do NOT let out front door", &["pet: cat", "access: do not let pets out front door"]),
    ("cat called whiskers. mean dog", &["pet: cat (whiskers)", "pet: mean dog"]),
    ("no dogs, no pets", &["pet: none"]),
    ("20+ screens", &["property_screen_count: 20+"]),
    ("about 35 screens, 4 stuck", &["property_screen_count: ~35", "hazard: 4 windows stuck"]),
    ("complex sill on 2nd story", &["property: complex sill on 2nd story"]),
    ("3 stories in back (walkout basement)", &["property: 3 story in back walkout basement"]),
    ("french panes throughout ~60", &["property: french panes throughout ~60"]),
    ("storm windows take double time, tilt-in windows", &["property: storm windows take double time", "property: tilt-in windows"]),
    ("sunroom 14 windows", &["property_window_count: 14 in sunroom"]),
    ("solar screens south side; gutters full on north side", &["property: solar screens south side", "property: gutters full on north side"]),
    ("new construction, paint specks on glass", &["property: new construction", "hazard: paint specks on glass"]),
    ("hard water stains on patio doors", &["hazard: hard water stains on patio doors"]),
    ("needs 32ft ladder for foyer window", &["equipment: 32 ft ladder for foyer window"]),
    ("bring extension ladder, park on street", &["equipment: extension ladder", "access: park on street"]),
    ("gate code #1037", &["access_code: gate code 1037"]),
    ("gated, code 1098", &["access: gated", "access_code: code 1098"]),
    ("lockbox 1019 on side door", &["access_code: lockbox code 1019 on side door"]),
    ("gate code 4411#", &["access_code: gate code 4411#"]),
    ("garage code is 2580, alarm pin: 9911", &["access_code: garage code 2580", "access_code: alarm code 9911"]),
    ("prefers mornings / Fridays best", &["preference_time: mornings", "preference_day: Fridays best"]),
    ("afternoons only, call first \"call after 5\"", &["preference_time: afternoons only", "preference_contact: call first", "preference_time: after 5"]),
    ("text don't call - always reschedule if rain", &["preference_contact: text don't call", "preference_day: reschedule if rain"]),
    ("wants reminder the day before, wants same tech (Dale)", &["preference_contact: reminder the day before", "preference_technician: same technician (Dale)"]),
    ("pays by check, leaves check under mat", &["billing: pays by check", "billing: leaves check under mat"]),
    ("invoice to husband's email. pays cash", &["billing: invoices to husband's email", "billing: pays by cash"]),
    ("cc on file declined once; tipped well", &["billing: card declined once", "billing: tipped well"]),
    ("quoted $410 for in/out, price went up last yr", &["billing: quoted $410 for in/out", "billing: price went up last yr"]),
    ("ins every other visit. wants screens next time", &["scope: ins every other visit", "scope: wants screens next time"]),
    ("referred by neighbor; found us on Nextdoor", &["referral: referred by neighbor", "referral: found us on Nextdoor"]),
    ("ask about gutters in the fall, ask about senior discount", &["season: ask about gutters in fall", "billing: ask about senior discount"]),
    ("cancelled twice, complained a bit, waitlist for earlier if anything opens", &["history: cancelled twice", "history: complained a bit", "history: waitlist for earlier"]),
    ("NEEDS 32FT LADDER FOR FOYER WINDOW - DOG NAMED BISCUIT, KEEP GATE CLOSED", &["equipment: 32 ft ladder for foyer window", "pet: dog (Biscuit)", "access: keep gate closed"]),
    ("engineer, easy", &["demographic: engineer", "temperament: easy"]),
    ("Key under the mat. Shoes off. Wasps nest by porch", &["access: key under mat", "access: shoes off", "hazard: wasps nest"]),
    ("use wfp, two skylights", &["equipment: wfp", "property: two skylights"]),
];

#[test]
fn finds_what_technicians_write() {
    assert!(TABLE.len() >= 40);
    let mut wrong = Vec::new();
    for (notes, wanted) in TABLE {
        let got = found(notes);
        for want in *wanted {
            if !got.iter().any(|g| g == want) {
                wrong.push(format!("{notes:?}: wanted {want:?}, got {got:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_key_is_a_known_one_and_words_say_so() {
    for (notes, _) in TABLE {
        for f in extract(notes) {
            assert!(KEYS.contains(&f.key.as_str()), "{}", f.key);
            assert!(!notes[f.words].trim().is_empty());
        }
    }
}

#[test]
fn nothing_in_a_shopping_list() {
    for notes in ["", "   ", "ok", "Milk, eggs, 12 oz of coffee", "[REDACTED]", "not elderly woman"] {
        assert_eq!(found(notes), Vec::<String>::new(), "{notes}");
    }
}

#[test]
fn each_key_and_value_once() {
    let got = found("dog named Biscuit. Dog named Biscuit! dog named biscuit");
    assert_eq!(got, ["pet: dog (Biscuit)"]);
}

proptest! {
    #[test]
    fn never_panics_and_ranges_are_valid(notes in "(\\PC|dogs? |gate code |[0-9]{1,4}|screens|no |\\n|é){0,40}") {
        for f in extract(&notes) {
            prop_assert!(notes.get(f.words.clone()).is_some());
            prop_assert!(!f.value.is_empty() && f.value.chars().count() <= LONGEST);
        }
    }
}
