//! Lays out blocks on the calendar's grid of quarter hours.

use super::calendar::Block;

/// The most blocks side by side: more would be too narrow to read or to tap.
const LANES: usize = 3;
/// The number of rows: the quarter hours of a day.
const ROWS: i64 = 96;

/// First and (exclusive) last row, rounded to the nearest quarter hour; at least two rows, so that the block can be tapped.
fn rows(block: &Block, start: i64) -> (i64, i64) {
    let row = |minute: i64| (minute - start + 7).div_euclid(15);
    let from = row(block.from).clamp(0, ROWS - 2);
    (from, row(block.to).clamp(from + 2, ROWS))
}

/// Sets each block's grid classes (`t4 s6`: first row and number of rows), with overlapping blocks side by side. If more than three
/// overlap, the surplus stays in the page for the list of narrow screens, and an extra block shows their number and links to `list`.
pub(super) fn arrange(blocks: &mut Vec<Block>, start: i64, list: &str) {
    blocks.sort_by_key(|b| (b.from, b.to));
    let mut more = vec![];
    let mut i = 0;
    while i < blocks.len() {
        let (mut end, mut last) = (rows(&blocks[i], start).1, i + 1);
        while last < blocks.len() && rows(&blocks[last], start).0 < end {
            end = end.max(rows(&blocks[last], start).1);
            last += 1;
        }
        more.extend(side_by_side(&mut blocks[i..last], start, list));
        i = last;
    }
    blocks.extend(more);
}

/// Lays out one group of overlapping blocks. Returns the block that stands for those without a lane, if there are any.
fn side_by_side(blocks: &mut [Block], start: i64, list: &str) -> Option<Block> {
    let (mut places, depth) = lanes(blocks, start, usize::MAX);
    let is_full = depth > LANES;
    if is_full {
        places = lanes(blocks, start, LANES - 1).0;
    }
    let shown = depth.min(LANES);
    let class = |rest: &str, lane: usize, (from, to): (i64, i64)| {
        let side = if shown > 1 { format!(" n{shown} x{lane}") } else { String::new() };
        format!("block{rest}{side} t{from} s{}", to - from)
    };
    let (mut count, mut span) = (0, (ROWS, 0));
    for (b, place) in blocks.iter_mut().zip(places) {
        let at = rows(b, start);
        match place {
            Some(lane) => b.class = class(&b.class, lane, at),
            None => {
                b.class = format!("block{} unplaced", b.class);
                span = (span.0.min(at.0), span.1.max(at.1));
                count += 1;
            }
        }
    }
    is_full.then(|| Block {
        class: class(" more", LANES - 1, span),
        href: list.into(),
        name: format!("+{count}"),
        words: "more".into(),
        ..Block::default()
    })
}

/// The lane of each block (`None` once `most` lanes are full), and the number of lanes used.
fn lanes(blocks: &[Block], start: i64, most: usize) -> (Vec<Option<usize>>, usize) {
    let mut free: Vec<i64> = vec![];
    let places = blocks
        .iter()
        .map(|b| {
            let (from, to) = rows(b, start);
            let lane = free.iter().position(|until| *until <= from).or_else(|| (free.len() < most).then_some(free.len()))?;
            if lane == free.len() {
                free.push(to);
            } else {
                free[lane] = to;
            }
            Some(lane)
        })
        .collect();
    (places, free.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(from: i64, to: i64) -> Block {
        Block { from, to, ..Block::default() }
    }

    fn classes(spans: &[(i64, i64)]) -> Vec<String> {
        let mut blocks = spans.iter().map(|(from, to)| at(*from, *to)).collect();
        arrange(&mut blocks, 480, "/calendar?view=list");
        blocks.into_iter().map(|b| b.class).collect()
    }

    #[test]
    fn blocks_at_the_same_time_stand_side_by_side() {
        assert_eq!(classes(&[(600, 660), (540, 630), (660, 700)]), ["block n2 x0 t4 s6", "block n2 x1 t8 s4", "block t12 s3"]);
    }

    #[test]
    fn the_shortest_is_high_enough_and_nothing_leaves_the_grid() {
        assert_eq!(classes(&[(420, 430)]), ["block t0 s2"]);
        assert_eq!(classes(&[(1425, 1740)]), ["block t63 s21"]);
        // Two blocks of ten minutes each would cover each other.
        assert_eq!(classes(&[(480, 490), (495, 505)]), ["block n2 x0 t0 s2", "block n2 x1 t1 s2"]);
        // Consecutive blocks that are not on a quarter hour.
        assert_eq!(classes(&[(575, 610), (610, 650)]), ["block t6 s3", "block t9 s2"]);
    }

    #[test]
    fn what_finds_no_place_is_counted_and_never_covered() {
        let five = classes(&[(540, 600), (540, 600), (545, 605), (550, 610), (600, 660)]);
        assert_eq!(five[0], "block n3 x0 t4 s4");
        assert_eq!(five[1], "block n3 x1 t4 s4");
        assert_eq!(five[2..4], ["block unplaced", "block unplaced"]);
        assert_eq!(five[4], "block n3 x0 t8 s4");
        assert_eq!(five[5], "block more n3 x2 t4 s5");
    }
}
