//! Draws the laid-out pages into a PDF.

use chrono::Datelike as _;
use krilla::{
    action::{Action, LinkAction},
    annotation::{LinkAnnotation, Target},
    color::rgb,
    geom::{Path, PathBuilder, Point, Rect, Size, Transform},
    image::Image,
    metadata::{DateTime, Metadata},
    page::PageSettings,
    paint::Fill,
    surface::Surface,
};

use super::{
    Document, PdfError,
    layout::{Ink, Mark, Page},
    typeset::Fonts,
};

/// Decodes a logo; returns `None` if it is neither PNG nor JPEG, or damaged.
pub fn logo(bytes: &[u8]) -> Option<Image> {
    let data = bytes.to_vec().into();
    let image = if bytes.starts_with(b"\x89PNG") { Image::from_png(data, true) } else { Image::from_jpeg(data, true) };
    image.ok().filter(|image| image.size().0 > 0 && image.size().1 > 0)
}

/// Width and height in pixels.
#[expect(clippy::cast_precision_loss, reason = "an image is not millions of pixels wide")]
pub fn logo_size(image: &Image) -> (f32, f32) {
    let (width, height) = image.size();
    (width as f32, height as f32)
}

/// Draws the pages and sets the document's metadata; returns the file's bytes.
pub fn pdf(document: &Document, fonts: &Fonts, logo: Option<Image>, pages: &[Page]) -> Result<Vec<u8>, PdfError> {
    let (width, height) = document.paper.size();
    let mut pdf = krilla::Document::new();
    pdf.set_metadata(metadata(document));
    for marks in pages {
        let settings = PageSettings::from_wh(width, height).ok_or_else(|| PdfError("the paper has no size".to_owned()))?;
        let mut page = pdf.start_page_with(settings);
        let mut surface = page.surface();
        for mark in marks {
            draw(&mut surface, fonts, logo.as_ref(), mark);
        }
        surface.finish();
        for mark in marks {
            if let Mark::Link { x, y, width, height, url } = mark
                && let Some(rect) = Rect::from_xywh(*x, *y, *width, *height)
            {
                let target = Target::Action(Action::from(LinkAction::new(url.clone())));
                page.add_annotation(LinkAnnotation::new(rect, target).into());
            }
        }
        page.finish();
    }
    pdf.finish().map_err(|e| PdfError(format!("{e:?}")))
}

/// Uses the issue date rather than the current time, so that the same record gives the same bytes.
fn metadata(document: &Document) -> Metadata {
    let issued = document.issued;
    let small = |n: u32| u8::try_from(n).unwrap_or(1);
    let date = DateTime::new(u16::try_from(issued.year()).unwrap_or(1970)).month(small(issued.month())).day(small(issued.day()));
    Metadata::new()
        .title(format!("{} {}", document.kind.title, document.number))
        .authors(vec![document.business.name.clone()])
        .creator("Rounds".to_owned())
        .language("en".to_owned())
        .creation_date(date)
}

fn draw(surface: &mut Surface<'_>, fonts: &Fonts, logo: Option<&Image>, mark: &Mark) {
    match mark {
        Mark::Text { x, y, size, weight, ink, text } => {
            surface.set_fill(Some(fill(*ink)));
            let glyphs = fonts.glyphs(*weight, text);
            surface.draw_glyphs(Point::from_xy(*x, *y), &glyphs, fonts.font(*weight), text, *size, false);
        }
        Mark::Fill { x, y, width, height, ink } => {
            if let Some(path) = rectangle(*x, *y, *width, *height) {
                surface.set_fill(Some(fill(*ink)));
                surface.draw_path(&path);
            }
        }
        Mark::Logo { x, y, width, height } => {
            if let (Some(image), Some(size)) = (logo, Size::from_wh(*width, *height)) {
                surface.push_transform(&Transform::from_translate(*x, *y));
                surface.draw_image(image.clone(), size);
                surface.pop();
            }
        }
        Mark::Qr { x, y, size, modules } => {
            if let Some(path) = squares(*x, *y, *size, modules) {
                surface.set_fill(Some(Fill { paint: rgb::Color::black().into(), ..Fill::default() }));
                surface.draw_path(&path);
            }
        }
        Mark::Link { .. } => {}
    }
}

fn rectangle(x: f32, y: f32, width: f32, height: f32) -> Option<Path> {
    let mut path = PathBuilder::new();
    path.push_rect(Rect::from_xywh(x, y, width, height)?);
    path.finish()
}

/// The code's modules as a path. The page's white serves as the quiet zone: the layout keeps four modules around the code free.
#[expect(clippy::cast_precision_loss, reason = "a QR code has at most 177 squares a side")]
fn squares(x: f32, y: f32, size: f32, modules: &platform::qr::Modules) -> Option<Path> {
    let unit = size / modules.width as f32;
    let mut path = PathBuilder::new();
    for (column, row, length) in modules.runs() {
        let (left, top) = (x + column as f32 * unit, y + row as f32 * unit);
        path.push_rect(Rect::from_xywh(left, top, length as f32 * unit, unit)?);
    }
    path.finish()
}

fn fill(ink: Ink) -> Fill {
    let color = match ink {
        Ink::Text => rgb::Color::new(22, 25, 33),
        Ink::Muted => rgb::Color::new(88, 93, 103),
        Ink::Accent => rgb::Color::new(10, 93, 143),
        Ink::Line => rgb::Color::new(222, 221, 216),
        Ink::Tint => rgb::Color::new(231, 240, 247),
    };
    Fill { paint: color.into(), ..Fill::default() }
}
