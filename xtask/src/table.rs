//! Columns of text, as wide as they need to be.

/// Prints the rows to stdout under their headings.
pub fn print<const COLUMNS: usize>(headings: [&str; COLUMNS], rows: &[[String; COLUMNS]]) {
    println!("{}", render(headings, rows));
}

fn render<const COLUMNS: usize>(headings: [&str; COLUMNS], rows: &[[String; COLUMNS]]) -> String {
    let headings = headings.map(str::to_owned);
    let lines: Vec<&[String; COLUMNS]> = std::iter::once(&headings).chain(rows).collect();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; COLUMNS] = std::array::from_fn(width);
    let render_line = |line: &&[String; COLUMNS]| {
        let cells = line.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    lines.iter().map(render_line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::render;

    #[test]
    fn columns_line_up() {
        let rows = [["crane".into(), "0.22.1".into()], ["distribution".into(), "3.1.2".into()]];
        assert_eq!(
            render(["peer", "version"], &rows),
            "peer          version\ncrane         0.22.1\ndistribution  3.1.2"
        );
    }
}
