//! Charts: the runs' distributions over one another, and their degrees side by side.

use peerlab_report::{
    charts::{Cdf, Curve, Degrees, Scale, Shares},
    html::Figure,
    quantity::Unit,
};
use peerlab_scenarios::report::{
    fidelity::{Fidelity, Run},
    metric,
};

/// The charts of a comparison, in the order of the page.
#[must_use]
pub fn figures(fidelity: &Fidelity, runs: &[Run]) -> Vec<Figure> {
    let mut figures = Vec::new();
    for (metric, what, quantity) in [
        (metric::DELIVERY_LATENCY, "Delivery latency", "Time from post to showing"),
        (metric::INSTALL_TIME, "Time to install", "Time from a release to an install"),
        (metric::FIND_TIME, "Time to find providers", "Time from asking to knowing"),
    ] {
        let of = |name: &str| {
            let workload = name.strip_suffix(metric.name)?.strip_suffix('.')?;
            Some((name.to_owned(), workload.to_owned()))
        };
        for (name, workload) in fidelity.distances.iter().filter_map(|apart| of(&apart.metric)) {
            let title = format!("{what} of {workload}");
            let curve = |run: &Run| {
                let distribution = run.distributions.get(&name)?;
                Some(Curve::new(run.name.clone(), distribution.shares().collect()))
            };
            let svg = Cdf {
                title: title.clone(),
                quantity: quantity.to_owned(),
                unit: Unit::Seconds,
                shares: Shares::Samples,
                curves: runs.iter().filter_map(curve).collect(),
                scale: Scale::Auto,
                quantiles: true,
                target: None,
            }
            .svg();
            let id = format!("{workload}-{}", what.to_lowercase().replace(' ', "-"));
            let caption = "The cumulative distribution of each run. Where only one line is seen, the others lie below it.";
            figures.push(Figure { id, title, caption: caption.to_owned(), svg });
        }
    }
    let (what, of) = if fidelity.degrees.mesh {
        ("Peers in a mesh of gossipsub", "Meshes")
    } else {
        ("Connections of a peer at the end", "Peers")
    };
    let counts =
        |number: usize| fidelity.degrees.rows.iter().map(move |(degree, counts)| (*degree, counts[number]));
    let of_runs = fidelity.runs.iter().enumerate();
    let degrees = of_runs.map(|(number, run)| (run.name.clone(), counts(number).collect())).collect();
    figures.push(Figure {
        id: "degrees".to_owned(),
        title: what.to_owned(),
        caption: format!("{of} by their degree, in each run."),
        svg: Degrees { title: what.to_owned(), of: of.to_owned(), runs: degrees }.svg(),
    });
    figures
}
