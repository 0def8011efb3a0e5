//! Amounts as `Decimal` with the currency's minor unit; never a float.

use std::{fmt, str::FromStr};

use rust_decimal::{Decimal, RoundingStrategy, prelude::ToPrimitive};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use sqlx::{
    Postgres,
    error::BoxDynError,
    postgres::{PgTypeInfo, PgValueRef},
};

/// An ISO 4217 currency that Rounds keeps books in.
///
/// The symbol is the one that stays unambiguous on paper (`CA$`, not `$`, for Canada).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(into = "String")]
#[schemars(with = "String")]
pub struct Currency {
    code: &'static str,
    digits: u32,
    symbol: &'static str,
    name: &'static str,
}

/// Code, minor digits, symbol, name. All of them have the same minor unit at Stripe.
const CURRENCIES: [(&str, u32, &str, &str); 23] = [
    ("USD", 2, "$", "US dollar"),
    ("EUR", 2, "€", "Euro"),
    ("GBP", 2, "£", "British pound"),
    ("CAD", 2, "CA$", "Canadian dollar"),
    ("AUD", 2, "A$", "Australian dollar"),
    ("NZD", 2, "NZ$", "New Zealand dollar"),
    ("CHF", 2, "CHF ", "Swiss franc"),
    ("SEK", 2, "SEK ", "Swedish krona"),
    ("NOK", 2, "NOK ", "Norwegian krone"),
    ("DKK", 2, "DKK ", "Danish krone"),
    ("JPY", 0, "¥", "Japanese yen"),
    ("KRW", 0, "₩", "South Korean won"),
    ("PLN", 2, "PLN ", "Polish złoty"),
    ("CZK", 2, "CZK ", "Czech koruna"),
    ("RON", 2, "RON ", "Romanian leu"),
    ("INR", 2, "₹", "Indian rupee"),
    ("SGD", 2, "S$", "Singapore dollar"),
    ("HKD", 2, "HK$", "Hong Kong dollar"),
    ("MXN", 2, "MX$", "Mexican peso"),
    ("BRL", 2, "R$", "Brazilian real"),
    ("ZAR", 2, "R", "South African rand"),
    ("ILS", 2, "₪", "Israeli shekel"),
    ("AED", 2, "AED ", "UAE dirham"),
];

impl Currency {
    /// US dollars, the default of a new business.
    pub const USD: Self = Self::at(0);
    /// Euro.
    pub const EUR: Self = Self::at(1);
    /// Yen: no minor unit.
    pub const JPY: Self = Self::at(10);

    const fn at(index: usize) -> Self {
        let (code, digits, symbol, name) = CURRENCIES[index];
        Self { code, digits, symbol, name }
    }

