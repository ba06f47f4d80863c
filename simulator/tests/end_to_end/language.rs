//! Every word of the language once: each changes a small scenario, which must then run and hold to all invariants.

use crate::simulated::{Simulated, simulate};

/// Fields of a small scenario, each of which a test may write otherwise.
const FIELDS: [(&str, &str); 7] = [
    ("duration", "30s"),
    ("coolDown", "20s"),
    ("sites", "[]"),
    ("groups", "[{name: all, peers: 16}]"),
    ("topology", "{kRegular: {degree: 4}}"),
    ("overlay", "{plumtree: {membership: {plan: {}}}}"),
    ("workloads", "[{name: talk, chat: {posts: {poisson: {every: 500ms}}, sync: {every: 2s}}}]"),
];

/// The small scenario with these lines instead of its own, or besides.
fn with(lines: &str) -> String {
    let field = |line: &str| line.split_once(':').map(|(field, _)| field.trim().to_owned());
    let given: Vec<_> = lines.lines().filter_map(field).collect();
    let own = FIELDS.iter().filter(|(field, _)| !given.iter().any(|other| other == field));
    let own: Vec<_> = own.map(|(field, value)| format!("{field}: {value}")).collect();
    format!("{}\n{lines}", own.join("\n"))
}

fn runs(lines: &str, files: &[(&str, &str)]) -> Simulated {
    let simulated = simulate(&with(lines), files).unwrap_or_else(|why| panic!("{lines}\n{why}"));
    for invariant in &simulated.report.invariants {
        assert!(invariant.holds, "{lines}: {}: {}", invariant.name, invariant.detail);
    }
    assert!(!simulated.page.contains("NaN"), "{lines}: the page shows what is no number");
    simulated
}

/// How many posts were shown to other members.
fn shown(simulated: &Simulated) -> u64 {
    simulated.report.metrics["talk.delivery.latency"].n
}

fn completeness(simulated: &Simulated) -> f64 {
    simulated.report.metrics["talk.delivery.completeness"].mean
}

#[test]
fn every_topology_carries_every_overlay_that_it_can() {
    let graph = (
        "graph.txt",
        "# sixteen in a ring\n0 1\n1 2\n2 3\n3 4\n4 5\n5 6\n6 7\n7 8\n8 9\n9 a\na b\nb c\nc d\nd e\ne f\nf 0\n",
    );
    for topology in [
        "{fullMesh: {}}",
        "{ring: {}}",
        "{star: {}}",
        "{star: {hub: all}}",
        "{kRegular: {degree: 5}}",
        "{erdosRenyi: {meanDegree: 8}}",
        "{erdosRenyi: {probability: 60%}}",
        "{wattsStrogatz: {degree: 4, rewire: 20%}}",
        "{barabasiAlbert: {links: 2}}",
        "{tree: {branching: 3}}",
        "{grid: {columns: 4}}",
        "{grid: {columns: 4, torus: true}}",
        "{geographic: {near: 3, far: 1}}",
        "{hypercube: {}}",
        "{deBruijn: {base: 2}}",
        "{import: {file: graph.txt}}",
        "{edges: {list: [[0,1],[1,2],[2,3],[3,4],[4,5],[5,6],[6,7],[7,8],[8,9],[9,10],[10,11],[11,12],[12,13],[13,14],[14,15]]}}",
    ] {
        let overlays = [
            "{flood: {}}",
            "{plumtree: {}}",
            "{plumtree: {membership: {plan: {}}}}",
            "{gossipsub: {}}",
            "{star: {}}",
        ];
        let is_star = topology.contains("star:");
        for overlay in overlays.iter().filter(|overlay| is_star || **overlay != "{star: {}}") {
            let simulated = runs(&format!("topology: {topology}\noverlay: {overlay}"), &[graph]);
            assert!(completeness(&simulated) > 99.9, "{topology} {overlay}: {}", completeness(&simulated));
        }
    }
}

