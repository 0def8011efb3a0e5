//! What the house allows against its own rules, with a reason each. These lists may only shrink: an entry that no longer happens fails the guard.

/// (slice, tables above its floor that its queries read, why).
pub const READS_ABOVE: &[(&str, &str, &str)] = &[];

/// (slice, tables of other slices that its queries write, why).
pub const WRITES_OF_OTHERS: &[(&str, &str, &str)] = &[];
