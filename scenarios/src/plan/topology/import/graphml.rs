//! GraphML (Brandes, Eiglsperger, Herman, Himsolt and Marshall, GraphML progress report, Graph Drawing 2001):
//! the `node` and `edge` elements of the one `graph` in a `graphml` document.
//!
//! The document is read as a stream. Nothing in it is expanded but the five entities of XML itself; a
//! document type with declarations of its own is refused, and so is nesting without end. Hyperedges and
//! nested graphs are refused rather than left out; data, ports and keys are not read.

use indexmap::IndexSet;
use quick_xml::{
    Reader, XmlVersion,
    events::{BytesStart, Event},
};

use super::{ImportError, Imported, MOST_LINKS, assemble};

/// Levels of elements: `graphml`, `graph`, `node`, `data` and what editors put into these.
const MOST_LEVELS: usize = 64;

pub(super) fn parse(text: &str) -> Result<Imported, ImportError> {
    let mut document = Document { text, level: 0, graphs: 0, ids: IndexSet::new(), edges: Vec::new() };
    let mut reader = Reader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    loop {
        let event = reader
            .read_event()
            .map_err(|error| document.malformed(reader.error_position() as usize, error.to_string()))?;
        let at = reader.buffer_position() as usize;
        match event {
            Event::Start(element) => document.open(&element, at)?,
            Event::End(_) => document.level -= 1,
            Event::DocType(declaration) if declaration.contains('[') => {
                return Err(ImportError::Entities { line: document.line(at) });
            }
            Event::Eof if document.level > 0 => {
                return Err(document.malformed(at, "it ends before its elements do".to_owned()));
            }
            Event::Eof => return document.finish(),
            _ => {}
        }
    }
}

/// What has been read so far. Places are offsets in bytes; a line is only counted out for an error.
struct Document<'a> {
    text: &'a str,
    /// Open elements.
    level: usize,
    graphs: usize,
    ids: IndexSet<String>,
    /// The ids of each edge's ends, and where it is: nodes may come after the edges that name them.
    edges: Vec<([String; 2], usize)>,
}