#[test]
fn a_server_needs_a_star() {
    let why = simulate(&with("overlay: {star: {}}"), &[]).err().expect("it is refused");
    assert!(why.contains("at spec.overlay.star"), "{why}");
}

/// Members dial one another to compare what they hold, whatever the overlay's links.
#[test]
fn peers_that_are_not_linked_hear_each_other_by_catching_up() {
    let pair = runs("topology: {edges: {list: [[0, 1]]}}\noverlay: {flood: {}}\n", &[]);
    let live = pair.report.metrics["talk.delivery.live"].n;
    assert!(0 < live && live < shown(&pair) / 10);
    let nobody = runs("topology: {edges: {list: []}}\noverlay: {flood: {}}\n", &[]);
    assert_eq!(nobody.report.metrics["talk.delivery.live"].n, 0);
    assert!(completeness(&nobody) > 99.0);
}

#[test]
fn two_peers_are_a_network_and_one_is_not() {
    let two = runs("groups: [{name: all, peers: 2}]\ntopology: {fullMesh: {}}", &[]);
    assert!(shown(&two) > 0);
    let why = simulate(&with("groups: [{name: all, peers: 1}]\ntopology: {fullMesh: {}}"), &[]).err();
    assert!(why.expect("it is refused").contains("at least 2 members"));
}

#[test]
fn every_behaviour_is_borne() {
    let groups = |behaviour: &str| {
        format!(
            "groups: [{{name: all, peers: 14}}, {{name: bad, peers: 2, behaviour: {{{behaviour}: {{}}}}}}]"
        )
    };
    for behaviour in ["honest", "silent", "freeRider", "corruptor"] {
        for overlay in ["{flood: {}}", "{plumtree: {}}", "{gossipsub: {}}"] {
            let simulated = runs(&format!("{}\noverlay: {overlay}", groups(behaviour)), &[]);
            assert!(shown(&simulated) > 0, "{behaviour} {overlay}");
            let tainted = simulated.report.metrics["overlay.tainted"].mean;
            assert_eq!(tainted > 0.0, behaviour == "corruptor", "{behaviour} {overlay}: {tainted}");
        }
    }
    let all_silent = runs("groups: [{name: all, peers: 16, behaviour: {silent: {}}}]", &[]);
    assert_eq!(shown(&all_silent), 0);
}

#[test]
fn every_way_to_come_and_go_is_borne() {
    let trace = ("sessions.csv", "peer,from,to\n0,0,5\n0,8,30\n1,2,20\n2,0,40\n3,0,40\n");
    for life in [
        "join: {at: {time: 10s}}",
        "join: {poisson: {over: 20s}}",
        "churn: {online: {exponential: {mean: 5s}}, offline: {exponential: {mean: 2s}}}",
        "churn: {online: {weibull: {shape: 0.6, mean: 5s}}, offline: {uniform: {min: 1s, max: 3s}}, leave: graceful}",
        "churn: {online: {logNormal: {median: 5s, sigma: 1}}, offline: {constant: {value: 2s}}, initially: stationary}",
        "churn: {online: {pareto: {shape: 1.5, min: 1s}}, offline: {pareto: {shape: 1.5, min: 1s}}}",
        // No mean, or one that no run will live to see: the walk to the stationary state must end all the same.
        "churn: {online: {pareto: {shape: 0.1, min: 1s}}, offline: {logNormal: {median: 1s, sigma: 10}}, initially: stationary}",
        "churn: {online: {exponential: {mean: 20ms}}, offline: {exponential: {mean: 20ms}}}",
        "online: {weekly: {from: \"00:00\", to: \"24:00\"}}",
        "online: {weekly: {days: [mon], from: \"09:00\", to: \"17:00\", jitter: 5s, startsAt: 8h59m55s}}",
        "online: {trace: {file: sessions.csv}}",
    ] {
        for overlay in ["{flood: {}}", "{plumtree: {}}", "{gossipsub: {}}"] {
            let groups = format!("groups: [{{name: all, peers: 12}}, {{name: some, peers: 4, {life}}}]");
            let simulated = runs(&format!("{groups}\noverlay: {overlay}"), &[trace]);
            assert!(shown(&simulated) > 0, "{life} {overlay}");
        }
    }
}

