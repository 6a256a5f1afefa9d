//! The rooms of the house and who may know whom, asserted over what Cargo says.
//!
//! The table below is the one home of the dependency direction. A crate that is not in it fails the
//! test, and so does an edge it does not list: dependencies of tests and build scripts count as well.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::process::Command;

use cargo_metadata::{Metadata, MetadataCommand};

/// Whom a crate of ours may depend on.
enum Knows {
    /// These alone.
    Only(&'static [&'static str]),
    /// Every one: the crates that join the others.
    All,
}

const SUBSCRIPTION: &str = "garth-subscription";
const RADIUS: &str = "garth-radius";
const PAYMENTS: &str = "garth-payments";

/// Every crate of the workspace, each before those that may know it.
const ROOMS: &[(&str, Knows)] = &[
    (SUBSCRIPTION, Knows::Only(&[])),
    (RADIUS, Knows::Only(&[])),
    ("garth-store", Knows::Only(&[SUBSCRIPTION])),
    ("garth-enforcement", Knows::Only(&[SUBSCRIPTION, RADIUS])),
    (PAYMENTS, Knows::Only(&[SUBSCRIPTION])),
    (
        "garth-captive-portal",
        Knows::Only(&[SUBSCRIPTION, PAYMENTS]),
    ),
    ("garth-daemon", Knows::All),
    ("garth-tests", Knows::All),
    ("garth-benches", Knows::All),
    ("garth-fuzz", Knows::Only(&[RADIUS])),
];

/// The crates that are values in, values out, and what of [`IO`] each may reach all the same.
const PURE: &[(&str, &[&str])] = &[
    (SUBSCRIPTION, &[]),
    // EAP's tunnels are rustls driven by buffers, told the time; its keys need randomness of its own.
    (RADIUS, &["rustls", "getrandom"]),
];

/// What touches sockets, files, clocks, threads or randomness: not all there is in the world, but what
/// this workspace has, and the usual first step of somebody who adds more.
const IO: &[&str] = &[
    "arc-swap",
    "async-io",
    "async-std",
    "futures-executor",
    "getrandom",
    "hyper",
    "hyper-util",
    "mio",
    "netlink-sys",
    "nix",
    "redb",
    "reqwest",
    "rustix",
    "rustls",
    "sd-notify",
    "smol",
    "socket2",
    "tempfile",
    "tokio",
    "tokio-rustls",
    "tracing-journald",
    "tracing-subscriber",
    "ureq",
];

/// One dependency: who, on whom.
type Edge = (String, String);

