//! Plain edge lists, as SNAP, KONECT, Network Repository and the SuiteSparse collection publish them.
//!
//! A line is a link: two ids with white space, a comma or a semicolon between them. What comes after the
//! second id (weights, times) is not read. A line of one id is a node that may have no link. Lines that begin
//! with `#`, `%`, `;` or `//` are comments, and empty ones say nothing. Two kinds of first line are no link: the column
//! names of a table (two names where all other ids are whole numbers), and the size of a Matrix Market file
//! (after its `%%MatrixMarket` banner).

use indexmap::IndexSet;

use super::{ImportError, Imported, MOST_LINKS, assemble};

const MATRIX_MARKET: &str = "%%MatrixMarket";

pub(super) fn parse(text: &str) -> Result<Imported, ImportError> {
    let mut ids: IndexSet<String> = IndexSet::new();
    let mut links = Vec::new();
    let header = column_names(text);
    let mut size_line_is_next = text.starts_with(MATRIX_MARKET);
    for (line, content) in lines(text) {
        if content.contains('\0') {
            return Err(ImportError::NotText { line });
        }
        if content.starts_with('<') {
            return Err(ImportError::XmlAsEdgeList { line });
        }
        if std::mem::take(&mut size_line_is_next) || header == Some(line) {
            continue;
        }
        let mut fields = fields(content);
        let Some(a) = fields.next() else { continue };
        let a = place_of(a, &mut ids);
        let Some(b) = fields.next() else { continue };
        links.push([a, place_of(b, &mut ids)]);
        if links.len() as u64 > MOST_LINKS {
            return Err(ImportError::TooManyLinks { line });
        }
    }
    assemble(ids, links)
}

/// The lines that say something, numbered from 1.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let numbered = text.lines().enumerate().map(|(i, content)| (i + 1, content.trim()));
    let is_comment = |content: &str| content.starts_with(['#', '%', ';']) || content.starts_with("//");
    numbered.filter(move |(_, content)| !content.is_empty() && !is_comment(content))
}

fn fields(content: &str) -> impl Iterator<Item = &str> {
    content.split(|c: char| c.is_whitespace() || c == ',' || c == ';').filter(|field| !field.is_empty())
}

/// The line of column names, if the first line holds such.
fn column_names(text: &str) -> Option<usize> {
    let is_number = |id: &str| id.bytes().all(|b| b.is_ascii_digit());
    let mut lines = lines(text);
    let (first, names) = lines.next()?;
    let mut others = lines.flat_map(|(_, content)| fields(content).take(2)).peekable();
    let names_columns =
        !fields(names).take(2).any(is_number) && others.peek().is_some() && others.all(is_number);
    names_columns.then_some(first)
}

/// The place of an id among those seen, at their end if it is new.
fn place_of(id: &str, ids: &mut IndexSet<String>) -> u32 {
    let place = match ids.get_index_of(id) {
        Some(place) => place,
        None => ids.insert_full(id.to_owned()).0,
    };
    place as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Imported {
        parse(text).expect("an edge list")
    }

    fn links(text: &str) -> Vec<[u32; 2]> {
        read(text).graph.links().collect()
    }

    #[test]
    fn the_way_snap_publishes_them() {
        let text = "# Directed graph (each unordered pair of nodes is saved once): CA-GrQc.txt \r\n\
                    # Nodes: 5242 Edges: 28980\r\n# FromNodeId\tToNodeId\r\n\
                    3466\t937\r\n3466\t5233\r\n937\t3466\r\n";
        let imported = read(text);
        assert_eq!(imported.labels, ["937", "3466", "5233"]);
        assert_eq!(imported.dropped_duplicates, 1);
        assert_eq!(imported.graph.links().collect::<Vec<_>>(), [[0, 1], [1, 2]]);
    }

    #[test]
    fn the_way_konect_publishes_them_with_weights_and_times() {
        assert_eq!(links("% sym weighted\n% 2 3 3\n1 2 4.5 1082040961\n  2   3  -1 0\n"), [[0, 1], [1, 2]]);
    }

    #[test]
    fn comments_of_other_kinds_are_no_links() {
        assert_eq!(links("// made by hand\n; two links\n1;2\n//1 9\n2 3\n"), [[0, 1], [1, 2]]);
    }

    #[test]
    fn a_matrix_market_file_begins_with_its_size() {
        let text = "%%MatrixMarket matrix coordinate pattern symmetric\n%---\n3 3 2\n2 1\n3 1\n";
        assert_eq!(links(text), [[0, 1], [0, 2]]);
    }

    #[test]
    fn the_column_names_of_a_table_are_no_nodes() {
        assert_eq!(read("id_1,id_2\n0,1\n1,2\n").labels, ["0", "1", "2"]);
        assert_eq!(read("alice bob\nbob carol\n").labels, ["alice", "bob", "carol"]);
        assert_eq!(read("alice,bob\n").labels, ["alice", "bob"]);
    }

    #[test]
    fn ids_may_be_anything_and_alone() {
        let imported = read("übung, 10.0.0.1:80\n\n12D3KooW;übung\nlonely\n");
        assert_eq!(imported.labels, ["übung", "10.0.0.1:80", "12D3KooW", "lonely"]);
        assert_eq!(imported.graph.links().collect::<Vec<_>>(), [[0, 1], [0, 2]]);
        assert_eq!(imported.graph.degree(3), 0);
    }

    #[test]
    fn what_is_no_edge_list_is_refused_by_line() {
        assert_eq!(parse(""), Err(ImportError::Empty));
        assert_eq!(parse("# nothing\n\n,\n"), Err(ImportError::Empty));
        assert_eq!(parse("1 2\n\u{1f}\u{8b}\0\u{3}\n"), Err(ImportError::NotText { line: 2 }));
        assert_eq!(parse("\n<?xml version='1.0'?>\n"), Err(ImportError::XmlAsEdgeList { line: 2 }));
    }
}
