//! The only calculation of a document's totals. Record, PDF, mail and payment page show its results.
//!
//! Rules: line = round(quantity × unit price); the discount is spread over the taxes pro rata (largest remainder method);
//! each tax is computed on the sum of its lines after discount, and two taxes of the same percentage stay two; halves round away from zero; the total is the sum of the printed
//! amounts. Tax included in the prices is shown but never changes the total.

use std::{collections::BTreeMap, fmt};

use rust_decimal::Decimal;

use platform::{
    ids::TaxRateId,
    money::{Currency, round},
};

/// The largest amount that a document or line may have: 9,999,999,999.99.
pub const LARGEST: Decimal = Decimal::from_parts(0xD4A5_0FFF, 0xE8, 0, false, 2);

/// Input for one line. Quantity and unit price may have more decimals than the currency.
#[derive(Clone, Debug)]
pub struct LineInput {
    pub quantity: Decimal,
    pub unit_price: Decimal,
    /// The tax that `tax_rate` is of; `None` for an untaxed line.
    pub tax: Option<TaxRateId>,
    /// Per cent, 0 to 100; 0 for an untaxed line.
    pub tax_rate: Decimal,
    /// Whether the unit price already contains the tax.
    pub tax_inclusive: bool,
}

/// A discount on the whole document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Discount {
    #[default]
    None,
    /// In the document's currency, 0 up to the subtotal.
    Amount(Decimal),
    /// Per cent of the subtotal, 0 to 100.
    Percent(Decimal),
}

/// One printed tax row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaxTotal {
    pub tax_rate: Option<TaxRateId>,
    /// Per cent.
    pub rate: Decimal,
    /// Whether the tax is contained in the lines' prices.
    pub inclusive: bool,
    /// Sum of the tax's lines as printed.
    pub lines: Decimal,
    /// The tax's share of the discount.
    pub discount: Decimal,
    /// The net amount that the tax is computed on.
    pub taxable: Decimal,
    pub tax: Decimal,
}

/// All printed amounts, rounded to the currency's minor unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Totals {
    /// One per line, in the order given.
    pub lines: Vec<Decimal>,
    pub subtotal: Decimal,
    pub discount: Decimal,
    /// Ordered by rate, exclusive before inclusive, then by tax; includes a row for 0 %, so that the bases add up to the subtotal less the discount.
    pub taxes: Vec<TaxTotal>,
    /// Tax on top of the prices: `total = subtotal − discount + tax_added`.
    pub tax_added: Decimal,
    /// Tax contained in the prices; for information.
    pub tax_included: Decimal,
    pub total: Decimal,
}

/// Invalid input. `Display` is the message for the person who typed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CalcError {
    TaxRate { line: usize },
    Discount,
    TooLarge,
}

impl fmt::Display for CalcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TaxRate { .. } => "A tax rate is between 0 and 100 per cent.",
            Self::Discount => "The discount must be between zero and the subtotal.",
            Self::TooLarge => "These amounts are too large: the total and each line stay below 10,000,000,000.",
        })
    }
}

impl std::error::Error for CalcError {}