#[test]
fn every_fault_hits_and_heals() {
    for fault in [
        "partition: {between: [{group: left}, {group: right}]}",
        "outage: {group: right}",
        "outage: {}",
        "degrade: {latency: 200ms}",
        "degrade: {who: {group: left}, loss: 30%}",
        "degrade: {rate: 0%}",
        "degrade: {loss: 100%, rate: 0%, latency: 4s}",
        "kill: {group: right, share: 50%}",
        "stop: {peers: [0, 3]}",
    ] {
        for overlay in [
            "{flood: {}}",
            "{plumtree: {}}",
            "{plumtree: {membership: {plan: {}}}}",
            "{gossipsub: {score: {}}}",
        ] {
            let groups = "groups: [{name: left, peers: 8}, {name: right, peers: 8}]";
            let lines = format!(
                "duration: 1m\n{groups}\noverlay: {overlay}\nfaults: [{{name: f, at: 10s, for: 20s, {fault}}}]"
            );
            let simulated = runs(&lines, &[]);
            assert!(simulated.report.scenario.faults[0].hits > 0, "{fault} {overlay}");
        }
    }
}

/// Peers that cannot even meet are cut as well as those that have met.
#[test]
fn an_outage_from_the_start_has_hit_something() {
    runs(
        "groups: [{name: all, peers: 16}]\noverlay: {plumtree: {}}\nfaults: [{name: f, at: 0s, for: 10s, outage: {}}]",
        &[],
    );
}

#[test]
fn every_network_carries_posts() {
    let matrix = ("matrix.csv", "from,here,there\nhere,1,50\nthere,50,2\n");
    for network in [
        "{latency: {fixed: {oneWay: 20ms}}, jitter: 0%}",
        "{latency: {fixed: {oneWay: 0s}}, jitter: 100%}",
        "{latency: {drawn: {oneWay: {logNormal: {median: 50ms, sigma: 0.5}}}}}",
        "{latency: {drawn: {oneWay: {pareto: {shape: 0.1, min: 1ms}}}}}",
        "{latency: {regions: {table: ethereum}}}",
        "{latency: {regions: {table: aws-2024, spread: 0%}}}",
        "{latency: {regions: {table: simblock-2019, spread: 100%}}}",
        "{latency: {matrix: {file: matrix.csv}}}",
        "{loss: 5%, jitter: 50%}",
        "{overhead: 0B, packet: 64B, handshake: 1}",
        "{handshake: 20, timeout: 1s}",
        "{processing: {perMessage: 1ms, perKibibyte: 1ms, byKind: {gossip: 2ms}}}",
    ] {
        let simulated = runs(&format!("network: {network}"), &[matrix]);
        assert!(shown(&simulated) > 0, "{network}");
    }
}

#[test]
fn what_takes_for_ever_ends_with_the_run() {
    for lines in [
        "network: {processing: {perMessage: 5200w, perKibibyte: 5200w}}",
        "network: {timeout: 5200w}\noverlay: {plumtree: {announceAfter: 5200w, missingAfter: 5200w, retryAfter: 5200w, keep: 5200w}}",
        "overlay: {gossipsub: {heartbeatInterval: 5200w, heartbeatInitialDelay: 5200w, fanoutTtl: 5200w, pruneBackoff: 5200w, \
         iwantFollowupTime: 5200w, publishQueueDuration: 5200w, duplicateCacheTime: 5200w, score: {decayInterval: 5200w}}}",
        "groups: [{name: all, peers: 16, link: {up: 1bit, down: 1bit}}]\noverlay: {gossipsub: {}}",
        "groups: [{name: all, peers: 16, link: {up: 1bit, down: 1bit}}]",
        "groups: [{name: all, peers: 16, link: {access: {exponential: {mean: 5200w}}}}]",
        "groups: [{name: all, peers: 16, link: {loss: 100%}}]",
    ] {
        runs(lines, &[]);
    }
    let why = simulate(&with("coolDown: 30000w"), &[]).err().expect("it is refused");
    assert!(why.contains("is too large"), "{why}");
}

