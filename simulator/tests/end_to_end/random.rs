//! Scenarios that nobody would write: whatever is valid runs to its end, accounts for every message, shows no post twice,
//! out of order or to a stranger, and installs nothing that was not released; twice with the same outcome, the second time on
//! several threads where that is possible.

use proptest::prelude::*;

use crate::simulated::{simulate, simulate_on};

fn topology() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "{fullMesh: {}}",
        "{ring: {}}",
        "{star: {}}",
        "{kRegular: {degree: 4}}",
        "{erdosRenyi: {meanDegree: 2}}",
        "{wattsStrogatz: {degree: 4, rewire: 50%}}",
        "{barabasiAlbert: {links: 2}}",
        "{tree: {}}",
        "{geographic: {near: 2, far: 1}}",
        "{hypercube: {}}",
        "{deBruijn: {base: 3}}",
        "{edges: {list: [[0, 1], [2, 3], [3, 4]]}}",
    ])
}

fn overlay() -> impl Strategy<Value = String> {
    let times = (1u32..200, 1u32..600, 1u32..400, 0u32..20);
    prop_oneof![
        Just("{flood: {}}".to_owned()),
        gossipsub(),
        (times, prop::bool::ANY, 1u32..6, 1u32..5).prop_map(
            |((announce, missing, retry, keep), plan, active, period)| {
                let membership = if plan {
                    "{plan: {}}".to_owned()
                } else {
                    format!("{{hyParView: {{active: {active}, shuffleEvery: {period}s, answerWithin: {period}s}}}}")
                };
                format!(
                    "{{plumtree: {{announceAfter: {announce}ms, missingAfter: {missing}ms, retryAfter: {retry}ms, \
                     keep: {keep}s, membership: {membership}}}}}"
                )
            }
        ),
    ]
}

fn gossipsub() -> impl Strategy<Value = String> {
    let mesh = (1u32..6, 0u32..4, 0u32..8, 0u32..6);
    let times = (1u32..3_000, 0u32..2_000, 1u32..4_000, 1u32..4_000);
    (mesh, times, 0u32..20, prop::bool::ANY, prop::bool::ANY, prop::bool::ANY).prop_map(
        |((n, less, more, lazy), (beat, wait, remember, backoff), buffer, flood, signed, score)| {
            let (low, high, outbound) = (n.saturating_sub(less), n + more, n.saturating_sub(less).min(n / 2));
            let authenticity = if signed { "signed" } else { "anonymous" };
            let score = if score { ", score: {}" } else { "" };
            format!(
                "{{gossipsub: {{meshN: {n}, meshNLow: {low}, meshNHigh: {high}, meshOutboundMin: {outbound}, \
                 gossipLazy: {lazy}, heartbeatInterval: {beat}ms, heartbeatInitialDelay: {wait}ms, \
                 duplicateCacheTime: {remember}ms, pruneBackoff: {backoff}ms, sendBuffer: {buffer}kB, \
                 floodPublish: {flood}, authenticity: {authenticity}{score}}}}}"
            )
        },
    )
}

fn life() -> impl Strategy<Value = String> {
    let churn = (50u32..5_000, 50u32..5_000, prop::bool::ANY, prop::bool::ANY);
    prop_oneof![
        Just(String::new()),
        (0u32..10).prop_map(|at| format!(", join: {{at: {{time: {at}s}}}}")),
        (1u32..10).prop_map(|over| format!(", join: {{poisson: {{over: {over}s}}}}")),
        churn.prop_map(|(online, offline, graceful, stationary)| format!(
            ", churn: {{online: {{weibull: {{shape: 0.6, mean: {online}ms}}}}, offline: {{exponential: {{mean: {offline}ms}}}}, \
             leave: {}, initially: {}}}",
            if graceful { "graceful" } else { "crash" },
            if stationary { "stationary" } else { "online" },
        )),
    ]
}

fn behaviour() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["honest", "honest", "silent", "freeRider", "corruptor", "staleSeeder"])
}