impl Document<'_> {
    fn line(&self, at: usize) -> usize {
        1 + self.text.as_bytes()[..at.min(self.text.len())].iter().filter(|&&byte| byte == b'\n').count()
    }

    fn malformed(&self, at: usize, why: String) -> ImportError {
        ImportError::Xml { line: self.line(at), why }
    }

    fn open(&mut self, element: &BytesStart<'_>, at: usize) -> Result<(), ImportError> {
        let local = element.local_name();
        let not_simple = |what| Err(ImportError::NotSimple { line: self.line(at), what });
        match (self.level, local.as_ref()) {
            (0, "graphml") => {}
            (0, other) => {
                return Err(ImportError::NotGraphMl { line: self.line(at), root: other.to_owned() });
            }
            (1, "graph") if self.graphs > 0 => return not_simple("a second graph"),
            (1, "graph") => self.graphs += 1,
            (2, "node") => self.add_node(element, at)?,
            (2, "edge") => self.add_edge(element, at)?,
            (2, "hyperedge") => return not_simple("a hyperedge"),
            (3, "graph") => return not_simple("a graph inside a node or edge"),
            (MOST_LEVELS.., _) => {
                return Err(ImportError::TooDeep { line: self.line(at), most: MOST_LEVELS });
            }
            _ => {}
        }
        self.level += 1;
        Ok(())
    }

    fn add_node(&mut self, element: &BytesStart<'_>, at: usize) -> Result<(), ImportError> {
        let id = self.attribute(element, "node", "id", at)?;
        let (place, is_new) = self.ids.insert_full(id);
        if !is_new {
            return Err(ImportError::RepeatedNode { line: self.line(at), id: self.ids[place].clone() });
        }
        Ok(())
    }

    fn add_edge(&mut self, element: &BytesStart<'_>, at: usize) -> Result<(), ImportError> {
        if self.edges.len() as u64 == MOST_LINKS {
            return Err(ImportError::TooManyLinks { line: self.line(at) });
        }
        let source = self.attribute(element, "edge", "source", at)?;
        let target = self.attribute(element, "edge", "target", at)?;
        self.edges.push(([source, target], at));
        Ok(())
    }

    fn attribute(
        &self,
        of: &BytesStart<'_>,
        element: &'static str,
        attribute: &'static str,
        at: usize,
    ) -> Result<String, ImportError> {
        let found = of.try_get_attribute(attribute).map_err(|error| self.malformed(at, error.to_string()))?;
        let Some(found) = found else {
            return Err(ImportError::NoAttribute { line: self.line(at), element, attribute });
        };
        let value = found.normalized_value(XmlVersion::Implicit1_0);
        value.map(Into::into).map_err(|error| self.malformed(at, error.to_string()))
    }

    fn finish(self) -> Result<Imported, ImportError> {
        let mut links = Vec::with_capacity(self.edges.len());
        for (ends, at) in &self.edges {
            let place = |id: &String| {
                let known = self.ids.get_index_of(id).map(|place| place as u32);
                known.ok_or_else(|| ImportError::NoSuchNode { line: self.line(*at), id: id.clone() })
            };
            links.push([place(&ends[0])?, place(&ends[1])?]);
        }
        assemble(self.ids, links)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> ImportError {
        parse(text).unwrap_err()
    }

    #[test]
    fn the_way_the_topology_zoo_publishes_them() {
        let text = r#"<?xml version="1.0" encoding="utf-8"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
  <key attr.name="Latitude" attr.type="double" for="node" id="d29" />
  <graph edgedefault="undirected">
    <edge source="a &amp; b" target="1"><data key="d42">OC-192</data></edge>
    <node id="a &amp; b"><data key="d29">40.71427</data></node>
    <node id="1"/><node id="2"></node>
    <edge source="2" target="1"/><edge source="1" target="2"/>
  </graph>
</graphml>"#;
        let imported = parse(text).expect("GraphML");
        assert_eq!(imported.labels, ["a & b", "1", "2"]);
        assert_eq!(imported.graph.links().collect::<Vec<_>>(), [[0, 1], [1, 2]]);
        assert_eq!((imported.dropped_loops, imported.dropped_duplicates), (0, 1));
    }

    #[test]
    fn a_prefix_and_an_outside_document_type_do_no_harm() {
        let text = "<!DOCTYPE g:graphml SYSTEM 'graphml.dtd'>\n\
                    <g:graphml><g:graph><g:node id='x'/></g:graph></g:graphml>";
        assert_eq!(parse(text).map(|imported| imported.labels), Ok(vec!["x".to_owned()]));
    }

    #[test]
    fn entities_are_refused_before_they_are_expanded() {
        let bomb = "<?xml version='1.0'?>\n\
                    <!DOCTYPE graphml [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;&a;'>]>\n<graphml/>";
        assert_eq!(refused(bomb), ImportError::Entities { line: 2 });
        let unknown = refused("<graphml><graph>\n<node id='&b;'/></graph></graphml>");
        assert!(matches!(unknown, ImportError::Xml { line: 2, .. }), "{unknown}");
    }

    #[test]
    fn nesting_without_end_is_refused() {
        let text = format!("<graphml>{}", "<a>".repeat(1_000_000));
        assert_eq!(refused(&text), ImportError::TooDeep { line: 1, most: MOST_LEVELS });
    }

    #[test]
    fn what_is_not_a_simple_graph_is_refused_by_line() {
        let graph = |inside: &str| refused(&format!("<graphml>\n<graph>\n{inside}\n</graph></graphml>"));
        assert_eq!(graph("<node/>"), ImportError::NoAttribute { line: 3, element: "node", attribute: "id" });
        assert_eq!(
            graph("<node id='1'/>\n<node id='1'/>"),
            ImportError::RepeatedNode { line: 4, id: "1".to_owned() }
        );
        assert_eq!(
            graph("<node id='1'/>\n\n<edge source='1' target='7'/>"),
            ImportError::NoSuchNode { line: 5, id: "7".to_owned() }
        );
        assert_eq!(graph("<hyperedge/>"), ImportError::NotSimple { line: 3, what: "a hyperedge" });
        assert_eq!(
            graph("<node id='1'><graph/></node>"),
            ImportError::NotSimple { line: 3, what: "a graph inside a node or edge" }
        );
        assert_eq!(
            refused("<graphml><graph/>\n<graph/></graphml>"),
            ImportError::NotSimple { line: 2, what: "a second graph" }
        );
    }

    #[test]
    fn what_is_not_graphml_is_refused_by_line() {
        assert_eq!(refused("\n<svg/>"), ImportError::NotGraphMl { line: 2, root: "svg".to_owned() });
        assert_eq!(refused("1 2\n2 3\n"), ImportError::Empty);
        assert_eq!(refused("<graphml/>"), ImportError::Empty);
        for broken in
            ["<graphml>", "<graphml><graph></graphml>", "<graphml></graph>", "</graphml>", "<graphml"]
        {
            assert!(
                matches!(refused(broken), ImportError::Xml { line: 1, .. }),
                "{broken}: {}",
                refused(broken)
            );
        }
    }
}