/// Computes a document's totals in `currency`. The order of the input lines affects only the order of `Totals::lines`.
pub fn totals(currency: Currency, lines: &[LineInput], discount: Discount) -> Result<Totals, CalcError> {
    let mut amounts = Vec::with_capacity(lines.len());
    // Sum per tax. A tax whose rate was changed meanwhile counts as two. The map is ordered so that ties between remainders do not depend on the
    // order of the lines.
    let mut groups: BTreeMap<(Decimal, bool, Option<TaxRateId>), Decimal> = BTreeMap::new();
    for (index, line) in lines.iter().enumerate() {
        if line.tax_rate < Decimal::ZERO || line.tax_rate > Decimal::ONE_HUNDRED {
            return Err(CalcError::TaxRate { line: index });
        }
        let amount = line_total(currency, line.quantity, line.unit_price)?;
        let sum = groups.entry((line.tax_rate.normalize(), line.tax_inclusive, line.tax)).or_default();
        *sum = add(*sum, amount)?;
        amounts.push(amount);
    }
    let subtotal = amounts.iter().try_fold(Decimal::ZERO, |sum, a| add(sum, *a))?;
    let discount = discount_amount(currency, subtotal, discount)?;
    let bases: Vec<Decimal> = groups.values().copied().collect();
    let shares = spread(currency, discount, &bases)?;
    let taxes: Vec<TaxTotal> = groups
        .into_iter()
        .zip(shares)
        .map(|(((rate, inclusive, tax), lines), share)| TaxTotal { tax_rate: tax, ..tax_row(currency, rate, inclusive, lines, share) })
        .collect();
    let sum_of = |inclusive: bool| taxes.iter().filter(|t| t.inclusive == inclusive).map(|t| t.tax).sum::<Decimal>();
    let (tax_added, tax_included) = (sum_of(false), sum_of(true));
    let total = subtotal - discount + tax_added;
    if total > LARGEST {
        return Err(CalcError::TooLarge);
    }
    Ok(Totals { total, lines: amounts, subtotal, discount, taxes, tax_added, tax_included })
}

/// `round(quantity × unit price)`: a line's printed total, before tax unless its price includes it.
pub fn line_total(currency: Currency, quantity: Decimal, unit_price: Decimal) -> Result<Decimal, CalcError> {
    let amount = quantity.checked_mul(unit_price).ok_or(CalcError::TooLarge)?;
    // The bound also keeps every later product of two minor-unit amounts within 128 bits.
    if amount.abs() > LARGEST {
        return Err(CalcError::TooLarge);
    }
    Ok(scaled(round(amount, currency), currency))
}

fn discount_amount(currency: Currency, subtotal: Decimal, discount: Discount) -> Result<Decimal, CalcError> {
    let zero = Decimal::ZERO;
    let most = subtotal.max(zero);
    let amount = match discount {
        Discount::None => zero,
        Discount::Amount(amount) => round(amount, currency),
        Discount::Percent(p) if p >= zero && p <= Decimal::ONE_HUNDRED => round(most * p / Decimal::ONE_HUNDRED, currency),
        Discount::Percent(_) => return Err(CalcError::Discount),
    };
    if amount < zero || amount > most {
        return Err(CalcError::Discount);
    }
    Ok(scaled(amount, currency))
}

/// Splits `amount` over the positive bases pro rata; leftover minor units go to the largest remainders.
fn spread(currency: Currency, amount: Decimal, bases: &[Decimal]) -> Result<Vec<Decimal>, CalcError> {
    let minor = |d: Decimal| currency.to_minor(d).map(i128::from).ok_or(CalcError::TooLarge);
    let units = minor(amount)?;
    let weights = bases.iter().map(|b| minor((*b).max(Decimal::ZERO))).collect::<Result<Vec<_>, _>>()?;
    let whole: i128 = weights.iter().sum();
    if whole == 0 {
        return Ok(vec![Decimal::ZERO; bases.len()]);
    }
    let mut shares: Vec<i128> = weights.iter().map(|w| units * w / whole).collect();
    let left = usize::try_from(units - shares.iter().sum::<i128>()).unwrap_or(0);
    let mut by_remainder: Vec<usize> = (0..weights.len()).collect();
    by_remainder.sort_by_key(|&i| std::cmp::Reverse(units * weights[i] % whole));
    for &i in by_remainder.iter().take(left) {
        shares[i] += 1;
    }
    shares.into_iter().map(|s| i64::try_from(s).map(|s| currency.from_minor(s)).map_err(|_| CalcError::TooLarge)).collect()
}

fn tax_row(currency: Currency, rate: Decimal, inclusive: bool, lines: Decimal, discount: Decimal) -> TaxTotal {
    let after = lines - discount;
    // Lines that sum to a credit get no negative tax.
    let base = after.max(Decimal::ZERO);
    let divisor = if inclusive { Decimal::ONE_HUNDRED + rate } else { Decimal::ONE_HUNDRED };
    let tax = scaled(round(base * rate / divisor, currency), currency);
    TaxTotal { tax_rate: None, rate, inclusive, lines, discount, taxable: if inclusive { after - tax } else { after }, tax }
}

