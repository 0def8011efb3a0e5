//! Scores how alike two contacts are. Duplicates are proposed, never merged automatically:
//! a shared phone (a couple, a property manager) is not proof.

use platform::text;
use std::collections::HashMap;

/// The fields that two contacts are compared by; emails in lower case, phones in E.164.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Person {
    pub first_name: String,
    pub last_name: String,
    pub company: String,
    pub emails: Vec<String>,
    pub phones: Vec<String>,
    pub street: String,
}

/// The result of comparing two contacts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Likeness {
    /// 0 to 100; a pair is proposed from `WORTH_A_LOOK` on.
    pub score: u8,
    /// Shown to the person who decides: "same email", "same phone".
    pub reasons: Vec<&'static str>,
}

/// The lowest score at which a pair is proposed as duplicates.
pub const WORTH_A_LOOK: u8 = 60;

impl Likeness {
    /// Whether to ask before a second contact is created: both share an email, a phone, or name and street.
    pub fn is_telling(&self) -> bool {
        let has = |reason: &str| self.reasons.iter().any(|r| r.starts_with(reason));
        has("same email") || has("same phone") || (has("same name") && has("same street"))
    }

    /// Returns the reasons as one phrase: "Same phone, similar name".
    pub fn words(&self) -> String {
        let words = self.reasons.join(", ");
        let mut letters = words.chars();
        letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
    }
}

/// Compares two contacts; returns `None` if the score is below `WORTH_A_LOOK`.
pub fn duplicate_score(a: &Person, b: &Person) -> Option<Likeness> {
    Some(compare(a, b)).filter(|l| l.score >= WORTH_A_LOOK)
}

