//! The demo's customers and catalogue.

use chrono::{DateTime, Duration, Utc};
use rust_decimal::Decimal;
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Team, dice::Dice, rows::Rows, words};
use customers::contacts::personal::{EmailInput, PhoneInput, check_emails, check_phones};
use platform::{
    error::{FieldErrors, Result},
    ids::{AddressId, ConsentId, ContactId, EmailId, PhoneId, ServiceId, TaxRateId},
};

/// Number of customers.
pub const CUSTOMERS: usize = 244;
/// The last so many customers are leads without visits.
pub const LEADS: usize = 12;

/// The data of a customer that planning visits needs.
pub struct Customer {
    pub id: ContactId,
    pub address: AddressId,
    pub name: String,
    pub email: Option<String>,
    pub windows: i64,
    pub screens: i64,
    pub is_shop: bool,
    /// Facts for the first visit's note.
    pub facts: String,
    pub consents: bool,
}

/// A service or product of the catalogue.
#[derive(Clone)]
pub struct Sold {
    pub id: ServiceId,
    pub name: &'static str,
    pub kind: &'static str,
    pub price: Option<Decimal>,
    pub minutes: i64,
    pub tax: Option<TaxRateId>,
}

pub struct Catalogue(Vec<Sold>);

impl Catalogue {
    /// The item of the row with this index in [`SOLD`].
    pub fn item(&self, what: What) -> &Sold {
        &self.0[what as usize]
    }
}

#[derive(Clone, Copy)]
pub enum What {
    Outside,
    InAndOut,
    Screens,
    Tracks,
    Skylight,
    Gutters,
    HardWater,
    Driveway,
    House,
    Storefront,
    Chandelier,
    Kit,
}

/// Name, kind, price in cents (`None` if flexible), unit, minutes, category.
#[expect(clippy::type_complexity, reason = "a table: one row a service")]
const SOLD: [(&str, &str, Option<i64>, &str, i64, &str); 12] = [
    ("Exterior Window Cleaning", "flexible", None, "", 90, "Windows"),
    ("Interior and Exterior Window Cleaning", "flexible", None, "", 150, "Windows"),
    ("Screen Cleaning", "per_unit", Some(500), "screen", 2, "Add-ons"),
    ("Track Detail", "per_unit", Some(300), "track", 2, "Add-ons"),
    ("Skylight", "per_unit", Some(1500), "skylight", 10, "Add-ons"),
    ("Gutter Cleaning", "fixed", Some(15_000), "", 90, "Gutters"),
    ("Hard Water Stain Removal", "per_unit", Some(2500), "pane", 15, "Add-ons"),
    ("Pressure Washing - Driveway", "fixed", Some(17_500), "", 120, "Pressure"),
    ("Pressure Washing - House", "flexible", None, "", 180, "Pressure"),
    ("Storefront Monthly", "fixed", Some(6500), "", 45, "Commercial"),
    ("Chandelier Dusting", "fixed", Some(4500), "", 30, "Add-ons"),
    ("Window Cleaning Kit", "product", Some(2499), "", 0, "Retail"),
];

pub fn catalogue(rows: &mut Rows, team: &Team, opened: DateTime<Utc>) -> Catalogue {
    let tax_rate = TaxRateId::new();
    let by = team.owner.actor();
    rows.add(
        "tax_rates",
        json!({ "id": tax_rate, "name": "Sales Tax", "percent": "9", "is_default": true, "created_at": opened, "created_by": by }),
    );
    let items = SOLD
        .iter()
        .enumerate()
        .map(|(i, &(name, kind, cents, unit, minutes, category))| {
            let sold = Sold {
                id: ServiceId::new(),
                name,
                kind,
                price: cents.map(|c| Decimal::new(c, 2)),
                minutes,
                tax: (kind == "product").then_some(tax_rate),
            };
            rows.add(
                "services",
                json!({ "id": sold.id, "name": name, "kind": kind, "category": category, "price": sold.price, "unit": unit,
                        "duration_minutes": minutes, "tax_rate_id": sold.tax, "source_key": format!("demo:{i}"), "created_at": opened, "created_by": by }),
            );
            sold
        })
        .collect();
    Catalogue(items)
}