/// What stands before the two groups, and how it is traversed; nothing, as often.
fn translation() -> impl Strategy<Value = Option<([&'static str; 2], String)>> {
    let kind =
        || prop::sample::select(vec!["open", "fullCone", "addressRestricted", "portRestricted", "symmetric"]);
    let behind = prop::sample::select(vec!["addressRestricted", "portRestricted", "symmetric"]);
    let limits = (0u32..=100, 0u32..=100, 5u32..30, 1u32..20, 1u32..10, 1u32..50);
    let more = (behind, kind(), limits).prop_map(
        |(one, two, (punching, first, reservations, circuits, lifetime, data))| {
            let traversal = format!(
                "{{relays: servers, punching: {punching}%, firstAttempt: {first}%, reservations: {reservations}, circuits: {circuits}, \
                 lifetime: {lifetime}s, data: {data}kB}}"
            );
            ([one, two], traversal)
        },
    );
    prop::option::of(more)
}

fn group(name: &'static str) -> impl Strategy<Value = String> {
    let link = prop::sample::select(vec!["datacenter", "fibre", "cable", "dsl", "mobile"]);
    (3u32..12, link, life(), behaviour()).prop_map(move |(peers, link, life, behaviour)| {
        format!(
            "{{name: {name}, peers: {}, link: {{profile: {link}}}, behaviour: {{{behaviour}: {{}}}}{life}}}",
            peers * 2
        )
    })
}

fn network() -> impl Strategy<Value = String> {
    (0u32..=100, 0u32..20, 1u32..4, 1u32..20, 64u32..1500, 0u32..2_000).prop_map(
        |(jitter, loss, handshake, timeout, packet, work)| {
            format!(
                "{{jitter: {jitter}%, loss: {loss}%, handshake: {handshake}, timeout: {timeout}s, packet: {packet}B, \
                 processing: {{perMessage: {work}us}}}}"
            )
        },
    )
}

fn fault(name: &'static str) -> impl Strategy<Value = String> {
    let kind = prop_oneof![
        Just("partition: {between: [{group: one}, {group: two}]}".to_owned()),
        Just("outage: {group: one}".to_owned()),
        (1u32..2_000, 0u32..=100, 0u32..=100).prop_map(|(ms, loss, rate)| format!(
            "degrade: {{latency: {ms}ms, loss: {loss}%, rate: {rate}%}}"
        )),
        (1u32..6).prop_map(|count| format!("kill: {{count: {count}}}")),
        (1u32..6).prop_map(|count| format!("stop: {{group: two, count: {count}}}")),
    ];
    let lasts = prop_oneof![Just(String::new()), (1u32..9).prop_map(|seconds| format!("for: {seconds}s, "))];
    (0u32..10, lasts, kind)
        .prop_map(move |(at, lasts, kind)| format!("{{name: {name}, at: {at}s, {lasts}{kind}}}"))
}

fn update() -> impl Strategy<Value = Option<String>> {
    let sizes = (1u32..400, 1u32..64, 1u32..4, 1u32..3_000);
    let fetch = (1u32..20, 1u32..8, 1u32..3_000, 1u32..500, 1u32..9);
    let partners = (0u32..5, 0u32..3, 1u32..4);
    let update = (sizes, fetch, partners).prop_map(
        |((size, chunk, releases, every), (parallel, per, patience, announce, fallback), (near, far, sources))| {
            format!(
                "{{publisher: {{count: {sources}}}, at: 1s, size: {size}Ki, chunk: {chunk}Ki, releases: {releases}, every: {every}ms, \
                 partners: {{near: {near}, far: {far}}}, fallback: {fallback}s, rollout: [{{share: 30%, after: 0s}}, \
                 {{share: 100%, after: 1s}}], fetch: {{parallel: {parallel}, perHolder: {per}, patience: {patience}ms, \
                 announceAfter: {announce}ms}}}}"
            )
        },
    );
    prop::option::of(update)
}

/// Kademlia, and what is looked up in it; nothing, as often.
fn lookups() -> impl Strategy<Value = Option<(String, String)>> {
    let table = (1u32..24, 1u32..5, prop::bool::ANY, 1u32..9, 1u32..6);
    let load = (1u32..30, 1u32..6, 20u32..900, 20u32..900, 1u32..4);
    let both = (table, load).prop_map(
        |((k, alpha, filled, refresh, idle), (contents, copies, find, find_peers, wanted))| {
            let start = if filled { "{filled: {}}" } else { "{few: {count: 2}}" };
            let kademlia = format!(
                "{{k: {k}, alpha: {alpha}, start: {start}, refresh: {refresh}s, queryTimeout: 2s, idleTimeout: {idle}s, \
                 providerTtl: 4s, republish: 1s, maxContents: 20}}"
            );
            let lookups = format!(
                "{{contents: {contents}, copies: {copies}, provideAt: 1s, provideWithin: 1s, find: {{every: {find}ms}}, \
                 findPeers: {{every: {find_peers}ms}}, wanted: {wanted}}}"
            );
            (kademlia, lookups)
        },
    );
    prop::option::of(both)
}

fn spec() -> impl Strategy<Value = String> {
    let chat = (1u32..4, 2u32..6, 50u32..800, 0u32..3_000, 1u32..5, prop::bool::ANY);
    let groups = (group("one"), group("two"), translation(), lookups());
    (any::<u32>(), groups, topology(), overlay(), network(), (fault("f"), fault("g")), chat, update()).prop_map(
        |(seed, (mut one, mut two, nat, lookups), topology, overlay, mut network, (f, g), (rooms, members, every, body, sync, more), update)| {
            let more = if more { ", presence: {every: 1s, timeout: 3s}, readReceipts: true" } else { "" };
            let patch = |update| format!(", {{name: patch, update: {update}}}");
            let (mut servers, mut patch) = ("", update.map(patch).unwrap_or_default());
            if let Some(([before_one, before_two], traversal)) = nat {
                // Bulk transfer over relays is refused.
                patch.clear();
                one = one.replace("{name: one", &format!("{{name: one, nat: {before_one}"));
                two = two.replace("{name: two", &format!("{{name: two, nat: {before_two}"));
                network = network.replacen('{', &format!("{{traversal: {traversal}, "), 1);
                servers = ", {name: servers, peers: 4, churn: {online: {exponential: {mean: 5s}}, offline: {exponential: {mean: 1s}}}}";
            }
            let (mut discovery, mut find) = (String::new(), String::new());
            if let Some((kademlia, lookups)) = lookups {
                // Updates do not find their partners so.
                patch.clear();
                discovery = format!("discovery: {{kademlia: {kademlia}}}\n");
                find = format!(", {{name: find, lookups: {lookups}}}");
            }
            format!(
                "seed: {seed}\nduration: 10s\nwarmUp: 1s\ncoolDown: 3s\ngroups: [{one}, {two}{servers}]\ntopology: {topology}\noverlay: {overlay}\n\
                 network: {network}\n{discovery}faults: [{f}, {g}]\nworkloads: [{{name: talk, chat: {{rooms: {rooms}, members: {members}, \
                 posts: {{poisson: {{every: {every}ms}}}}, body: {body}B, sync: {{every: {sync}s}}{more}}}}}{patch}{find}]\n"
            )
        },
    )
}

/// Invariants that no choice of parameters may break; that a fault hits, or that somebody speaks, is up to the scenario.
fn is_law(name: &str) -> bool {
    !(name.contains("every fault hit something")
        || name.contains("something was said")
        || name.contains("something was released")
        || name.contains("something was looked for"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_valid_runs_by_the_laws_and_alike_on_several_threads(spec in spec()) {
        let first = simulate(&spec, &[]).map_err(TestCaseError::fail)?;
        for invariant in first.report.invariants.iter().filter(|invariant| is_law(&invariant.name)) {
            prop_assert!(invariant.holds, "{}: {}", invariant.name, invariant.detail);
        }
        let second = simulate_on(3, &spec, &[]).map_err(TestCaseError::fail)?;
        prop_assert_eq!(first.digest, second.digest);
        prop_assert_eq!(first.report, second.report);
        prop_assert_eq!(first.page, second.page);
    }
}