/// Compares two contacts and returns the score, however low, with its reasons.
pub fn compare(a: &Person, b: &Person) -> Likeness {
    let mut reasons: Vec<(u8, &'static str)> = Vec::new();
    let shares = |x: &[String], y: &[String]| x.iter().any(|one| y.contains(one));
    let same_email = shares(&a.emails, &b.emails);
    if same_email {
        reasons.push((60, "same email"));
    }
    if shares(&a.phones, &b.phones) {
        reasons.push((35, "same phone"));
    }
    if !a.street.is_empty() && street_key(&a.street) == street_key(&b.street) {
        let surname = text::fold(&a.last_name);
        reasons.push(if !surname.is_empty() && surname == text::fold(&b.last_name) {
            (40, "same street and surname")
        } else {
            (15, "same street")
        });
    }
    let mut against = 0;
    match name_likeness(a, b) {
        Names::Same => reasons.push((30, "same name")),
        Names::Alike => reasons.push((25, "similar name")),
        // Couples share phones and streets but rarely an email, so a different name counts only without a shared email.
        Names::Different if !same_email => against = 25,
        Names::Different | Names::Unknown => {}
    }
    let company = text::fold(&a.company);
    if !company.is_empty() && company == text::fold(&b.company) {
        reasons.push((20, "same company"));
    }
    let points: u8 = reasons.iter().map(|(points, _)| points).sum();
    let score = points.saturating_sub(against).min(100);
    Likeness { score, reasons: reasons.into_iter().map(|(_, reason)| reason).collect() }
}

/// Returns all pairs to propose as indexes into `people`, highest score first. Compares only contacts that share an email, phone or street.
pub fn propose(people: &[Person]) -> Vec<(usize, usize, Likeness)> {
    let mut buckets: HashMap<String, Vec<usize>> = HashMap::new();
    for (i, person) in people.iter().enumerate() {
        let street = Some(street_key(&person.street)).filter(|s| !s.is_empty());
        for key in person.emails.iter().chain(&person.phones).cloned().chain(street) {
            let bucket = buckets.entry(key).or_default();
            if bucket.last() != Some(&i) {
                bucket.push(i);
            }
        }
    }
    let mut pairs: Vec<(usize, usize)> = buckets
        .into_values()
        // A value shared by more than 30 contacts (an office's phone, a tower's street) is no evidence.
        .filter(|bucket| bucket.len() <= 30)
        .flat_map(|bucket| {
            let pair = |(n, &i): (usize, &usize)| bucket[n + 1..].iter().map(move |&j| (i, j)).collect::<Vec<_>>();
            bucket.iter().enumerate().flat_map(pair).collect::<Vec<_>>()
        })
        .collect();
    pairs.sort_unstable();
    pairs.dedup();
    let mut found: Vec<_> = pairs.into_iter().filter_map(|(i, j)| Some((i, j, duplicate_score(&people[i], &people[j])?))).collect();
    found.sort_by_key(|(i, j, likeness)| (u8::MAX - likeness.score, *i, *j));
    found
}

enum Names {
    Same,
    Alike,
    Different,
    Unknown,
}

fn name_likeness(a: &Person, b: &Person) -> Names {
    let key = |p: &Person| (text::fold(p.first_name.trim()), text::fold(p.last_name.trim()));
    let ((first_a, last_a), (first_b, last_b)) = (key(a), key(b));
    if (first_a.is_empty() && last_a.is_empty()) || (first_b.is_empty() && last_b.is_empty()) {
        return Names::Unknown;
    }
    if (&first_a, &last_a) == (&first_b, &last_b) || (&first_a, &last_a) == (&last_b, &first_b) {
        return Names::Same;
    }
    let near_last = last_a.is_empty() || last_b.is_empty() || distance(&last_a, &last_b) <= 1;
    let initial = |x: &str, y: &str| {
        let x = x.trim_end_matches('.');
        x.chars().count() == 1 && y.starts_with(x)
    };
    let near_first = first_a.is_empty()
        || first_b.is_empty()
        || distance(&first_a, &first_b) <= usize::from(first_a.len() > 3)
        || initial(&first_a, &first_b)
        || initial(&first_b, &first_a)
        || (first_a.len().min(first_b.len()) >= 3 && (first_a.starts_with(&first_b) || first_b.starts_with(&first_a)));
    if near_last && near_first { Names::Alike } else { Names::Different }
}

/// Whether name or email say that two contacts are different people, though they share a phone: another name, or emails of which none is
/// the same. What is not known says nothing.
pub fn says_otherwise(a: &Person, b: &Person) -> bool {
    let other_email = !a.emails.is_empty() && !b.emails.is_empty() && !a.emails.iter().any(|e| b.emails.contains(e));
    matches!(name_likeness(a, b), Names::Different) || other_email
}

/// Normalises a street for comparison: `8798 Governors Drive SW` and `8798 governors dr. sw` give the same key.
pub fn street_key(street: &str) -> String {
    let folded = text::fold(street).replace(['.', ','], " ");
    let words = folded.split_whitespace().map(|word| match word {
        "street" => "st",
        "drive" => "dr",
        "road" => "rd",
        "avenue" => "ave",
        "lane" => "ln",
        "court" => "ct",
        "circle" => "cir",
        "boulevard" => "blvd",
        "place" => "pl",
        "trail" => "trl",
        "highway" => "hwy",
        "north" => "n",
        "south" => "s",
        "east" => "e",
        "west" => "w",
        "southwest" => "sw",
        "southeast" => "se",
        "northwest" => "nw",
        "northeast" => "ne",
        word => word,
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Returns the Levenshtein distance of two words.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let changed = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(first: &str, last: &str, email: &str, phone: &str, street: &str) -> Person {
        let list = |s: &str| if s.is_empty() { vec![] } else { vec![s.to_owned()] };
        Person {
            first_name: first.into(),
            last_name: last.into(),
            company: String::new(),
            emails: list(email),
            phones: list(phone),
            street: street.into(),
        }
    }

    #[test]
    fn twins_are_proposed_and_a_shared_phone_is_no_proof() {
        let p = person("Zoë", "Holden", "z@x.co", "+12566887695", "8798 Governors Dr SW");
        let score = |q: &Person| duplicate_score(&p, q).map(|l| l.score);
        assert_eq!(score(&p), Some(100));
        assert!(score(&person("Zoe", "Holden", "", "+12566887695", "")).is_some(), "same phone, same name");
        assert!(score(&person("Z", "Holden", "", "+12566887695", "")).is_some(), "initial");
        assert!(score(&person("", "", "z@x.co", "", "")).is_some(), "same email");
        assert!(score(&person("Zoe", "Holdin", "", "", "8798 Governors Drive Southwest")).is_none(), "a street and a like name");
        assert!(score(&person("Zoe", "Holden", "", "", "8798 governors drive southwest")).is_some());
        assert_eq!(score(&person("Mark", "Holden", "", "+12566887695", "")), None, "a couple");
        assert_eq!(score(&person("", "", "", "+12566887695", "")), None, "a property manager's phone");
        assert_eq!(score(&person("Zoe", "Holden", "", "", "")), None, "a namesake");
    }

    #[test]
    fn pairs_come_best_first() {
        let people = [
            person("Ann", "Lee", "a@x.co", "", ""),
            person("Bob", "Fox", "", "+12566887695", ""),
            person("Ann", "Lee", "a@x.co", "", ""),
            person("Bobby", "Fox", "", "+12566887695", ""),
        ];
        let found = propose(&people);
        let pairs: Vec<_> = found.iter().map(|(i, j, _)| (*i, *j)).collect();
        assert_eq!(pairs, [(0, 2), (1, 3)]);
    }
}
