//! `peerlab-sim topology`: a graph drawn and measured.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::Args;
use peerlab_report::{
    charts::{self, GraphDrawing},
    cli::{Stop, input, pretty, print, table, tell},
    figures,
};
use peerlab_scenarios::{
    plan::{
        Graph,
        topology::{import, metrics::GraphMetrics},
    },
    seed::Seed,
    spec::topology::GraphFormat,
};

use super::{check, memory::Memory};

#[derive(Debug, Args)]
pub(super) struct Topology {
    /// A scenario (.yaml), GraphML (.graphml, .xml), or a list of edges (anything else).
    file: PathBuf,
    /// Print the metrics as JSON, and draw only with --out.
    #[arg(long)]
    json: bool,
    /// The seed, instead of the scenario's.
    #[arg(long, value_parser = clap::value_parser!(u64).range(..=Seed::MOST))]
    seed: Option<u64>,
    /// Where the drawing goes: `.svg` or `.png`. Default: beside where you are, under the file's name, as SVG.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Draw nothing.
    #[arg(long, conflicts_with = "out")]
    no_drawing: bool,
    /// Replace a drawing that is there.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    memory: Memory,
}

/// Draws the graph as SVG, when it is asked for.
type Drawing = Box<dyn FnOnce() -> String>;

/// The longest graph file: 1 GiB.
const MOST_OF_A_GRAPH: u64 = 1 << 30;

impl Topology {
    pub(super) fn run(&self) -> Result<u8, Stop> {
        // Before the work, so that a place that is taken costs no time.
        let unasked = self.no_drawing || (self.json && self.out.is_none());
        let place = if unasked { None } else { Some(self.place()?) };
        let (graph, svg) = self.read()?;
        let metrics = GraphMetrics::of(&graph);
        if self.json {
            print(&pretty(&metrics)?)?;
        } else {
            print(&self.table(&metrics)?)?;
        }
        if let Some(place) = place {
            draw(&place, &svg())?;
        }
        Ok(0)
    }

    fn read(&self) -> Result<(Graph, Drawing), Stop> {
        let extension = self.file.extension().map(|extension| extension.to_string_lossy().to_lowercase());
        if matches!(extension.as_deref(), Some("yaml" | "yml" | "json")) {
            let plan = check::prepare(&self.file, self.seed, self.memory).map_err(input::stop)?.plan;
            return Ok((plan.graph.clone(), Box::new(move || figures::map(&plan).svg())));
        }
        let name = self.file.display().to_string();
        let text = input::read_text(&self.file, MOST_OF_A_GRAPH)?;
        // Any text of two words a line would pass for edges.
        if text.lines().any(|line| line.trim_end() == "kind: Scenario") {
            return Err(Stop::Input(format!(
                "error: {name}: this is a scenario and no list of edges: let its name end in `.yaml`\n"
            )));
        }
        let imported = import::parse(&text, GraphFormat::of_name(&name))
            .map_err(|error| Stop::Input(format!("error: {name}: {error}\n")))?;
        if imported.dropped_loops + imported.dropped_duplicates > 0 {
            tell(&format!(
                "{name}: edges left out: {} from a node to itself, {} that had been given before\n",
                imported.dropped_loops, imported.dropped_duplicates
            ));
        }
        let graph = imported.graph;
        let title = format!("{name}: {} peers, {} edges", graph.peers(), graph.edges());
        let drawing = GraphDrawing {
            title,
            peers: graph.peers() as usize,
            edges: graph.links().map(|[a, b]| (a, b)).collect(),
        };
        Ok((graph, Box::new(move || drawing.svg())))
    }

    /// The metrics, a line each, under the names that `--json` gives them.
    fn table(&self, metrics: &GraphMetrics) -> Result<String, Stop> {
        let mut table = table::Table::new(&["metric", "value"]);
        if let serde_json::Value::Object(fields) = serde_json::to_value(metrics)? {
            for (name, value) in fields {
                let text = match value {
                    serde_json::Value::Null => "-".to_owned(),
                    serde_json::Value::Number(number) if number.is_f64() => {
                        // The spectral gap of a graph with a bottleneck is of the order of the last digit.
                        format!("{:.6}", number.as_f64().unwrap_or_default())
                    }
                    other => other.to_string(),
                };
                table.row(vec![name, text]);
            }
        }
        table.numbers_from(1);
        Ok(table.render(table::width()))
    }

    /// Where the drawing goes, if it may.
    fn place(&self) -> Result<PathBuf, Stop> {
        let default = || {
            let stem = self.file.file_stem().unwrap_or_default().to_string_lossy();
            PathBuf::from(format!("{stem}-topology.svg"))
        };
        let out = self.out.clone().unwrap_or_else(default);
        if out.exists() && !self.force {
            let out = out.display();
            return Err(Stop::Input(format!(
                "error: {out} exists already: name another with --out, or replace it with --force\n"
            )));
        }
        let folder = out.parent().filter(|parent| !parent.as_os_str().is_empty());
        if folder.is_some_and(|folder| !folder.is_dir()) {
            return Err(Stop::Input(format!("error: {}: there is no such folder\n", out.display())));
        }
        match out.extension().and_then(|extension| extension.to_str()) {
            Some("png" | "svg") => Ok(out),
            _ => Err(Stop::Input(format!("error: {}: a drawing ends in .svg or .png\n", out.display()))),
        }
    }
}

fn draw(place: &Path, svg: &str) -> Result<(), Stop> {
    let png = place.extension().is_some_and(|extension| extension == "png");
    let picture = if png { charts::png(svg, 2.0)? } else { svg.as_bytes().to_vec() };
    fs::write(place, picture)
        .map_err(|error| Stop::Input(format!("error: {}: {error}\n", place.display())))?;
    tell(&format!("drawn in {}\n", place.display()));
    Ok(())
}