fn add(a: Decimal, b: Decimal) -> Result<Decimal, CalcError> {
    let sum = a + b;
    if sum.abs() > LARGEST {
        return Err(CalcError::TooLarge);
    }
    Ok(sum)
}

/// Sets the scale to the currency's number of decimals, as `NUMERIC` columns and JSON show it.
fn scaled(mut amount: Decimal, currency: Currency) -> Decimal {
    amount.rescale(currency.digits());
    amount
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn d(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    fn line(quantity: &str, unit_price: &str, tax_rate: &str, tax_inclusive: bool) -> LineInput {
        LineInput { quantity: d(quantity), unit_price: d(unit_price), tax: None, tax_rate: d(tax_rate), tax_inclusive }
    }

    #[test]
    fn m1_tax_is_taken_on_the_sum_of_a_rate() {
        // Taxed line by line, these would total 815.95.
        let lines = [line("1", "249.95", "8.875", false), line("3", "83.31", "8.875", false), line("1", "249.55", "8.875", false)];
        let t = totals(Currency::USD, &lines, Discount::None).unwrap();
        assert_eq!(t.subtotal, d("749.43"));
        assert_eq!(t.tax_added, d("66.51"));
        assert_eq!(t.total, d("815.94"));
        assert_eq!(t.total.to_string(), "815.94");
    }

    #[test]
    fn discount_is_spread_by_largest_remainder() {
        let lines = [line("1", "10", "0", false), line("1", "10", "10", false), line("1", "10", "20", false)];
        let t = totals(Currency::USD, &lines, Discount::Amount(d("10"))).unwrap();
        let shares: Vec<_> = t.taxes.iter().map(|t| t.discount).collect();
        assert_eq!(shares, [d("3.34"), d("3.33"), d("3.33")]);
        assert_eq!(t.tax_added, d("0.67") + d("1.33"));
        assert_eq!(t.total, d("22.00"));
    }

    #[test]
    fn m2_inclusive_tax_is_contained() {
        let lines = [line("1", "119", "19", true)];
        let t = totals(Currency::EUR, &lines, Discount::None).unwrap();
        assert_eq!((t.tax_included, t.total), (d("19.00"), d("119.00")));
        assert_eq!(t.taxes[0].taxable, d("100.00"));
        let t = totals(Currency::EUR, &lines, Discount::Percent(d("10"))).unwrap();
        assert_eq!((t.tax_included, t.total), (d("17.10"), d("107.10")));
    }

    #[test]
    fn two_taxes_of_one_percentage_stay_two() {
        let (state, county) = (Some(TaxRateId::new()), Some(TaxRateId::new()));
        let of = |tax, price| LineInput { tax, ..line("1", price, "4", false) };
        let t = totals(Currency::USD, &[of(state, "10.10"), of(county, "10.10"), of(state, "10.10")], Discount::None).unwrap();
        let rows: Vec<_> = t.taxes.iter().map(|row| (row.tax_rate, row.lines, row.tax)).collect();
        assert_eq!(rows, [(state, d("20.20"), d("0.81")), (county, d("10.10"), d("0.40"))]);
        assert_eq!(t.total, d("31.51"));
    }

    #[test]
    fn refuses_what_cannot_be_right() {
        let ok = line("1", "10", "0", false);
        let usd = |lines: &[LineInput], discount| totals(Currency::USD, lines, discount);
        assert_eq!(usd(&[line("1", "1", "101", false)], Discount::None), Err(CalcError::TaxRate { line: 0 }));
        assert_eq!(usd(std::slice::from_ref(&ok), Discount::Amount(d("10.01"))), Err(CalcError::Discount));
        assert_eq!(usd(std::slice::from_ref(&ok), Discount::Percent(d("-1"))), Err(CalcError::Discount));
        assert_eq!(usd(&[line("99999999", "99999999", "0", false)], Discount::None), Err(CalcError::TooLarge));
        assert_eq!(
            usd(&[line("9999999", "999.99", "0", false), line("1", "10000.99", "0", false)], Discount::None).unwrap().total,
            d("9999909001.00")
        );
        assert_eq!(usd(&[line("9999999", "99999", "0", false)], Discount::None), Err(CalcError::TooLarge));
        assert_eq!(usd(&[line("6000000", "999.99", "100", false)], Discount::None), Err(CalcError::TooLarge));
        assert_eq!(LARGEST, d("9999999999.99"));
        assert_eq!(usd(&[], Discount::None).unwrap().total, Decimal::ZERO);
    }

    fn arb_lines() -> impl Strategy<Value = Vec<LineInput>> {
        let rates = prop::sample::select(vec!["0", "5", "7.5", "8.875", "10", "19", "20", "100"]);
        let one = (0_i64..100_000, 0_i64..5_000_000, rates, any::<bool>()).prop_map(|(quantity, price, rate, tax_inclusive)| LineInput {
            quantity: Decimal::new(quantity, 3),
            unit_price: Decimal::new(price, 3),
            tax: None,
            tax_rate: d(rate),
            tax_inclusive,
        });
        prop::collection::vec(one, 0..12)
    }

    fn arb_currency() -> impl Strategy<Value = Currency> {
        prop::sample::select(vec![Currency::USD, Currency::EUR, Currency::JPY])
    }

    proptest! {
        #[test]
        fn m1_the_total_is_the_sum_of_what_is_printed(
            lines in arb_lines(), currency in arb_currency(), percent in 0_i64..=10_000,
        ) {
            let t = totals(currency, &lines, Discount::Percent(Decimal::new(percent, 2))).unwrap();
            prop_assert_eq!(t.subtotal, t.lines.iter().sum::<Decimal>());
            prop_assert_eq!(t.subtotal, t.taxes.iter().map(|x| x.lines).sum::<Decimal>());
            prop_assert_eq!(t.discount, t.taxes.iter().map(|x| x.discount).sum::<Decimal>());
            prop_assert_eq!(t.total, t.subtotal - t.discount + t.tax_added);
            let printed = t.lines.iter().chain([&t.subtotal, &t.discount, &t.total])
                .chain(t.taxes.iter().flat_map(|x| [&x.tax, &x.discount, &x.taxable, &x.lines]));
            for amount in printed {
                prop_assert!(currency.fits(*amount));
            }
            for row in &t.taxes {
                prop_assert!(row.tax >= Decimal::ZERO);
                prop_assert!(row.discount >= Decimal::ZERO && row.discount <= row.lines);
            }
        }

        #[test]
        fn m1_the_order_of_lines_moves_nothing(
            (lines, shuffled) in arb_lines().prop_flat_map(|l| (Just(l.clone()), Just(l).prop_shuffle())),
            currency in arb_currency(), percent in 0_i64..=100,
        ) {
            let discount = Discount::Percent(percent.into());
            let a = totals(currency, &lines, discount).unwrap();
            let b = totals(currency, &shuffled, discount).unwrap();
            prop_assert_eq!((a.total, a.taxes), (b.total, b.taxes));
        }

        #[test]
        fn m2_inclusive_tax_never_moves_the_total(
            lines in arb_lines(), currency in arb_currency(), percent in 0_i64..=100,
        ) {
            let with = |rate: Option<Decimal>| {
                let lines: Vec<_> = lines.iter()
                    .map(|l| LineInput { tax_inclusive: true, tax_rate: rate.unwrap_or(l.tax_rate), ..l.clone() })
                    .collect();
                totals(currency, &lines, Discount::Percent(percent.into())).unwrap()
            };
            let (taxed, free) = (with(None), with(Some(Decimal::ZERO)));
            prop_assert_eq!(taxed.total, free.total);
            for row in &taxed.taxes {
                prop_assert_eq!(row.taxable + row.tax, row.lines - row.discount);
            }
        }
    }
}