    /// Every currency on offer, the most used first.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..CURRENCIES.len()).map(Self::at)
    }

    /// The currency of an ISO code in any case; `None` for one that Rounds does not know.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::all().find(|c| c.code.eq_ignore_ascii_case(code.trim()))
    }

    /// `USD`
    pub fn code(self) -> &'static str {
        self.code
    }

    /// `US dollar`
    pub fn name(self) -> &'static str {
        self.name
    }

    /// Digits after the decimal point.
    pub fn digits(self) -> u32 {
        self.digits
    }

    /// `$`, `CA$`, `CHF`: without the space that some carry before the amount.
    pub fn symbol(self) -> &'static str {
        self.symbol.trim_end()
    }

    /// Whether `amount` has no more decimals than the currency.
    pub fn fits(self, amount: Decimal) -> bool {
        amount.normalize().scale() <= self.digits
    }

    /// `$1,284.00`, `¥1,284`, `-$5.00`. The amount is rounded to the minor unit.
    pub fn format(self, amount: Decimal) -> String {
        let amount = round(amount, self);
        let sign = if amount.is_sign_negative() && !amount.is_zero() { "-" } else { "" };
        format!("{sign}{}{}", self.symbol, self.digits_grouped(amount.abs()))
    }

    /// `$1,284`: rounded to whole units, for charts and calendar headings only. Everywhere else an amount shows its cents.
    pub fn whole(self, amount: Decimal) -> String {
        let text = self.format(amount.round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero));
        text.split_once('.').map_or(text.clone(), |(whole, _)| whole.to_owned())
    }

    /// `1284.00`: the format of a form's amount field.
    pub fn plain(self, amount: Decimal) -> String {
        let mut amount = round(amount, self);
        amount.rescale(self.digits);
        amount.to_string()
    }

    fn digits_grouped(self, amount: Decimal) -> String {
        let plain = self.plain(amount);
        let (whole, rest) = plain.split_at(plain.find('.').unwrap_or(plain.len()));
        let mut out = String::with_capacity(plain.len() + whole.len() / 3);
        for (i, digit) in whole.chars().enumerate() {
            if i > 0 && (whole.len() - i).is_multiple_of(3) {
                out.push(',');
            }
            out.push(digit);
        }
        out + rest
    }

    /// Reads a typed amount. Errors if it is not an amount or has more decimals than the currency.
    pub fn parse(self, text: &str) -> Result<Decimal, AmountError> {
        let amount = parse_amount(text)?;
        if self.fits(amount) {
            Ok(amount)
        } else if self.digits == 0 {
            Err(AmountError("Use a whole amount, like 45."))
        } else {
            Err(AmountError("Use at most two decimals, like 45.00."))
        }
    }

    /// Minor units for a provider ($12.34 → 1234, ¥500 → 500); `None` beyond 64 bits.
    pub fn to_minor(self, amount: Decimal) -> Option<i64> {
        round(amount, self).checked_mul(Decimal::from(10_i64.pow(self.digits)))?.to_i64()
    }

    /// Converts a provider's minor units to an amount (1234 → $12.34).
    pub fn from_minor(self, minor: i64) -> Decimal {
        Decimal::new(minor, self.digits)
    }
}

/// Rounds to the currency's minor unit, halves away from zero.
pub fn round(amount: Decimal, currency: Currency) -> Decimal {
    amount.round_dp_with_strategy(currency.digits, RoundingStrategy::MidpointAwayFromZero)
}

/// Serializes an amount for programs, with at least two decimals: `0.00`, `100.00`.
pub fn two_decimals<S: serde::Serializer>(amount: &Decimal, to: S) -> Result<S::Ok, S::Error> {
    let mut amount = *amount;
    amount.rescale(amount.scale().max(2));
    to.collect_str(&amount)
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code)
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.code.to_owned()
    }
}

/// Not derived: of its `&'static str` fields serde would conclude that only what lives for ever can be read.
impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

impl FromStr for Currency {
    type Err = AmountError;
    fn from_str(code: &str) -> Result<Self, AmountError> {
        Self::from_code(code).ok_or(AmountError("Choose a currency from the list."))
    }
}

impl sqlx::Type<Postgres> for Currency {
    fn type_info() -> PgTypeInfo {
        <str as sqlx::Type<Postgres>>::type_info()
    }

    fn compatible(other: &PgTypeInfo) -> bool {
        <str as sqlx::Type<Postgres>>::compatible(other)
    }
}

/// A stored code that Rounds does not know is an error; it never reads as another currency.
impl<'r> sqlx::Decode<'r, Postgres> for Currency {
    fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
        let code = <&str as sqlx::Decode<Postgres>>::decode(value)?;
        Self::from_code(code).ok_or_else(|| format!("{code:?} is no currency that Rounds knows").into())
    }
}

/// Why a typed amount was refused; the message is for the person who typed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AmountError(pub &'static str);

impl fmt::Display for AmountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for AmountError {}

const NOT_AN_AMOUNT: AmountError = AmountError("Enter an amount, like 45.00.");
const MISPLACED: AmountError = AmountError("Check the commas and points: write 1,234.56 or 1234.56.");

