//! Lays out the document as pages of marks before any drawing, so that "Page 1 of 3" knows the total.

use rust_decimal::Decimal;

use super::{
    AmountRow, Block, Document, DocumentLine, day,
    typeset::{Fonts, Weight},
};
use platform::qr::{self, Modules};

/// Colours, matching the product's: text, muted text, accent, hairline, tinted background.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    Text,
    Muted,
    Accent,
    Line,
    Tint,
}

/// An element to draw. Positions are in points from the page's top left; a text's `y` is its baseline.
pub enum Mark {
    Text { x: f32, y: f32, size: f32, weight: Weight, ink: Ink, text: String },
    Fill { x: f32, y: f32, width: f32, height: f32, ink: Ink },
    Link { x: f32, y: f32, width: f32, height: f32, url: String },
    Logo { x: f32, y: f32, width: f32, height: f32 },
    Qr { x: f32, y: f32, size: f32, modules: Modules },
}

pub type Page = Vec<Mark>;

const MARGIN: f32 = 54.0;
const FOOT: f32 = 62.0;
const BODY: f32 = 9.5;
const SMALL: f32 = 8.5;
const LEADING: f32 = 13.5;
const LOGO: (f32, f32) = (170.0, 52.0);
const QR: f32 = 84.0;

struct Sheet<'a> {
    document: &'a Document,
    fonts: &'a Fonts,
    width: f32,
    height: f32,
    pages: Vec<Page>,
    y: f32,
}

/// Lays out the whole document. `logo` is the logo's size in pixels.
pub fn pages(document: &Document, fonts: &Fonts, logo: Option<(f32, f32)>) -> Vec<Page> {
    let (width, height) = document.paper.size();
    let mut sheet = Sheet { document, fonts, width, height, pages: vec![Page::new()], y: MARGIN };
    sheet.letterhead(logo);
    sheet.parties();
    sheet.table();
    sheet.totals();
    sheet.words();
    sheet.footers();
    sheet.pages
}

/// Right edges of the figure columns and the width of the description column, in points.
struct Columns {
    quantity: f32,
    price: f32,
    amount: f32,
    description: f32,
}

