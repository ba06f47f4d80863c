//! `peerlab-sim verify`: whether this build reproduces what others published.

use clap::Args;
use peerlab_report::cli::{
    Stop, pretty, print,
    table::{self, Table},
};
use peerlab_simulator::verify::{EXPERIMENTS, Experiment, Finding, Within};
use serde_json::json;

#[derive(Debug, Args)]
pub(super) struct Verify {
    /// Only these experiments.
    names: Vec<String>,
    /// Say which experiments there are, and run none.
    #[arg(long, conflicts_with = "names")]
    list: bool,
    /// Print the findings as JSON.
    #[arg(long)]
    json: bool,
}

impl Verify {
    pub(super) fn run(&self) -> Result<u8, Stop> {
        let chosen = self.chosen()?;
        if self.list {
            let mut table = Table::new(&["experiment", "what is done"]);
            for experiment in chosen {
                table.row(vec![experiment.name.to_owned(), experiment.what.to_owned()]);
            }
            print(&table.render(table::width()))?;
            return Ok(0);
        }
        let (mut held, mut rows) = (true, Vec::new());
        for experiment in chosen {
            for finding in experiment.findings() {
                held &= finding.holds();
                if self.json {
                    rows.push(
                        json!({"experiment": experiment.name, "holds": finding.holds(), "finding": finding}),
                    );
                } else {
                    print(&told(experiment, &finding))?;
                }
            }
        }
        if self.json {
            print(&pretty(&rows)?)?;
        }
        Ok(u8::from(!held))
    }

    fn chosen(&self) -> Result<Vec<&'static Experiment>, Stop> {
        let known = |name: &String| EXPERIMENTS.iter().any(|experiment| experiment.name == name);
        if let Some(stranger) = self.names.iter().find(|name| !known(name)) {
            let names: Vec<&str> = EXPERIMENTS.iter().map(|experiment| experiment.name).collect();
            return Err(Stop::Input(format!(
                "error: there is no experiment `{stranger}`\n   = help: known: {}\n",
                names.join(", ")
            )));
        }
        let asked = |experiment: &&Experiment| {
            self.names.is_empty() || self.names.iter().any(|name| name == experiment.name)
        };
        Ok(EXPERIMENTS.iter().filter(asked).collect())
    }
}

/// A finding, as a sentence and its figures.
fn told(experiment: &Experiment, finding: &Finding) -> String {
    let off = match finding.within {
        Within::Share(most) => format!("{:.2} % (at most {:.1} %)", finding.off() * 100.0, most * 100.0),
        Within::Absolute(most) => format!("{:.3} (at most {most})", finding.off()),
    };
    let word = if finding.holds() { "reproduced" } else { "MISSED" };
    format!(
        "{}: {}\n    {word} within {off}: {:.6} here, {:.6} by {}\n",
        experiment.name, finding.figure, finding.measured, finding.published, finding.source
    )
}