/// Reads `1,234.56`, `$5`, `(45.00)`, `-$45.00`, `1.234,56 €`, `1'234.50`.
///
/// If both point and comma occur, the later one is the decimal sign; a single comma before exactly three digits groups thousands.
pub fn parse_amount(text: &str) -> Result<Decimal, AmountError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(AmountError("Enter an amount."));
    }
    let (text, in_brackets) = match text.strip_prefix('(').and_then(|t| t.strip_suffix(')')) {
        Some(inner) => (inner.trim(), true),
        None => (text, false),
    };
    let (text, minus) = take_minus(text);
    let text = take_symbol(text);
    let (text, minus_inside) = take_minus(text);
    if u8::from(in_brackets) + u8::from(minus) + u8::from(minus_inside) > 1 {
        return Err(NOT_AN_AMOUNT);
    }
    let plain = plain_digits(text)?;
    if plain.len() > 18 {
        return Err(AmountError("That amount is too large."));
    }
    let amount = Decimal::from_str_exact(&plain).map_err(|_| NOT_AN_AMOUNT)?;
    Ok(if (in_brackets || minus || minus_inside) && !amount.is_zero() { -amount } else { amount })
}

fn take_minus(text: &str) -> (&str, bool) {
    match text.strip_prefix(['-', '\u{2212}']) {
        Some(rest) => (rest.trim_start(), true),
        None => (text, false),
    }
}

/// Drops one currency symbol or code before or after the digits: the longest that is there, so that `CA$` is not left as `CA`.
fn take_symbol(text: &str) -> &str {
    let marks = || Currency::all().flat_map(|c| [c.code, c.symbol()]);
    let before = marks().filter(|m| text.get(..m.len()).is_some_and(|p| p.eq_ignore_ascii_case(m))).map(str::len).max();
    if let Some(len) = before {
        return text[len..].trim_start();
    }
    let after =
        marks().filter(|m| text.len().checked_sub(m.len()).and_then(|at| text.get(at..)).is_some_and(|s| s.eq_ignore_ascii_case(m)));
    after.map(str::len).max().map_or(text, |len| text[..text.len() - len].trim_end())
}