impl Sheet<'_> {
    fn right(&self) -> f32 {
        self.width - MARGIN
    }

    fn mark(&mut self, mark: Mark) {
        self.pages.last_mut().expect("begins with one page").push(mark);
    }

    fn text(&mut self, x: f32, y: f32, (size, weight, ink): (f32, Weight, Ink), text: &str) {
        if !text.is_empty() {
            self.mark(Mark::Text { x, y, size, weight, ink, text: text.to_owned() });
        }
    }

    fn text_right(&mut self, right: f32, y: f32, style: (f32, Weight, Ink), text: &str) {
        let x = right - self.fonts.width(style.1, style.0, text);
        self.text(x, y, style, text);
    }

    fn rule(&mut self, x: f32, y: f32, width: f32, height: f32, ink: Ink) {
        self.mark(Mark::Fill { x, y, width, height, ink });
    }

    fn left_over(&self) -> f32 {
        self.height - FOOT - self.y
    }

    fn next_page(&mut self) {
        self.pages.push(Page::new());
        self.y = MARGIN;
    }

    fn money(&self, amount: Decimal) -> String {
        self.document.currency.format(amount)
    }

    fn letterhead(&mut self, logo: Option<(f32, f32)>) {
        let document = self.document;
        let mut left = self.y;
        if let Some((width, height)) = logo {
            let scale = (LOGO.0 / width).min(LOGO.1 / height);
            self.mark(Mark::Logo { x: MARGIN, y: left, width: width * scale, height: height * scale });
            left += height * scale + 12.0;
        }
        let half = (self.right() - MARGIN) * 0.58;
        for line in self.fonts.wrap(Weight::Bold, 14.0, &document.business.name, half) {
            self.text(MARGIN, left + 13.0, (14.0, Weight::Bold, Ink::Text), &line);
            left += 19.0;
        }
        left += 1.0;
        for line in document.business.lines.iter().chain(&document.tax_id) {
            for line in self.fonts.wrap(Weight::Regular, SMALL, line, half) {
                self.text(MARGIN, left + 9.0, (SMALL, Weight::Regular, Ink::Muted), &line);
                left += 12.0;
            }
        }
        let right = self.right();
        self.text_right(right, self.y + 21.0, (26.0, Weight::Bold, Ink::Accent), document.kind.title);
        self.text_right(right, self.y + 39.0, (11.0, Weight::Regular, Ink::Muted), &document.number);
        if let Some(stamp) = &document.stamp {
            let word = stamp.to_uppercase();
            let width = self.fonts.width(Weight::Bold, 9.0, &word) + 18.0;
            self.rule(right - width, self.y + 50.0, width, 18.0, Ink::Tint);
            self.text(right - width + 9.0, self.y + 62.4, (9.0, Weight::Bold, Ink::Accent), &word);
        }
        self.y = left.max(self.y + 70.0) + 16.0;
        self.rule(MARGIN, self.y, right - MARGIN, 1.5, Ink::Accent);
        self.y += 24.0;
    }

    /// Customer on the left; dates, facts and amount due on the right.
    fn parties(&mut self) {
        let document = self.document;
        let top = self.y;
        let facts_left = MARGIN + (self.right() - MARGIN) * 0.56;
        let left = self.address(document.kind.customer, &document.customer, facts_left - MARGIN - 24.0);
        let mut facts = vec![("Issued".to_owned(), day(document.issued))];
        facts.extend(document.due.map(|due| ("Due".to_owned(), day(due))));
        facts.extend(document.facts.iter().cloned());
        self.y = top;
        for (label, value) in &facts {
            self.text(facts_left, self.y + 8.0, (BODY, Weight::Regular, Ink::Muted), label);
            let label_width = self.fonts.width(Weight::Regular, BODY, label) + 10.0;
            for line in self.fonts.wrap(Weight::Regular, BODY, value, self.right() - facts_left - label_width) {
                self.text_right(self.right(), self.y + 8.0, (BODY, Weight::Regular, Ink::Text), &line);
                self.y += 15.0;
            }
        }
        self.y += 4.0;
        // The tint extends past the column on both sides, so that label and figure align with those above.
        self.rule(facts_left - 10.0, self.y, self.right() - facts_left + 20.0, 30.0, Ink::Tint);
        self.text(facts_left, self.y + 19.0, (BODY, Weight::Bold, Ink::Accent), document.kind.balance);
        self.text_right(self.right(), self.y + 20.2, (13.0, Weight::Bold, Ink::Accent), &self.money(document.balance));
        self.y = left.max(self.y + 30.0) + 30.0;
    }

    fn address(&mut self, label: &str, block: &Block, width: f32) -> f32 {
        let mut y = self.y;
        self.text(MARGIN, y + 7.0, (7.5, Weight::Bold, Ink::Muted), label);
        y += 15.0;
        for line in self.fonts.wrap(Weight::Bold, 10.5, &block.name, width) {
            self.text(MARGIN, y + 9.0, (10.5, Weight::Bold, Ink::Text), &line);
            y += 15.0;
        }
        for line in &block.lines {
            for line in self.fonts.wrap(Weight::Regular, BODY, line, width) {
                self.text(MARGIN, y + 8.0, (BODY, Weight::Regular, Ink::Text), &line);
                y += LEADING;
            }
        }
        y
    }

    /// Makes each figure column as wide as its widest entry.
    fn columns(&self) -> Columns {
        let widest = |texts: &mut dyn Iterator<Item = String>, head: &str| {
            let head = self.fonts.width(Weight::Bold, 7.5, head);
            texts.map(|t| self.fonts.width(Weight::Regular, BODY, &t)).fold(head, f32::max)
        };
        let lines = &self.document.lines;
        let gap = 18.0;
        let amount = self.right();
        let price = amount - gap - widest(&mut lines.iter().map(|l| self.money(l.total)), "AMOUNT").max(52.0);
        let quantity = price - gap - widest(&mut lines.iter().map(|l| self.price(l.unit_price)), "PRICE").max(46.0);
        let description = quantity - gap - widest(&mut lines.iter().map(|l| quantity_text(l.quantity)), "QTY");
        Columns { quantity, price, amount, description: description - MARGIN }
    }

    /// Formats a unit price; one with more decimals than the currency is shown with all of them.
    fn price(&self, price: Decimal) -> String {
        let currency = self.document.currency;
        if currency.fits(price) {
            return self.money(price);
        }
        let sign = if price.is_sign_negative() { "-" } else { "" };
        format!("{sign}{}{}", currency.symbol(), price.abs().normalize())
    }

    fn table_head(&mut self, columns: &Columns) {
        let style = (7.5, Weight::Bold, Ink::Muted);
        let y = self.y + 8.0;
        self.text(MARGIN, y, style, "DESCRIPTION");
        self.text_right(columns.quantity, y, style, "QTY");
        self.text_right(columns.price, y, style, "PRICE");
        self.text_right(columns.amount, y, style, "AMOUNT");
        self.y += 15.0;
        self.rule(MARGIN, self.y, self.right() - MARGIN, 0.8, Ink::Text);
    }

    fn table(&mut self) {
        let columns = self.columns();
        if self.left_over() < 90.0 {
            self.next_page();
        }
        self.table_head(&columns);
        for line in &self.document.lines {
            self.row(line, &columns);
        }
        self.y += 16.0;
    }

    /// Keeps a row on one page unless it is taller than half a page.
    fn row(&mut self, line: &DocumentLine, columns: &Columns) {
        let mut wrapped = self.fonts.wrap(Weight::Regular, BODY, &line.description, columns.description);
        if wrapped.is_empty() {
            wrapped.push(String::new());
        }
        #[expect(clippy::cast_precision_loss, reason = "a handful of lines")]
        let height = wrapped.len() as f32 * LEADING + 11.0;
        let room = self.left_over();
        if room < height && (height < self.height / 2.0 || room < 4.0 * LEADING) {
            self.next_page();
            self.table_head(columns);
        }
        let style = (BODY, Weight::Regular, Ink::Text);
        self.y += 7.0;
        for (index, text) in wrapped.iter().enumerate() {
            if self.left_over() < LEADING + 6.0 {
                self.next_page();
                self.table_head(columns);
                self.y += 7.0;
            }
            let y = self.y + 8.5;
            if index == 0 {
                self.text_right(columns.quantity, y, style, &quantity_text(line.quantity));
                self.text_right(columns.price, y, style, &self.price(line.unit_price));
                self.text_right(columns.amount, y, style, &self.money(line.total));
            }
            self.text(MARGIN, y, style, text);
            self.y += LEADING;
        }
        self.y += 4.0;
        self.rule(MARGIN, self.y, self.right() - MARGIN, 0.5, Ink::Line);
    }

    /// Sums on the right and payment details on the left, kept on one page.
    fn totals(&mut self) {
        let document = self.document;
        let rows = document.taxes.len() + document.included_taxes.len() + document.payments.len();
        #[expect(clippy::cast_precision_loss, reason = "a handful of rows")]
        let height = (rows as f32 * 16.0 + 100.0).max(if document.pay_url.is_some() { 130.0 } else { 0.0 });
        if self.left_over() < height {
            self.next_page();
        }
        let top = self.y;
        let left = self.right() - 236.0;
        self.sum(left, "Subtotal", &self.money(document.subtotal));
        if !document.discount.is_zero() {
            self.sum(left, "Discount", &self.money(-document.discount));
        }
        for AmountRow { label, amount } in &document.taxes {
            self.sum(left, label, &self.money(*amount));
        }
        self.y += 3.0;
        self.rule(left, self.y, self.right() - left, 0.8, Ink::Text);
        self.y += 7.0;
        let total = self.money(document.total);
        self.text(left, self.y + 9.5, (11.0, Weight::Bold, Ink::Text), "Total");
        self.text_right(self.right(), self.y + 9.5, (11.0, Weight::Bold, Ink::Text), &total);
        self.y += 19.0;
        for AmountRow { label, amount } in &document.included_taxes {
            self.sum(left, label, &self.money(*amount));
        }
        for AmountRow { label, amount } in &document.payments {
            self.sum(left, label, &self.money(-*amount));
        }
        self.y += 3.0;
        self.rule(left - 10.0, self.y, self.right() - left + 20.0, 28.0, Ink::Tint);
        let balance = self.money(document.balance);
        self.text(left, self.y + 18.0, (10.5, Weight::Bold, Ink::Accent), document.kind.balance);
        self.text_right(self.right(), self.y + 18.4, (12.0, Weight::Bold, Ink::Accent), &balance);
        self.y += 28.0;
        let paid_side = self.pay(top, left - 34.0);
        self.y = self.y.max(paid_side) + 26.0;
    }

    fn sum(&mut self, left: f32, label: &str, amount: &str) {
        let room = self.right() - left - self.fonts.width(Weight::Regular, BODY, amount) - 12.0;
        let lines = self.fonts.wrap(Weight::Regular, BODY, label, room);
        self.text_right(self.right(), self.y + 8.5, (BODY, Weight::Regular, Ink::Text), amount);
        for line in &lines {
            self.text(left, self.y + 8.5, (BODY, Weight::Regular, Ink::Muted), line);
            self.y += if lines.len() > 1 { 13.0 } else { 16.0 };
        }
    }

    fn pay(&mut self, top: f32, right: f32) -> f32 {
        let Some(url) = &self.document.pay_url else { return top };
        let Ok(modules) = qr::modules(url) else { return top };
        self.mark(Mark::Qr { x: MARGIN, y: top, size: QR, modules });
        let x = MARGIN + QR + 14.0;
        let mut y = top + 10.0;
        self.text(x, y, (10.5, Weight::Bold, Ink::Text), "Pay online");
        y += 14.0;
        for line in self.fonts.wrap(Weight::Regular, SMALL, "Scan with your phone's camera, or open:", right - x) {
            self.text(x, y, (SMALL, Weight::Regular, Ink::Muted), &line);
            y += 12.0;
        }
        let from = y - 10.0;
        let shown = url.trim_start_matches("https://");
        for line in self.fonts.wrap(Weight::Regular, 7.5, shown, right - x) {
            self.text(x, y, (7.5, Weight::Regular, Ink::Accent), &line);
            y += 10.5;
        }
        let link = |x, y, width, height| Mark::Link { x, y, width, height, url: url.clone() };
        self.mark(link(x, from, right - x, y - from));
        self.mark(link(MARGIN, top, QR, QR));
        y.max(top + QR)
    }

    fn words(&mut self) {
        for (label, text) in [("NOTES", &self.document.notes), ("TERMS", &self.document.terms)] {
            if text.trim().is_empty() {
                continue;
            }
            if self.left_over() < 44.0 {
                self.next_page();
            }
            self.text(MARGIN, self.y + 7.0, (7.5, Weight::Bold, Ink::Muted), label);
            self.y += 14.0;
            for line in self.fonts.wrap(Weight::Regular, SMALL, text, (self.right() - MARGIN).min(420.0)) {
                if self.left_over() < 12.0 {
                    self.next_page();
                }
                self.text(MARGIN, self.y + 8.0, (SMALL, Weight::Regular, Ink::Text), &line);
                self.y += 12.0;
            }
            self.y += 12.0;
        }
    }

    fn footers(&mut self) {
        let (right, y, count) = (self.right(), self.height - 34.0, self.pages.len());
        let style = (7.5, Weight::Regular, Ink::Muted);
        let left = format!("{} · {} {}", self.document.business.name, self.document.kind.title, self.document.number);
        let left = self.fonts.wrap(style.1, style.0, &left, right - MARGIN - 80.0).swap_remove(0);
        for index in 0..count {
            let number = format!("Page {} of {count}", index + 1);
            let x = right - self.fonts.width(style.1, style.0, &number);
            let (size, weight, ink) = style;
            let page = &mut self.pages[index];
            page.push(Mark::Fill { x: MARGIN, y: y - 14.0, width: right - MARGIN, height: 0.5, ink: Ink::Line });
            page.push(Mark::Text { x: MARGIN, y, size, weight, ink, text: left.clone() });
            page.push(Mark::Text { x, y, size, weight, ink, text: number });
        }
    }
}

fn quantity_text(quantity: Decimal) -> String {
    quantity.normalize().to_string()
}
