//! Exit codes, and that nothing half-written stays.

use std::{
    fs,
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use crate::workshop::{TINY, Workshop, scenario};

/// Runs what must be refused with exit code 2, and checks that it left nothing behind.
fn refused(workshop: &Workshop, arguments: &[&str]) -> String {
    let before = workshop.names();
    let done = workshop.run(arguments).ends_with(2);
    assert_eq!(done.out, "", "{arguments:?} printed something");
    assert!(!done.err.contains("panicked"), "{}", done.err);
    assert_eq!(workshop.names(), before, "{arguments:?} left something");
    done.err
}

#[test]
fn a_file_that_is_no_scenario_is_refused() {
    let workshop = Workshop::with_tiny("no-scenario");
    workshop.write("folder/file", b"");
    workshop.write("empty.yaml", b"");
    workshop.write("latin1.yaml", b"apiVersion: caf\xe9\n");
    workshop.write("zeros.yaml", &[0; 1000]);
    for (file, why) in [
        ("missing.yaml", "error: missing.yaml cannot be read: No such file"),
        ("folder", "error: folder cannot be read: Is a directory"),
        ("empty.yaml", "error: the file is empty\n --> empty.yaml:1:1"),
        ("latin1.yaml", "error: the file is not UTF-8: byte 0xe9 at offset 15"),
        ("zeros.yaml", "error: "),
    ] {
        for command in ["run", "validate", "explain"] {
            let told = refused(&workshop, &[command, file]);
            assert!(told.starts_with(why), "{command} {file}: {told}");
        }
    }
}

#[test]
fn a_file_of_100_megabytes_is_refused_at_once() {
    let workshop = Workshop::new("long-file");
    let file = fs::File::create(workshop.path("long.yaml")).expect("files can be written");
    file.set_len(100_000_000).expect("it can be long");
    let began = Instant::now();
    assert!(
        refused(&workshop, &["run", "long.yaml"]).contains("too large: more than 1 MiB (1,048,576 bytes)")
    );
    assert!(began.elapsed() < Duration::from_secs(5), "it took {:?}", began.elapsed());
}

#[test]
fn a_wrong_command_line_is_refused() {
    let workshop = Workshop::with_tiny("command-line");
    for arguments in [
        &["run"][..],
        &["run", "tiny.yaml", "--frobnicate"],
        &["run", "tiny.yaml", "--seed", "-1"],
        &["run", "tiny.yaml", "--seed", "9007199254740992"],
        &["topology", "tiny.yaml", "--seed", "9007199254740992"],
        &["compare", "tiny.yaml", "tiny.yaml", "--seed", "9007199254740992"],
        &["run", "tiny.yaml", "--quiet", "--json"],
        &["run", "tiny.yaml", "--force"],
        &["simulate", "tiny.yaml"],
        &["completions", "basic"],
    ] {
        assert!(refused(&workshop, arguments).contains("--help"), "{arguments:?}");
    }
}

#[test]
fn what_is_at_the_place_of_a_run_stays() {
    let workshop = Workshop::with_tiny("taken");
    workshop.write("file", b"mine");
    workshop.write("folder/file", b"mine");
    workshop.write("other/report.json", br#"{"schema": "someone.else/report/v1"}"#);
    workshop.write("noted/report.json", br#"{"schema": "peerlab.dev/report/v1"}"#);
    workshop.write("noted/thoughts.txt", b"mine");
    let run = |place, force: &[&str]| {
        let arguments = [&["run", "tiny.yaml", "--out", place], force].concat();
        refused(&workshop, &arguments)
    };
    for place in ["file", "folder", "other"] {
        assert!(run(place, &[]).contains(&format!("{place} exists already")));
        assert!(run(place, &["--force"]).contains(&format!("{place} is no run folder")));
    }
    assert!(run("noted", &["--force"]).contains("noted is not replaced: it holds `thoughts.txt`"));
    assert_eq!(workshop.read("noted/thoughts.txt"), "mine");
    for place in [".", "..", "/"] {
        assert!(run(place, &["--force"]).contains("is no run folder"), "{place}");
    }
    assert!(run("file/below", &[]).contains("Not a directory"));
    assert!(run("/proc/run", &[]).starts_with("error: /proc/"));
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("nowhere", workshop.path("link")).expect("links can be made");
        assert!(run("link", &[]).contains("link exists already"));
    }
    assert_eq!((workshop.read("file"), workshop.read("folder/file")), ("mine".to_owned(), "mine".to_owned()));
}

#[test]
fn an_earlier_run_gives_way_when_asked_and_an_empty_folder_always() {
    let workshop = Workshop::with_tiny("replaced");
    fs::create_dir(workshop.path("out")).expect("folders can be made");
    workshop.run(&["run", "tiny.yaml", "--quiet", "--out", "out"]).ends_with(0);
    workshop.run(&["run", "tiny.yaml", "--quiet", "--out", "out/", "--force", "--seed", "9"]).ends_with(0);
    let report: serde_json::Value = serde_json::from_str(&workshop.read("out/report.json")).expect("JSON");
    assert_eq!(report["seed"], 9);
    assert_eq!(workshop.names(), ["out", "tiny.yaml"]);
}

#[test]
fn what_was_put_into_the_folders_of_a_run_stays() {
    let workshop = Workshop::with_tiny("put-besides");
    workshop.run(&["run", "tiny.yaml", "--quiet", "--out", "out"]).ends_with(0);
    for mine in ["out/plan/mine", "out/charts/mine.svg", "out/mine/of/all"] {
        workshop.write(mine, b"mine");
        let told = refused(&workshop, &["run", "tiny.yaml", "--out", "out", "--force"]);
        let within = mine.strip_prefix("out/").expect("it is below");
        assert!(told.contains(&format!("out is not replaced: it holds `{within}`")), "{told}");
        fs::remove_file(workshop.path(mine)).expect("it is there");
    }
    workshop.run(&["run", "tiny.yaml", "--quiet", "--out", "out", "--force"]).ends_with(0);
}

#[cfg(unix)]
#[test]
fn a_link_to_a_run_stays_a_link() {
    let workshop = Workshop::with_tiny("linked");
    fs::create_dir_all(workshop.path("elsewhere/run")).expect("folders can be made");
    std::os::unix::fs::symlink("elsewhere/run", workshop.path("link")).expect("links can be made");
    workshop.run(&["run", "tiny.yaml", "--quiet", "--out", "link"]).ends_with(0);
    workshop.run(&["run", "tiny.yaml", "--quiet", "--out", "link", "--force", "--seed", "9"]).ends_with(0);
    workshop.run(&["run", "tiny.yaml", "--quiet", "--out", "link/", "--force", "--seed", "10"]).ends_with(0);
    assert!(fs::symlink_metadata(workshop.path("link")).expect("it is there").is_symlink());
    let report: serde_json::Value =
        serde_json::from_str(&workshop.read("elsewhere/run/report.json")).expect("it is JSON");
    assert_eq!(report["seed"], 10);
}

#[cfg(unix)]
#[test]
fn a_pipe_or_a_device_is_no_file() {
    let workshop = Workshop::with_tiny("no-files");
    let made = std::process::Command::new("mkfifo").arg(workshop.path("pipe")).status();
    assert!(made.expect("there is mkfifo").success());
    for file in ["pipe", "/dev/zero"] {
        for command in ["run", "validate", "topology", "explain"] {
            assert_eq!(
                refused(&workshop, &[command, file]),
                format!("error: {file} cannot be read: it is no regular file\n")
            );
        }
        let posts = format!("posts: {{trace: {{file: {file}}}}}");
        workshop.write(
            "traced.yaml",
            scenario(&TINY.replace("posts: {poisson: {every: 1s}}", &posts)).as_bytes(),
        );
        let told = refused(&workshop, &["validate", "traced.yaml"]);
        assert!(told.contains("it is no regular file") && told.contains("posts.trace.file"), "{told}");
        fs::remove_file(workshop.path("traced.yaml")).expect("it is there");
    }
}

#[test]
fn seeds_end_where_those_of_scenarios_end() {
    let workshop = Workshop::with_tiny("last-seed");
    workshop.run(&["run", "tiny.yaml", "--quiet", "--seed", "9007199254740991", "--out", "out"]).ends_with(0);
    let told = refused(
        &workshop,
        &["run", "tiny.yaml", "--seed", "9007199254740991", "--seeds", "2", "--out", "more"],
    );
    assert!(told.contains("pass the last seed, 9007199254740991"), "{told}");
}

#[test]
fn more_seats_than_memory_holds_are_refused_at_the_field() {
    let workshop = Workshop::new("seats");
    let spec = TINY.replace("peers: 12", "peers: 5000").replace("chat: {", "chat: {rooms: 1000000, ");
    workshop.write("seats.yaml", scenario(&spec).as_bytes());
    let told = refused(&workshop, &["validate", "seats.yaml"]);
    assert!(
        told.contains("1000000 rooms of 5000 members have 5000000000 seats")
            && told.contains("at most 6710 rooms, or for fewer members in each")
            && told.contains("spec.workloads[0].chat.rooms"),
        "{told}"
    );
}

#[test]
fn a_mesh_that_cannot_fit_is_refused_before_it_is_made() {
    let workshop = Workshop::new("mesh");
    let spec = TINY.replace("peers: 12", "peers: 16000").replace("ring", "fullMesh");
    workshop.write("mesh.yaml", scenario(&spec).as_bytes());
    let told = refused(&workshop, &["run", "mesh.yaml", "--memory", "1G"]);
    // Of the members' rooms nothing is known before the plan.
    assert!(told.contains("this needs about 15.4 GB of memory, and 1 GB may be used"), "{told}");
    refused(&workshop, &["compare", "mesh.yaml", "mesh.yaml", "--memory", "1G"]);
    for command in ["validate", "explain", "topology"] {
        let told = refused(&workshop, &[command, "mesh.yaml", "--memory", "1G"]);
        // A plan takes less than a run of it.
        assert!(told.contains("this needs about 2.6 GB of memory"), "{command}: {told}");
    }
}

#[test]
fn a_junit_file_that_cannot_be_written_is_refused_before_the_run() {
    let workshop = Workshop::with_tiny("no-junit");
    for (path, why) in [("nowhere/junit.xml", "there is no such folder"), (".", "it is a folder")] {
        let told = refused(&workshop, &["run", "tiny.yaml", "--out", "out", "--junit", path]);
        assert_eq!(told, format!("error: {path}: {why}\n"));
    }
    // What only writing can tell costs the run as well.
    assert!(
        refused(&workshop, &["run", "tiny.yaml", "--out", "out", "--junit", "/dev/full"])
            .contains("/dev/full")
    );
}

#[test]
fn peers_that_cannot_reach_each_other_are_refused_by_name() {
    let workshop = Workshop::new("nat");
    let spec = TINY.replace("peers: 12", "peers: 12, nat: symmetric");
    workshop.write("nat.yaml", scenario(&spec).as_bytes());
    for command in ["run", "validate"] {
        let told = refused(&workshop, &[command, "nat.yaml"]);
        assert!(told.contains("nobody relays") && told.contains("at spec.groups[0].nat"), "{told}");
    }
}

#[test]
fn files_of_a_scenario_are_named_where_they_are_missing() {
    let workshop = Workshop::new("no-file");
    let spec = TINY.replace("topology: {ring: {}}", "topology: {import: {file: data/graph.txt}}");
    workshop.write("scenario.yaml", scenario(&spec).as_bytes());
    let told = refused(&workshop, &["run", "scenario.yaml", "--out", "out"]);
    assert!(told.contains("data/graph.txt") && told.contains("at spec.topology.import.file"), "{told}");
    fs::create_dir_all(workshop.path("data/graph.txt")).expect("folders can be made");
    let told = refused(&workshop, &["run", "scenario.yaml", "--out", "out"]);
    assert!(told.contains("Is a directory"), "{told}");
}

#[test]
fn obstacles_of_a_plan_do_not_hide_each_other() {
    let workshop = Workshop::new("obstacles");
    let network = "network: {latency: {matrix: {file: delays.csv}}}\nworkloads";
    let spec = TINY
        .replace("topology: {ring: {}}", "topology: {import: {file: graph.txt}}")
        .replace("posts: {poisson: {every: 1s}}", "posts: {trace: {file: posts.csv}}")
        .replacen("workloads", network, 1);
    workshop.write("scenario.yaml", scenario(&spec).as_bytes());
    workshop.write("delays.csv", b"from,a\nb,1\n");
    workshop.write("graph.txt", b"0 0 0 0 0\n");
    workshop.write("posts.csv", b"1h,0,0,10\n");
    for command in ["run", "validate"] {
        let told = refused(&workshop, &[command, "scenario.yaml"]);
        for field in
            ["network.latency.matrix.file", "topology.import.file", "workloads[0].chat.posts.trace.file"]
        {
            assert!(told.contains(&format!("at spec.{field}")), "{command}: {field}: {told}");
        }
    }
}

#[test]
fn a_missed_target_ends_with_1() {
    let spec = TINY.replace("talk.delivery.completeness, atLeast: 100%", "talk.delivery.latency, max: 1ns");
    let report = Workshop::new("missed").simulate(&spec).ends_with(1).json();
    assert_eq!(report["targets"][0]["met"], false);
    assert_eq!(report["validity"]["state"], "valid");
}

/// A run that says nothing has a report that says so, even if all targets seem to be met.
#[test]
fn a_run_that_says_nothing_ends_with_3() {
    let late = "groups: [{name: all, peers: 12}, {name: late, peers: 2, join: {at: {time: 8s}}}]";
    for (name, fault) in [
        ("kill-nobody", "kill: {group: late}"),
        ("strain-nothing", "degrade: {who: {group: late}, latency: 1s}"),
        ("cut-nothing", "partition: {between: [{group: late}, {peers: [5]}]}"),
    ] {
        let groups = TINY.replace("groups: [{name: all, peers: 12}]", late);
        let spec = format!("{groups}\nfaults: [{{name: vain, at: 1s, for: 1s, {fault}}}]");
        let report = Workshop::new(name).simulate(&spec).ends_with(3).json();
        assert_eq!(report["validity"]["state"], "invalid");
        assert!(report["validity"]["reasons"][0].as_str().is_some_and(|why| why.contains("vain")), "{name}");
    }
}

/// Nobody speaks, so there is nothing to draw: a report all the same.
#[test]
fn a_silent_run_ends_with_3_and_a_report() {
    for (name, duration) in [("silence", "duration: 1ms"), ("instant", "duration: 1ns")] {
        let workshop = Workshop::new(name);
        let report = workshop.simulate(&TINY.replace("duration: 10s", duration)).ends_with(3).json();
        assert!(
            report["validity"]["reasons"][0].as_str().is_some_and(|why| why.contains("something was said"))
        );
        assert_eq!(
            (&report["targets"][0]["met"], &report["targets"][0]["observed"]),
            (&false.into(), &().into())
        );
        assert!(workshop.read("out/report.html").contains("something was said"));
        assert!(workshop.path("out/charts/talk-latency.png").is_file());
    }
}

/// A run that is killed leaves nothing at its place; what it had begun is hidden beside it.
#[cfg(unix)]
#[test]
fn a_run_that_is_killed_leaves_nothing_at_its_place() {
    let workshop = Workshop::new("killed");
    let spec = TINY.replace("duration: 10s", "duration: 5200w").replace("every: 1s", "every: 1ms");
    workshop.write("endless.yaml", scenario(&spec).as_bytes());
    let mut run = workshop
        .command(&["run", "endless.yaml", "--out", "out", "--memory", "1000000Ti"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program can be begun");
    let began = Instant::now();
    while !workshop.names().iter().any(|name| name.ends_with(".part")) {
        assert!(began.elapsed() < Duration::from_secs(60), "it does not begin");
        thread::sleep(Duration::from_millis(5));
    }
    run.kill().expect("it runs");
    run.wait().expect("it ends");
    let visible: Vec<_> = workshop.names().into_iter().filter(|name| !name.starts_with('.')).collect();
    assert_eq!(visible, ["endless.yaml"]);
}

#[test]
fn a_run_that_does_not_fit_into_memory_is_refused_with_the_figure() {
    let workshop = Workshop::with_tiny("memory");
    let refused = workshop.run(&["run", "tiny.yaml", "--out", "out", "--memory", "30MB"]).ends_with(2).err;
    assert!(
        refused.starts_with("error: tiny.yaml: this needs about 40 MB of memory, and 30 MB may be used\n"),
        "{refused}"
    );
    assert_eq!(workshop.names(), ["tiny.yaml"]);
    workshop.run(&["run", "tiny.yaml", "--out", "out", "--memory", "50MB"]).ends_with(0);
    let unclear = workshop.run(&["run", "tiny.yaml", "--memory", "much"]).ends_with(2).err;
    assert!(unclear.contains("a size such as"), "{unclear}");
}