/// Turns grouped digits in either convention into `1234.56`.
fn plain_digits(text: &str) -> Result<String, AmountError> {
    let text: String = text.chars().filter(|c| !matches!(c, ' ' | '\u{a0}' | '\u{202f}' | '\'' | '\u{2019}')).collect();
    let known = text.chars().all(|c| c.is_ascii_digit() || c == '.' || c == ',');
    if !known || !text.contains(|c: char| c.is_ascii_digit()) {
        return Err(NOT_AN_AMOUNT);
    }
    let (decimal, group) = match (text.rfind('.'), text.rfind(',')) {
        (Some(point), Some(comma)) if comma > point => (Some(','), '.'),
        (Some(_), Some(_)) => (Some('.'), ','),
        (Some(_), None) if text.matches('.').count() == 1 => (Some('.'), ','),
        (Some(_), None) => (None, '.'),
        (None, Some(comma)) if text.len() - comma - 1 <= 2 => (Some(','), '.'),
        (None, _) => (None, ','),
    };
    let (whole, fraction) = match decimal.and_then(|d| text.split_once(d)) {
        Some((whole, fraction)) => (whole, fraction),
        None => (text.as_str(), ""),
    };
    let groups: Vec<&str> = whole.split(group).collect();
    let grouped = groups.len() > 1;
    let well_grouped = !grouped || (matches!(groups[0].len(), 1..=3) && groups[1..].iter().all(|g| g.len() == 3));
    if !well_grouped || fraction.contains(['.', ',']) {
        return Err(MISPLACED);
    }
    let whole = groups.concat();
    let whole = if whole.is_empty() { "0" } else { &whole };
    Ok(if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn d(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn halves_go_away_from_zero() {
        assert_eq!(round(d("0.125"), Currency::USD), d("0.13"));
        assert_eq!(round(d("-0.125"), Currency::USD), d("-0.13"));
        assert_eq!(round(d("815.955"), Currency::USD), d("815.96"));
        assert_eq!(round(d("0.5"), Currency::JPY), d("1"));
    }

    #[test]
    fn formats_as_people_write_money() {
        for (currency, amount, text) in [
            (Currency::USD, "1284", "$1,284.00"),
            (Currency::USD, "-5", "-$5.00"),
            (Currency::USD, "-0.001", "$0.00"),
            (Currency::USD, "1234567.5", "$1,234,567.50"),
            (Currency::USD, "999", "$999.00"),
            (Currency::JPY, "1284", "¥1,284"),
            (Currency::EUR, "0.5", "€0.50"),
        ] {
            assert_eq!(currency.format(d(amount)), text);
        }
        assert_eq!(Currency::from_code("chf").unwrap().format(d("9.9")), "CHF 9.90");
        assert_eq!(Currency::USD.plain(d("1284")), "1284.00");
    }

    #[derive(serde::Deserialize)]
    struct Case {
        typed: String,
        amount: Option<String>,
    }

    /// What people type, and the amount it means, or none where it is refused.
    fn cases() -> Vec<Case> {
        serde_json::from_str(include_str!("money_cases.json")).unwrap()
    }

    #[test]
    fn the_script_reads_and_multiplies_the_same() {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
        let program = format!(
            "import {{ lineTotal, readAmount }} from '{root}/static/js/money.js';
             import {{ readFileSync }} from 'node:fs';
             import assert from 'node:assert';
             const plain = (read) => read && JSON.stringify(read.map(String));
             const units = (text) => [BigInt(text.replace('.', '')), text.split('.')[1]?.length ?? 0];
             for (const {{ typed, amount }} of JSON.parse(readFileSync('{root}/src/platform/money_cases.json')))
               assert.equal(plain(readAmount(typed)), amount === null ? undefined : plain(units(amount)), typed);
             for (const [quantity, price, digits, total] of [['1', '0.125', 2, 13n], ['1', '-0.125', 2, -13n], ['3', '19.99', 2, 5997n],
               ['1.5', '12,50', 2, 1875n], ['0.1', '0.2', 2, 2n], ['1', '0.5', 0, 1n], ['1', '99999999999999.99', 2, 9999999999999999n]])
               assert.equal(lineTotal(readAmount(quantity), readAmount(price), digits), total, quantity + ' x ' + price);"
        );
        let done = std::process::Command::new("node")
            .args(["--input-type=module", "-e", &program])
            .output()
            .expect("node is needed to test static/js");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    #[test]
    fn reads_what_people_type() {
        for case in cases() {
            assert_eq!(parse_amount(&case.typed).ok(), case.amount.as_deref().map(d), "{}", case.typed);
        }
        for currency in Currency::all() {
            for mark in [currency.code(), currency.symbol()] {
                assert_eq!(parse_amount(&format!("{mark} 20")), Ok(d("20")), "{mark}");
                assert_eq!(parse_amount(&format!("20{mark}")), Ok(d("20")), "{mark}");
            }
        }
        // Which marks are currencies, the script does not know.
        for text in ["abc 5", "X$5"] {
            assert!(parse_amount(text).is_err(), "{text}");
        }
        assert!(Currency::USD.parse("1.234").is_err());
        assert!(Currency::JPY.parse("1.5").is_err());
        assert_eq!(Currency::JPY.parse("1,500"), Ok(d("1500")));
    }

    #[test]
    fn minor_units_both_ways() {
        assert_eq!(Currency::USD.to_minor(d("12.34")), Some(1234));
        assert_eq!(Currency::JPY.to_minor(d("500")), Some(500));
        assert_eq!(Currency::USD.from_minor(1234), d("12.34"));
        assert_eq!(Currency::JPY.from_minor(500), d("500"));
        assert_eq!(Currency::USD.to_minor(Decimal::MAX), None);
    }
}
