//! What core may depend on: few crates, and nothing that talks to a network.

use std::collections::BTreeSet;

use crate::run::{command, output_of};

/// Core without its default features stays at so many crates, itself included.
const MOST: usize = 45;
/// Crates of these names, or that begin with them and a `-`, talk to a network.
const NETWORK: &[&str] =
    &["aws", "bollard", "h2", "hyper", "kube", "native-tls", "openssl", "quinn", "reqwest", "rustls", "ureq"];

/// Checks both and prints the count.
pub(crate) fn check() -> Result<(), String> {
    let least = tree("--no-default-features")?;
    println!("deploykit-core without default features: {} crates, at most {MOST}", least.len());
    let all = tree("--all-features")?;
    println!("deploykit-core with all features: {} crates", all.len());
    let network: Vec<_> = all.iter().filter(|name| is_network(name)).map(String::as_str).collect();
    if !network.is_empty() {
        return Err(format!("deploykit-core depends on what talks to a network: {}", network.join(", ")));
    }
    if least.len() > MOST {
        return Err(format!("deploykit-core has {} crates without default features; at most {MOST}", least.len()));
    }
    Ok(())
}

fn tree(features: &str) -> Result<BTreeSet<String>, String> {
    let arguments =
        ["tree", "--package", "deploykit-core", features, "--edges", "normal", "--prefix", "none", "--format", "{p}"];
    Ok(names(&output_of(&mut command("cargo", arguments))?))
}

/// The names in lines like `serde v1.0.0`.
fn names(tree: &str) -> BTreeSet<String> {
    tree.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

fn is_network(name: &str) -> bool {
    NETWORK.iter().any(|word| name.strip_prefix(word).is_some_and(|rest| rest.is_empty() || rest.starts_with('-')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_are_counted_once() {
        let tree = "deploykit-core v0.1.0 (deploykit-core)\nserde v1.0.0\nserde v1.0.0 (*)\n\n";
        assert_eq!(names(tree).into_iter().collect::<Vec<_>>(), ["deploykit-core", "serde"]);
    }

    #[test]
    fn network_crates_are_known_by_name_and_family() {
        assert!(["h2", "hyper-util", "aws-sdk-lambda", "rustls"].iter().all(|name| is_network(name)));
        assert!(!["h2x", "awsome", "hmac", "tokio"].iter().any(|name| is_network(name)));
    }
}