/// Loads the catalogue with its present prices. Returns `None` if a visitor of the demo has removed a service or changed its kind.
pub async fn known_catalogue(db: &mut PgConnection) -> Result<Option<Catalogue>> {
    let mut items = Vec::new();
    for (i, &(name, kind, _, _, minutes, _)) in SOLD.iter().enumerate() {
        let row: Option<(ServiceId, Option<Decimal>, Option<TaxRateId>)> =
            sqlx::query_as("select id, price, tax_rate_id from services where source_key = $1 and kind = $2::service_kind")
                .bind(format!("demo:{i}"))
                .bind(kind)
                .fetch_optional(&mut *db)
                .await?;
        let Some((id, price, tax)) = row else { return Ok(None) };
        items.push(Sold { id, name, kind, price, minutes, tax });
    }
    Ok(Some(Catalogue(items)))
}

/// Loads the demo's own customers that still exist and have an address.
pub async fn known_customers(db: &mut PgConnection) -> Result<Vec<Customer>> {
    let rows: Vec<(ContactId, AddressId, String, Option<String>, bool, bool)> = sqlx::query_as(
        "select c.id, a.id, c.name, (select e.address from contact_emails e where e.contact_id = c.id order by e.position limit 1),
                'commercial' = any (c.tags), c.email_consent is distinct from false
           from contacts c
           join lateral (select x.id from addresses x where x.org_id = c.org_id and x.contact_id = c.id and x.deleted_at is null
                          order by x.is_primary desc, x.id limit 1) a on true
          where c.source_key like 'demo:%' and c.deleted_at is null
          order by c.source_key",
    )
    .fetch_all(db)
    .await?;
    let customer = |((id, address, name, email, is_shop, consents), i): (_, i64)| {
        let windows = 14 + i * 7 % 30;
        Customer { id, address, name, email, windows, screens: windows / 2, is_shop, facts: String::new(), consents }
    };
    Ok(rows.into_iter().zip(0..).map(customer).collect())
}

/// When the customer with this index became one; later indexes are newer.
pub fn since(index: usize, opened: DateTime<Utc>, now: DateTime<Utc>) -> DateTime<Utc> {
    let span = (now - opened).num_hours();
    let early = i64::try_from(index).unwrap_or_default() * span / i64::try_from(CUSTOMERS).unwrap_or(1);
    // Three in five have been customers from the beginning.
    if index % 5 < 3 && index < CUSTOMERS - LEADS { opened } else { opened + Duration::hours(early) }
}

pub fn customers(rows: &mut Rows, dice: &mut Dice, team: &Team, opened: DateTime<Utc>, now: DateTime<Utc>) -> Result<Vec<Customer>> {
    (0..CUSTOMERS).map(|i| customer(rows, dice, team, i, since(i, opened, now))).collect()
}