#[test]
fn crates_know_only_whom_the_table_lists() {
    let found = violations(ROOMS, &member_edges(&metadata()));
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn every_crate_is_in_the_table_and_nothing_else_is() {
    let members: BTreeSet<String> = metadata()
        .workspace_packages()
        .iter()
        .map(|package| package.name.to_string())
        .collect();
    let table: BTreeSet<String> = ROOMS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(members, table);
}

#[test]
fn pure_crates_reach_no_io_crate() {
    for (start, allowed) in PURE {
        let forbidden: Vec<&str> = (IO.iter().copied())
            .filter(|name| !allowed.contains(name))
            .collect();
        assert_eq!(way_to(&shipped_edges(start), start, &forbidden), None);
    }
}

#[test]
fn io_crates_are_seen_where_they_are() {
    let way = way_to(&shipped_edges("garth-store"), "garth-store", &["redb"]);
    assert_eq!(way, Some(vec!["garth-store".to_owned(), "redb".to_owned()]));
}

#[test]
fn sibling_that_is_not_listed_is_a_violation() {
    let edges = [
        edge("garth-store", SUBSCRIPTION),
        edge("garth-store", RADIUS),
    ];
    assert_eq!(
        violations(ROOMS, &edges),
        ["garth-store must not know garth-radius"]
    );
}

#[test]
fn pure_crate_that_knows_anybody_is_a_violation() {
    assert_eq!(
        violations(ROOMS, &[edge(SUBSCRIPTION, "garth-store")]),
        ["garth-subscription must not know garth-store"]
    );
}

#[test]
fn crate_outside_the_table_is_a_violation() {
    assert_eq!(
        violations(ROOMS, &[edge("garth-new", SUBSCRIPTION)]),
        ["garth-new is not in the table of rooms"]
    );
}

#[test]
fn io_crate_behind_another_crate_is_found_with_the_way_to_it() {
    let edges = [
        edge(SUBSCRIPTION, "a"),
        edge("a", "b"),
        edge("b", "a"),
        edge("b", "tokio"),
        edge("c", "nix"),
    ];
    let way = way_to(&edges, SUBSCRIPTION, IO).expect("there is a way");
    assert_eq!(way.join(" -> "), "garth-subscription -> a -> b -> tokio");
}

#[test]
fn graph_without_io_has_no_way_to_it() {
    let edges = [
        edge(SUBSCRIPTION, "chrono"),
        edge("chrono", SUBSCRIPTION),
        edge("garth-daemon", "tokio"),
    ];
    assert_eq!(way_to(&edges, SUBSCRIPTION, IO), None);
}

#[test]
fn tree_by_depth_becomes_edges() {
    let tree =
        "0 a v1\n1 b v1 (proc-macro)\n2 c v1\n1 d v1\n2 c v1 (*)\n\n[build-dependencies]\n1 e v2\n";
    let edges = [
        edge("a", "b"),
        edge("b", "c"),
        edge("a", "d"),
        edge("d", "c"),
        edge("a", "e"),
    ];
    assert_eq!(tree_edges(tree), edges);
}

/// Each way in which `edges` between crates of ours break the table, in words.
fn violations(rooms: &[(&str, Knows)], edges: &[Edge]) -> Vec<String> {
    let table: BTreeMap<&str, &Knows> = rooms.iter().map(|(name, knows)| (*name, knows)).collect();
    edges
        .iter()
        .filter_map(|(from, to)| match table.get(from.as_str()) {
            None => Some(format!("{from} is not in the table of rooms")),
            Some(Knows::All) => None,
            Some(Knows::Only(known)) if known.contains(&to.as_str()) => None,
            Some(Knows::Only(_)) => Some(format!("{from} must not know {to}")),
        })
        .collect()
}

/// The shortest way from `start` to one of `forbidden`, both ends included.
fn way_to(edges: &[Edge], start: &str, forbidden: &[&str]) -> Option<Vec<String>> {
    let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
    let mut seen = BTreeSet::from([start]);
    let mut queue = VecDeque::from([start]);
    while let Some(at) = queue.pop_front() {
        if forbidden.contains(&at) {
            let back = std::iter::successors(Some(at), |step| came_from.get(step).copied());
            let mut way: Vec<String> = back.map(str::to_owned).collect();
            way.reverse();
            return Some(way);
        }
        for (_, to) in edges.iter().filter(|(from, _)| from == at) {
            if seen.insert(to) {
                came_from.insert(to, at);
                queue.push_back(to);
            }
        }
    }
    None
}

fn metadata() -> Metadata {
    MetadataCommand::new()
        .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
        .other_options(vec!["--locked".to_owned()])
        .exec()
        .expect("cargo metadata describes the workspace")
}

/// Edges between members, of every kind.
fn member_edges(metadata: &Metadata) -> Vec<Edge> {
    let members = metadata.workspace_packages();
    let names: BTreeSet<String> = members
        .iter()
        .map(|package| package.name.to_string())
        .collect();
    members
        .iter()
        .flat_map(|package| {
            package
                .dependencies
                .iter()
                .filter(|dependency| names.contains(&dependency.name))
                .map(|dependency| edge(&package.name, &dependency.name))
        })
        .collect()
}

/// Edges of all that `package` compiles into a program; what only its tests use is left out.
///
/// From `cargo tree`, which resolves features for this package alone: in `cargo metadata` the features
/// that any member asks for are everybody's.
fn shipped_edges(package: &str) -> Vec<Edge> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--edges", "no-dev"])
        .args([
            "--prefix",
            "depth",
            "--format",
            " {p}",
            "--package",
            package,
        ])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .expect("cargo runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo tree: {said}");
    tree_edges(&String::from_utf8_lossy(&output.stdout))
}

/// Edges out of lines such as `2 redb v4.4.0`: the depth, then the crate.
fn tree_edges(tree: &str) -> Vec<Edge> {
    let mut above: Vec<&str> = Vec::new();
    let mut edges = Vec::new();
    for line in tree.lines() {
        let mut words = line.split_whitespace();
        let Some(depth) = words.next().and_then(|word| word.parse::<usize>().ok()) else {
            continue;
        };
        let name = words.next().expect("a crate has a name");
        above.truncate(depth);
        if let Some(parent) = above.last() {
            edges.push(edge(parent, name));
        }
        above.push(name);
    }
    edges
}

fn edge(from: &str, to: &str) -> Edge {
    (from.to_owned(), to.to_owned())
}
