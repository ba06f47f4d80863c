//! `peerlab-sim run --seeds N`: several runs, and the report on them.

use std::path::Path;

use peerlab_report::{
    cli::{Stop, interrupt::INTERRUPTED, pretty, print, table},
    html,
    page::warm_up,
    quantity::{Unit, grouped},
};
use peerlab_scenarios::report::{Statistic, Trust, Verdict, replicates::Replicates};
use peerlab_simulator::replicates::{self, Schedule, junit, page};

use super::Run;
use crate::cli::{
    check::{self, ToRun},
    replicates::make,
};

/// Runs that are several.
const FEWEST_RUNS: u64 = 2;

impl Run {
    /// Makes the runs that are asked for.
    pub(super) fn run_replicates(&self) -> Result<u8, Stop> {
        if self.output.facts.is_some() {
            return Err(Stop::Input(
                "error: --facts is for one run: give a seed instead of several\n".to_owned(),
            ));
        }
        let ToRun { ready, cost, limit } = check::prepare_run(&self.file, self.seed, self.memory)?;
        let plan = &ready.plan;
        let schedule = self.replication.schedule(&plan.spec, plan.seed.0, FEWEST_RUNS)?;
        let schedule = schedule.within(cost.memory(), cost.memory_of_thread(), limit);
        self.output.check_junit()?;
        let folder = self.place.begin(plan, &name(&schedule))?;
        let interrupt = self.output.listen(&folder)?;
        let Some(made) = make(&ready, &schedule, &interrupt, self.output.quiet)? else {
            return Ok(INTERRUPTED);
        };
        let report = &made.batch.report;

        let figures = replicates::figures(&made.batch, &made.curves);
        folder.write_charts(&figures)?;
        made.write(&folder, "", &ready)?;
        folder.write("report.html", html::study(&page::page(report, figures)).as_bytes())?;
        self.output.write_junit(|| junit::xml(report, made.took.as_secs_f64()))?;
        let place = folder.finish()?;

        if self.output.json {
            print(&pretty(report)?)?;
        } else if !self.output.quiet {
            let events = made.batch.runs.iter().map(|run| run.events).sum();
            print(&summary(report, events, made.took.as_secs_f64(), &place))?;
        }
        Ok(if interrupt.came() { INTERRUPTED } else { report.verdict().exit_code() })
    }
}

/// What the folder of several runs is called.
fn name(schedule: &Schedule) -> String {
    if schedule.rule.is_some() {
        format!("seeds-from-{}", schedule.first_seed)
    } else {
        format!("seeds-{}-to-{}", schedule.first_seed, schedule.seed(schedule.runs - 1))
    }
}

/// What a person wants to see first.
fn summary(report: &Replicates, events: u64, took: f64, place: &Path) -> String {
    let (scenario, runs) = (&report.scenario, report.seeds.len());
    let mut text = format!(
        "{}: {} peers, {runs} runs with the seeds {}, {} of virtual time each in {} ({} events, {:.1} M/s)\n\n",
        scenario.name,
        grouped(u64::from(scenario.peers)),
        page::seeds(&report.seeds),
        Unit::Seconds.show(scenario.duration + scenario.cool_down),
        Unit::Seconds.show(took),
        grouped(events),
        events as f64 / took / 1e6,
    );
    let shown = [Statistic::Mean, Statistic::P50, Statistic::P95, Statistic::P99];
    let heads: Vec<&str> = std::iter::once("metric").chain(shown.map(Statistic::name)).collect();
    let mut metrics = table::Table::new(&heads);
    for (name, metric) in &report.metrics {
        let numbers = shown.map(|statistic| page::spread(metric, statistic));
        metrics.row(std::iter::once(name.clone()).chain(numbers).collect());
    }
    metrics.numbers_from(1);
    text.push_str(&metrics.render(table::width()));
    text.push_str("± half of the 95 % interval over runs, relative to the mean\n");
    if !report.targets.is_empty() {
        let mut targets = table::Table::new(&["target", "bound", "observed (95 % interval)", "met in", ""]);
        for target in &report.targets {
            targets.row(vec![
                target.metric.clone(),
                page::bound(target),
                page::observed(target),
                format!("{} of {runs}", target.met_in),
                page::answer(target.answer).to_owned(),
            ]);
        }
        text.push('\n');
        text.push_str(&targets.render(table::width()));
    }
    text.push_str(&format!("\nwarm-up: {}\n", warm_up(scenario.warm_up, &scenario.settling)));
    if let Some(stopping) = &report.stopping {
        text.push_str(&format!("{}\n", page::stopping(stopping, runs)));
    }
    if report.validity.state == Trust::Degraded {
        text.push_str(&format!("DEGRADED: {}\n", report.validity.reasons.join("; ")));
    }
    let word = match report.verdict() {
        Verdict::Met => "PASS",
        Verdict::Missed => "FAIL",
        Verdict::Invalid => "INVALID",
    };
    let place = place.join("report.html");
    text.push_str(&format!("{word}: {}\nreport: {}\n", page::verdict(report), place.display()));
    text
}