fn customer(rows: &mut Rows, dice: &mut Dice, team: &Team, i: usize, at: DateTime<Utc>) -> Result<Customer> {
    let company = (i % 13 == 4).then(|| words::COMPANIES.get(i / 13)).flatten();
    let (first, last) = (words::FIRST[i * 7 % words::FIRST.len()], words::LAST[(i * 11 + i / words::FIRST.len()) % words::LAST.len()]);
    let (id, address) = (ContactId::new(), AddressId::new());
    let name = company.map_or_else(|| format!("{first} {last}"), |c| c.0.to_owned());
    let by = team.owner.actor();
    let consent = if dice.chance(55) { Some(dice.chance(85)) } else { None };
    let tags: Vec<&str> = match (company, dice.chance(8)) {
        (Some(_), _) => vec!["commercial"],
        (None, true) => vec!["vip"],
        (None, false) => vec![],
    };
    rows.add(
        "contacts",
        json!({ "id": id, "is_organisation": company.is_some(), "name": name, "first_name": first, "last_name": last,
                "company": company.map_or("", |c| c.0), "tags": tags, "customer_since": at.date_naive(),
                "preferred_time": if dice.chance(15) { Some(dice.of(&["morning", "afternoon"])) } else { None },
                "preferred_member_id": dice.chance(10).then(|| dice.of(&[team.first.id, team.second.id])),
                "email_consent": consent, "source_key": format!("demo:{i}"), "created_at": at, "created_by": by }),
    );
    let email = dice.chance(78).then(|| {
        let at = dice.of(&["example.com", "example.net", "example.org"]);
        format!(
            "{}.{}{}@{at}",
            first.to_lowercase(),
            last.to_lowercase(),
            if i >= words::FIRST.len() { i.to_string() } else { String::new() }
        )
    });
    reach(rows, dice, id, email.as_deref(), i, at, &by)?;
    if let Some(given) = consent {
        rows.add(
            "consents",
            json!({ "id": ConsentId::new(), "contact_id": id, "channel": "email", "given": given, "source": "asked at the visit",
                    "wording": "May we write to you when it is time again?", "created_at": at, "created_by": by }),
        );
    }
    let access = dice.of(&words::ACCESS);
    let (town, zip, parts) = dice.of(&words::TOWNS);
    rows.add(
        "addresses",
        json!({ "id": address, "contact_id": id, "label": if company.is_some() { "Shop" } else { "" },
                "street": format!("{} {}", dice.between(12, 989) * 10 + dice.between(1, 9), dice.of(&words::STREETS)),
                "unit": if dice.chance(6) { format!("Apt {}", dice.between(1, 40)) } else { String::new() },
                "city": town, "region": "AL", "postal_code": zip, "country": "US", "access_notes": access,
                "neighbourhood": dice.of(&parts), "is_primary": true, "created_at": at, "created_by": by }),
    );
    let windows = dice.between(14, 46);
    let screens = if dice.chance(70) { windows - dice.between(2, 10) } else { 0 };
    Ok(Customer {
        id,
        address,
        name,
        email,
        windows,
        screens,
        is_shop: company.is_some_and(|c| c.1 == "storefront"),
        facts: facts(dice, windows, screens, access),
        consents: consent != Some(false),
    })
}

fn facts(dice: &mut Dice, windows: i64, screens: i64, access: &str) -> String {
    let counted = match screens {
        0 => format!("{windows} windows, no screens."),
        n => format!("{windows} windows, {n} screens."),
    };
    let parts = [dice.of(&words::HOUSE), &counted, dice.of(&words::PEOPLE), dice.of(&words::PETS), access, dice.of(&words::WATCH)];
    parts.into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Adds a customer's email and phones with their match keys.
fn reach(rows: &mut Rows, dice: &mut Dice, contact: ContactId, email: Option<&str>, i: usize, at: DateTime<Utc>, by: &str) -> Result<()> {
    let mut errors = FieldErrors::default();
    let typed = email.map(|address| EmailInput { label: String::new(), address: address.to_owned() });
    for e in check_emails(typed.as_slice(), &mut errors) {
        rows.add(
            "contact_emails",
            json!({ "id": EmailId::new(), "contact_id": contact, "label": e.label, "address": e.address, "match_key": e.match_key,
                    "created_at": at, "created_by": by }),
        );
    }
    // 555-0100 to 555-0199 are reserved for fictional use (ATIS-0300115).
    let area = [256, 938, 205, 334, 251][i / 100 % 5];
    let mut numbers = vec![PhoneInput { label: String::new(), number: words::typed_phone(dice.index(4), area, 100 + number_of(i)) }];
    if dice.chance(9) {
        numbers.push(PhoneInput { label: "Wife".into(), number: words::typed_phone(dice.index(4), 659, 100 + number_of(i)) });
    }
    for (p, position) in check_phones(&numbers, "US", &mut errors).into_iter().zip(0..) {
        rows.add(
            "contact_phones",
            json!({ "id": PhoneId::new(), "contact_id": contact, "position": position, "label": p.label, "typed": p.typed,
                    "match_key": p.match_key, "tail_key": p.tail_key, "created_at": at, "created_by": by }),
        );
    }
    errors.into_result()
}

fn number_of(i: usize) -> i64 {
    i64::try_from(i % 100).unwrap_or_default()
}

/// An invented provider's id, like `pi_demo_…`.
pub fn invented_key(prefix: &str) -> String {
    format!("{prefix}_demo_{}", Uuid::now_v7().simple())
}
