//! The command line of the operator.

mod run;
mod trial;

use std::{net::SocketAddr, process::ExitCode};

use clap::{Parser, Subcommand, ValueEnum};
use peerlab_operator::settings::{Cost, HTTP_PORT, PodTemplate, Settings};
use peerlab_scenarios::spec::crd;

/// The exit code for what the user can put right.
const BAD_INPUT: u8 = 2;

/// The exit code of a try that failed.
const FAILED: u8 = 1;

/// Runs peerlab's scenarios on Kubernetes.
#[derive(Debug, Parser)]
#[command(name = "peerlab-operator", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print the custom resource definition: `peerlab-operator crd | kubectl apply --server-side -f -`.
    Crd,
    /// Run the scenarios of a cluster until told to end.
    Run(Box<Run>),
    /// Run a scenario of three peers, say what came of it, and delete it.
    Try(trial::Trial),
}

#[derive(Debug, clap::Args)]
struct Run {
    /// The image that has `peerlab-node`, for conductors and peers.
    #[arg(long, env = "PEERLAB_IMAGE", value_name = "IMAGE")]
    image: String,
    /// When nodes pull it.
    #[arg(long, env = "PEERLAB_PULL_POLICY", value_name = "POLICY", default_value = "IfNotPresent", value_parser = ["Always", "IfNotPresent", "Never"])]
    pull_policy: String,
    /// The only namespace to look for scenarios in. Without it, all are.
    #[arg(long, env = "PEERLAB_NAMESPACE", value_name = "NAME")]
    namespace: Option<String>,
    /// The namespace that the operator itself runs in: for its lease, and for who may ask conductors.
    #[arg(long, env = "POD_NAMESPACE", value_name = "NAME")]
    own_namespace: Option<String>,
    /// The name of this replica, in the lease and in events.
    #[arg(long, env = "POD_NAME", value_name = "NAME")]
    identity: Option<String>,
    /// Work only while holding the lease `peerlab-operator`, so that there may be several replicas.
    #[arg(long, requires_all = ["own_namespace", "identity"])]
    leader_elect: bool,
    /// Where to answer to `/livez`, `/readyz` and `/metrics`.
    #[arg(long, value_name = "ADDRESS", default_value_t = SocketAddr::from(([0, 0, 0, 0], HTTP_PORT)))]
    listen: SocketAddr,
    /// How to write the log; `RUST_LOG` says how much of it.
    #[arg(long, env = "PEERLAB_LOG", value_name = "FORM", default_value = "json")]
    log: LogForm,
    /// How many scenarios are dealt with at a time.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..))]
    concurrency: u16,
    /// The most peers that a scenario may have.
    #[arg(long, env = "PEERLAB_MAX_PEERS", value_name = "N", default_value_t = 20_000)]
    max_peers: u32,
    /// What a pod asks for before its first peer: thousandths of a processor and MiB.
    #[arg(long, env = "PEERLAB_POD_COST", value_name = "MILLICPU,MIB", default_value_t = Cost::OF_A_POD, value_parser = cost)]
    pod_cost: Cost,
    /// What it asks for with each of its peers.
    #[arg(long, env = "PEERLAB_PEER_COST", value_name = "MILLICPU,MIB", default_value_t = Cost::OF_A_PEER, value_parser = cost)]
    peer_cost: Cost,
    /// What pods have besides, as JSON: nodeSelector, tolerations, imagePullSecrets, priorityClassName.
    #[arg(long, env = "PEERLAB_POD_TEMPLATE", value_name = "JSON", default_value = "{}", value_parser = pod_template)]
    pod_template: PodTemplate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LogForm {
    /// One JSON object a line.
    Json,
    /// For people.
    Pretty,
}

fn cost(text: &str) -> Result<Cost, String> {
    let number = |text: &str| text.trim().parse::<u32>().map_err(|error| format!("`{text}`: {error}"));
    let (millicpu, mebibytes) =
        text.split_once(',').ok_or("two numbers with a comma between, such as `10,4`")?;
    Ok(Cost { millicpu: number(millicpu)?, mebibytes: number(mebibytes)? })
}

fn pod_template(text: &str) -> Result<PodTemplate, serde_json::Error> {
    serde_json::from_str(text)
}

impl Run {
    fn settings(&self) -> Settings {
        Settings {
            image: self.image.clone(),
            pull_policy: self.pull_policy.clone(),
            own_namespace: self.own_namespace.clone(),
            pod: self.pod_cost,
            peer: self.peer_cost,
            pods: self.pod_template.clone(),
            max_peers: self.max_peers,
            http_port: HTTP_PORT,
        }
    }
}

pub(super) fn main() -> ExitCode {
    // A build of the whole workspace has more than one provider, since libp2p brings another, and rustls would choose none of them.
    rustls::crypto::ring::default_provider().install_default().expect("nothing was encrypted before");
    let (done, failure) = match Cli::parse().command {
        Command::Crd => {
            let definition = serde_yaml::to_string(&crd::definition()).expect("a definition is YAML");
            print!("{definition}");
            (Ok(()), BAD_INPUT)
        }
        Command::Run(options) => (run::run(&options), BAD_INPUT),
        Command::Try(trial) => (trial.run(), FAILED),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(failure)
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn costs_are_two_numbers() {
        assert_eq!(cost("10, 4"), Ok(Cost { millicpu: 10, mebibytes: 4 }));
        for wrong in ["", "10", "10,", "10,4,1", "-1,4", "1.5,4"] {
            assert!(cost(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_cost_is_read_as_it_is_written() {
        assert_eq!(cost(&Cost::OF_A_POD.to_string()), Ok(Cost::OF_A_POD));
    }

    #[test]
    fn a_pod_template_has_only_words_that_are_known() {
        let template =
            pod_template(r#"{"nodeSelector": {"type": "kwok"}, "tolerations": [{"operator": "Exists"}]}"#);
        assert_eq!(template.map(|template| template.tolerations.len()).ok(), Some(1));
        assert!(pod_template(r#"{"nodeSelektor": {}}"#).is_err());
    }
}