#[test]
fn every_link_and_site_carries_posts() {
    for profile in ["datacenter", "fibre", "cable", "dsl", "mobile"] {
        let simulated =
            runs(&format!("groups: [{{name: all, peers: 16, link: {{profile: {profile}}}}}]"), &[]);
        assert!(completeness(&simulated) > 99.9, "{profile}");
    }
    let shared = "sites: [{name: office, count: 4, uplink: {down: 10Mbit, up: 1Mbit, latency: 15ms}}]\ngroups: [{name: all, peers: 16, site: office}]";
    assert!(completeness(&runs(shared, &[])) > 99.9);
}

#[test]
fn nobody_hears_an_isolated_site() {
    let sites = "sites: [{name: field, isolated: true, lan: {rate: 20Mbit, delay: 3ms, loss: 2%}}]";
    let groups = "groups: [{name: inside, peers: 8, site: field}, {name: outside, peers: 8}]";
    let simulated = runs(&format!("{sites}\n{groups}\ntopology: {{fullMesh: {{}}}}"), &[]);
    // Seven of the fifteen others are on the author's side.
    assert!((completeness(&simulated) - 700.0 / 15.0).abs() < 2.0, "{}", completeness(&simulated));
}

#[test]
fn every_kind_of_chat_is_held() {
    let trace = ("posts.csv", "time,room,member,bytes\n1s,0,0,10\n1.5s,0,3,200\n20s,0,1,0\n");
    for chat in [
        "{}",
        "{rooms: 8, members: 3, posts: {poisson: {every: 2s}}}",
        "{posts: {burst: {every: 10s, size: 20, within: 1s}}}",
        "{posts: {diurnal: {every: 1s, peak: \"14:00\", trough: 0%, day: 30s}}}",
        "{posts: {trace: {file: posts.csv}}}",
        "{body: 0B, posts: {poisson: {every: 1s}}}",
        "{body: 512Ki, posts: {poisson: {every: 1s}}}",
        "{presence: {every: 1s, timeout: 3s}, readReceipts: true, posts: {poisson: {every: 1s}}}",
        "{archive: {peers: [0]}, rooms: 4, members: 3, posts: {poisson: {every: 1s}}}",
    ] {
        let simulated = runs(&format!("workloads: [{{name: talk, chat: {chat}}}]"), &[trace]);
        assert!(shown(&simulated) > 0, "{chat}");
    }
    let two = "workloads: [{name: talk, chat: {}}, {name: more, who: {count: 5}, chat: {posts: {poisson: {every: 1s}}}}]";
    assert!(runs(two, &[]).report.metrics["more.delivery.latency"].n > 0);
}

/// What a scenario says of itself is shown as it is written, in a page that is markup.
#[test]
fn descriptions_are_text() {
    let lines = "description: \"<script>alert('x')</script> & ]]> \\\"\"";
    let page = runs(lines, &[]).page;
    assert!(!page.contains("<script>alert") && page.contains("&lt;script&gt;alert"));
}

#[test]
fn ten_thousand_peers_take_seconds() {
    let chat = "workloads: [{name: talk, chat: {rooms: 5, members: 100, posts: {poisson: {every: 500ms}}, sync: {every: 10s}}}]";
    let lines = format!("duration: 1s\ncoolDown: 4s\ngroups: [{{name: all, peers: 10000}}]\n{chat}");
    assert!(shown(&runs(&lines, &[])) > 0);
}
