//! Aligned columns.

use oci::text::printable;

/// Rows of cells under a header, in columns two blanks apart. The last column is not padded.
#[derive(Debug, Default)]
pub(crate) struct Table {
    header: Vec<&'static str>,
    rows: Vec<Vec<String>>,
    right: Vec<usize>,
}

impl Table {
    /// Returns a table without rows. An empty header is not shown.
    pub(crate) fn new(header: &[&'static str]) -> Self {
        Self { header: header.to_vec(), rows: Vec::new(), right: Vec::new() }
    }

    /// Aligns a column to the right, as numbers are read.
    pub(crate) fn right(mut self, column: usize) -> Self {
        self.right.push(column);
        self
    }

    /// Adds a row. Control characters in the cells are escaped.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = impl AsRef<str>>) {
        self.rows.push(cells.into_iter().map(|cell| printable(cell.as_ref()).into_owned()).collect());
    }

    /// Tells whether there are no rows.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Returns the lines; none when there are no rows.
    pub(crate) fn lines(&self) -> Vec<String> {
        if self.rows.is_empty() {
            return Vec::new();
        }
        let header: Vec<String> = self.header.iter().map(|&cell| cell.to_owned()).collect();
        let lines: Vec<&Vec<String>> =
            Some(&header).filter(|header| !header.is_empty()).into_iter().chain(&self.rows).collect();
        let columns = lines.iter().map(|line| line.len()).max().unwrap_or(0);
        let width = |column: usize| lines.iter().filter_map(|line| line.get(column)).map(|c| c.chars().count()).max();
        let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
        let padded = |(column, cell): (usize, &String)| {
            let padding = " ".repeat(widths[column] - cell.chars().count());
            if self.right.contains(&column) { padding + cell } else { cell.clone() + &padding }
        };
        let joined = |line: &&Vec<String>| line.iter().enumerate().map(padded).collect::<Vec<_>>().join("  ");
        lines.iter().map(|line| joined(line).trim_end().to_owned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Table;

    #[test]
    fn columns_line_up_and_control_characters_do_not_break_them() {
        let mut table = Table::new(&["NAME", "SIZE", "NOTE"]).right(1);
        table.row(["a", "12 B", "x\ny"]);
        table.row(["longer", "3 B", ""]);
        assert_eq!(table.lines(), ["NAME    SIZE  NOTE", "a       12 B  x\\u{a}y", "longer   3 B"]);
        assert!(Table::new(&["NAME"]).lines().is_empty());
    }
}
