//! The wizard's form: its fields as typed, and their conversion to and from a draft.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use rust_decimal::Decimal;

use super::{Draft, DraftAttribute, DraftLine, Next, Origin, Step, filling::Filling};
use platform::{
    error::FieldErrors,
    ids::{MemberId, ServiceId},
    localtime::{parse_date, parse_time, to_utc, wall},
    money::parse_amount,
};
use work::{catalogue::Service, tickets::LineKind};

/// Returns the step that a field belongs to; `None` if it belongs to no step.
pub fn step_of(field: &str) -> Option<Step> {
    match field.split_once('_').map_or(field, |(first, _)| first) {
        "worked" | "line" | "lines" | "prices" => Some(Step::What),
        "notes" => Some(Step::Notes),
        "next" | "months" | "reach" => Some(Step::Next),
        "attr" => Some(Step::Review),
        _ => None,
    }
}

/// The fields of the wizard by name, as typed. Rows are numbered: `line_price_0`, `attr_value_2`.
#[derive(Debug, Clone, Default)]
pub struct Typed(pub BTreeMap<String, String>);

impl From<Vec<(String, String)>> for Typed {
    fn from(pairs: Vec<(String, String)>) -> Self {
        Self(pairs.into_iter().collect())
    }
}

impl Typed {
    pub fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", |v| v.trim())
    }

    fn of(&self, name: &str, i: usize) -> &str {
        self.get(&format!("{name}_{i}"))
    }

    /// Returns the filling session's key, and how many saves of the draft it has seen.
    pub fn filling(&self) -> Filling {
        Filling { key: Some(self.get("filling").to_owned()).filter(|k| !k.is_empty()), seen: self.get("draft_version").parse().ok() }
    }

    /// Returns the row numbers of the fields with this prefix, in ascending order.
    pub fn rows(&self, prefix: &str) -> Vec<usize> {
        let mut rows: Vec<usize> = self.0.keys().filter_map(|k| k.strip_prefix(prefix)?.parse().ok()).filter(|i| *i < 200).collect();
        rows.sort_unstable();
        rows.dedup();
        rows
    }

    /// Converts a draft to fields, to show a saved or new draft.
    pub fn of_draft(draft: &Draft, zone: Tz) -> Self {
        let mut f = BTreeMap::new();
        let mut put = |k: String, v: String| {
            f.insert(k, v);
        };
        if let Some(minutes) = draft.worked_minutes {
            put("worked_hours".into(), (minutes / 60).to_string());
            put("worked_minutes".into(), (minutes % 60).to_string());
        }
        for (i, l) in draft.lines.iter().enumerate() {
            put(format!("line_id_{i}"), l.id.map(|x| x.to_string()).unwrap_or_default());
            put(format!("line_service_{i}"), l.service_id.map(|x| x.to_string()).unwrap_or_default());
            put(format!("line_kind_{i}"), l.kind.name().into());
            put(format!("line_description_{i}"), l.description.clone());
            put(format!("line_quantity_{i}"), l.quantity.normalize().to_string());
            put(format!("line_price_{i}"), l.unit_price.map(|p| p.to_string()).unwrap_or_default());
            put(format!("line_tax_{i}"), l.tax_rate_id.map(|x| x.to_string()).unwrap_or_default());
        }
        put("lines_seen".into(), draft.lines_seen.clone().unwrap_or_default());
        if draft.prices_confirmed {
            put("prices_confirmed".into(), "yes".into());
        }
        put("notes".into(), draft.notes.clone());
        match &draft.next {
            Next::Undecided => {}
            Next::No => put("next".into(), "no".into()),
            Next::Book { starts_at, ends_at, technicians, override_reason } => {
                let start = wall(*starts_at, zone);
                put("next".into(), "book".into());
                put("next_date".into(), start.date().to_string());
                put("next_time".into(), start.format("%H:%M").to_string());
                put("next_minutes".into(), (*ends_at - *starts_at).num_minutes().to_string());
                put("next_override".into(), override_reason.clone().unwrap_or_default());
                for (i, t) in technicians.iter().enumerate() {
                    put(format!("next_technician_{i}"), t.to_string());
                }
            }
            Next::ReachOut { months, body } => {
                put("next".into(), "reach_out".into());
                put("months".into(), months.to_string());
                put("reach_body".into(), body.clone().unwrap_or_default());
            }
        }
        for (i, a) in draft.attributes.iter().enumerate() {
            put(format!("attr_key_{i}"), a.key.clone());
            put(format!("attr_value_{i}"), a.value.clone());
            put(format!("attr_origin_{i}"), a.origin.name().into());
            put(format!("attr_was_{i}"), a.was.clone().unwrap_or_default());
            if a.keep {
                put(format!("attr_keep_{i}"), "yes".into());
            }
        }
        Self(f)
    }

    /// Converts the fields to a draft. Returns errors for fields that cannot be read; `Draft::faults` validates what is in them.
    pub fn to_draft(&self, services: &[Service], zone: Tz) -> Result<Draft, FieldErrors> {
        let mut e = FieldErrors::default();
        let draft = Draft {
            worked_minutes: self.worked(&mut e),
            lines: self.lines(services, &mut e),
            prices_confirmed: !self.get("prices_confirmed").is_empty(),
            notes: self.0.get("notes").cloned().unwrap_or_default().replace("\r\n", "\n"),
            next: self.next(zone, &mut e),
            attributes: self.attributes(),
            lines_seen: Some(self.get("lines_seen").to_owned()),
        };
        if e.is_empty() { Ok(draft) } else { Err(e) }
    }

    fn worked(&self, e: &mut FieldErrors) -> Option<i32> {
        let (hours, minutes) = (self.get("worked_hours"), self.get("worked_minutes"));
        if hours.is_empty() && minutes.is_empty() {
            return None;
        }
        let read = |s: &str| if s.is_empty() { Some(0) } else { s.parse::<i32>().ok().filter(|n| (0..=10_080).contains(n)) };
        match (read(hours), read(minutes)) {
            (Some(h), Some(m)) => h.checked_mul(60).and_then(|h| h.checked_add(m)),
            (None, _) => {
                e.add("worked_hours", "Hours are a whole number.");
                None
            }
            (_, None) => {
                e.add("worked_minutes", "Minutes are a whole number.");
                None
            }
        }
    }

    fn service<'a>(&self, services: &'a [Service], i: usize) -> Option<&'a Service> {
        let id = self.of("line_service", i).parse::<ServiceId>().ok()?;
        services.iter().find(|s| s.id == id)
    }

    fn description(&self, services: &[Service], i: usize) -> String {
        match self.of("line_description", i) {
            "" => self.service(services, i).map(|s| s.name.clone()).unwrap_or_default(),
            typed => typed.to_owned(),
        }
    }

    /// Returns the numbers of the rows that are lines of the draft, in its order: without empty spare rows and removed rows.
    fn line_rows(&self, services: &[Service]) -> Vec<usize> {
        let mut rows = self.rows("line_quantity_");
        rows.retain(|i| self.of("line_drop", *i).is_empty() && !self.description(services, *i).is_empty());
        rows
    }

    /// Maps line errors from the draft's order to the form's row numbers.
    pub fn named(&self, services: &[Service], mut errors: FieldErrors) -> FieldErrors {
        let rows = self.line_rows(services);
        for e in &mut errors.0 {
            if let Some((field, i)) = e.field.rsplit_once('_')
                && field.starts_with("line_")
                && let Some(row) = i.parse::<usize>().ok().and_then(|i| rows.get(i))
            {
                e.field = format!("{field}_{row}");
            }
        }
        errors
    }

    /// Replaces the time that clashed by the free time chosen instead.
    pub fn take_free(&mut self) {
        if let Some((date, time)) = self.0.remove("free").as_deref().and_then(|f| f.split_once('T')) {
            self.0.insert("next_date".into(), date.to_owned());
            self.0.insert("next_time".into(), time.to_owned());
        }
    }

    fn lines(&self, services: &[Service], e: &mut FieldErrors) -> Vec<DraftLine> {
        let mut lines = Vec::new();
        for i in self.line_rows(services) {
            let (service, description) = (self.service(services, i), self.description(services, i));
            let quantity = match self.of("line_quantity", i) {
                "" => Some(Decimal::ONE),
                typed => parse_amount(typed).ok(),
            };
            if quantity.is_none() {
                e.add(&format!("line_quantity_{i}"), "How many? A number.");
            }
            let unit_price = match self.of("line_price", i) {
                "" => service.and_then(|s| s.price).filter(|_| self.of("line_id", i).is_empty()),
                typed => match parse_amount(typed) {
                    Ok(price) => Some(price),
                    Err(_) => {
                        e.add(&format!("line_price_{i}"), "This is not an amount.");
                        None
                    }
                },
            };
            let kind = LineKind::from_name(self.of("line_kind", i)).or(service.and_then(|s| LineKind::from_name(s.kind.name())));
            lines.push(DraftLine {
                id: self.of("line_id", i).parse().ok(),
                service_id: self.of("line_service", i).parse().ok(),
                kind: kind.unwrap_or(LineKind::Flexible),
                description,
                quantity: quantity.unwrap_or(Decimal::ONE),
                unit_price,
                tax_rate_id: self.of("line_tax", i).parse().ok().or(service.and_then(|s| s.tax_rate_id)),
            });
        }
        lines
    }

    fn next(&self, zone: Tz, e: &mut FieldErrors) -> Next {
        match self.get("next") {
            "no" => Next::No,
            "reach_out" => match self.get("months").parse() {
                Ok(months) => Next::ReachOut { months, body: Some(self.get("reach_body").to_owned()).filter(|b| !b.is_empty()) },
                Err(_) => {
                    e.add("months", "In how many months? 1 to 24.");
                    Next::Undecided
                }
            },
            "book" => self.booking(zone, e).unwrap_or_default(),
            _ => Next::Undecided,
        }
    }

    fn booking(&self, zone: Tz, e: &mut FieldErrors) -> Option<Next> {
        let date = parse_date(self.get("next_date")).map_err(|m| e.add("next_date", m)).ok();
        let time = parse_time(self.get("next_time")).map_err(|m| e.add("next_time", m)).ok();
        let minutes = self.get("next_minutes").parse::<i64>().ok().filter(|m| (1..=1440).contains(m));
        if minutes.is_none() {
            e.add("next_minutes", "How long will it take? Minutes, up to a day.");
        }
        let starts_at: DateTime<Utc> = to_utc(date?, time?, zone);
        let technicians: Vec<MemberId> =
            self.rows("next_technician_").into_iter().filter_map(|i| self.of("next_technician", i).parse().ok()).collect();
        let override_reason = Some(self.get("next_override").to_owned()).filter(|r| !r.is_empty());
        Some(Next::Book { starts_at, ends_at: starts_at + chrono::Duration::minutes(minutes?), technicians, override_reason })
    }

    fn attributes(&self) -> Vec<DraftAttribute> {
        self.rows("attr_value_")
            .into_iter()
            .filter_map(|i| {
                let (key, value) = (self.of("attr_key", i), self.of("attr_value", i));
                let origin = match self.of("attr_origin", i) {
                    "rules" => Origin::Rules,
                    "model" => Origin::Model,
                    _ => Origin::Typed,
                };
                if key.is_empty() && value.is_empty() {
                    return None;
                }
                let keep = !self.of("attr_keep", i).is_empty();
                let was = Some(self.of("attr_was", i)).filter(|was| !was.is_empty() && *was != value).map(str::to_owned);
                Some(DraftAttribute {
                    key: key.to_lowercase().replace(' ', "_"),
                    value: value.to_owned(),
                    keep,
                    origin,
                    confidence: None,
                    was,
                })
            })
            .collect()
    }
}
