//! Tables for people: one line per row, as wide as the terminal, and whole in files and pipes.

use std::time::Duration;

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Row, Table, presets};

/// Creates a table with this header.
///
/// `columns` is the width of the terminal. Cells that do not fit are cut, and end in `…`. Without a width nothing is cut.
pub fn new(columns: Option<u16>, header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header.iter().copied()).set_truncation_indicator("…");
    if let Some(columns) = columns {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(columns);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 1));
    }
    table
}

/// Adds a row of one line.
pub fn add<const N: usize>(table: &mut Table, cells: [String; N]) {
    let mut row = Row::from(cells);
    row.max_height(1);
    table.add_row(row);
}

/// Never cuts these columns.
pub fn keep(table: &mut Table, columns: impl IntoIterator<Item = usize>) {
    for column in columns {
        if let Some(column) = table.column_mut(column) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
}

/// Aligns these columns to the right, as numbers are.
pub fn align_right(table: &mut Table, columns: impl IntoIterator<Item = usize>) {
    for column in columns {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

/// Returns the text of a table, without blanks at the ends of lines.
pub fn text(table: &Table) -> String {
    table.trim_fmt()
}

/// Returns an age in one unit, the largest that it fills: `90s` is `1m`.
pub fn age(age: Duration) -> String {
    match age.as_secs() {
        seconds @ 0..60 => format!("{seconds}s"),
        seconds @ 60..3_600 => format!("{}m", seconds / 60),
        seconds @ 3_600..86_400 => format!("{}h", seconds / 3_600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

/// Breaks a text at blanks, so that no line is longer than the terminal, except for a longer word. Without a width the
/// text stays as it is.
pub fn wrap(text: &str, columns: Option<u16>) -> String {
    let Some(columns) = columns.map(usize::from) else { return text.to_owned() };
    let mut lines = String::new();
    let mut used = 0;
    for word in text.split(' ') {
        let width = word.chars().count();
        if used > 0 && used + 1 + width > columns {
            lines += "\n  ";
            used = 2;
        } else if used > 0 {
            lines.push(' ');
            used += 1;
        }
        lines += word;
        used += width;
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_has_one_unit() {
        let shown = [0, 59, 60, 3_599, 3_600, 86_399, 86_400, 8_640_000].map(|s| age(Duration::from_secs(s)));
        assert_eq!(shown, ["0s", "59s", "1m", "59m", "1h", "23h", "1d", "100d"]);
    }

    #[test]
    fn a_long_text_is_broken_at_blanks() {
        assert_eq!(wrap("aaa bbb ccc", Some(7)), "aaa bbb\n  ccc");
        assert_eq!(wrap("aaa bbb ccc", None), "aaa bbb ccc");
        assert_eq!(wrap("aaaaaaaaaa b", Some(4)), "aaaaaaaaaa\n  b");
    }

    #[test]
    fn a_row_is_one_line_that_fits_the_terminal() {
        let fill = |columns| {
            let mut table = new(columns, &["ID", "TEXT"]);
            keep(&mut table, [0]);
            add(&mut table, ["0123456789".into(), "some words that need room".into()]);
            text(&table)
        };
        let narrow = fill(Some(20));
        assert_eq!(narrow.lines().count(), 2, "{narrow}");
        assert!(narrow.lines().all(|line| line.chars().count() <= 20), "{narrow}");
        assert!(narrow.contains("0123456789") && narrow.contains('…'), "{narrow}");
        assert!(fill(Some(80)).contains("some words that need room"));
        assert!(fill(None).contains("some words that need room"));
    }
}
