use std::collections::BTreeMap;

use super::network::port_names;
use super::problems;
use crate::name::PortName;
use crate::name::ServiceName;
use crate::problem::{Location, Problem, SpecError};
use crate::spec::text::nearest;
use crate::spec::{AddressOf, Artifact, EnvValue, ServiceSpec};

/// Checks specs that are deployed together: each of them, and that no name comes twice, no circle of dependencies,
/// no address of a port that the other does not have.
///
/// # Errors
/// [`SpecError`] with all problems at once.
pub fn check_set(specs: &[ServiceSpec]) -> Result<(), SpecError> {
    let specs: Vec<_> = specs.iter().collect();
    let alone = specs.iter().flat_map(|spec| problems(spec));
    let together = set_problems(&specs, &|_, _| None).into_iter().map(|(_, problem)| problem);
    SpecError::unless_empty(alone.chain(together).collect())
}

/// Tells where a field of one of the specs stands.
type Locate<'l> = &'l dyn Fn(usize, &str) -> Option<Location>;

/// So many problems are enough to begin with.
const MOST_PROBLEMS: usize = 200;

/// What is wrong with specs together, each problem with the index of the spec it belongs to.
pub(in crate::spec) fn set_problems(specs: &[&ServiceSpec], locate: Locate<'_>) -> Vec<(usize, Problem)> {
    let mut found = Vec::new();
    let mut by_name: BTreeMap<&ServiceName, usize> = BTreeMap::new();
    for (index, spec) in specs.iter().enumerate() {
        match by_name.get(&spec.service) {
            None => {
                by_name.insert(&spec.service, index);
            }
            Some(first) if found.len() < MOST_PROBLEMS => {
                found.push((index, twice(spec, locate(*first, "service"))));
            }
            Some(_) => {}
        }
    }
    for (index, spec) in specs.iter().enumerate() {
        for (name, value) in &spec.env {
            if let EnvValue::Address(address) = value
                && let Some(other) = by_name.get(&address.address_of).map(|other| specs[*other])
                && let Some(problem) = address_problem(&format!("env.{name}"), address, other)
            {
                found.push((index, problem.with_service(spec.service.as_str())));
            }
        }
    }
    let graph = specs.iter().map(|spec| spec.depends_on.iter().filter_map(|name| by_name.get(name).copied()).collect());
    for cycle in cycles(&graph.collect::<Vec<_>>()) {
        let first = specs[cycle[0]];
        let names: Vec<_> = cycle.iter().chain(cycle.first()).map(|index| specs[*index].service.as_str()).collect();
        let problem =
            Problem::new("depends_on", format!("services depend on each other in a circle: {}", names.join(" → ")))
                .with_hint("take one of these dependencies out")
                .with_service(first.service.as_str());
        found.push((cycle[0], problem));
    }
    found.truncate(MOST_PROBLEMS);
    for (index, problem) in &mut found {
        problem.at = locate(*index, &problem.path);
    }
    found
}

fn twice(spec: &ServiceSpec, first: Option<Location>) -> Problem {
    let message = match first {
        Some(first) => format!("a service of this name is declared at {first} already"),
        None => "a service of this name is declared twice".to_owned(),
    };
    Problem::new("service", message).with_hint("give one of the two another name").with_service(spec.service.as_str())
}

fn address_problem(path: &str, address: &AddressOf, other: &ServiceSpec) -> Option<Problem> {
    let name = &other.service;
    let Some(port) = &address.port else {
        return match other.ports.len() {
            1 => None,
            // A function is reached by a URL of its own.
            0 if matches!(other.artifact, Artifact::Function(_)) => None,
            0 => Some(
                Problem::new(path, format!("`{name}` has no port to be reached on"))
                    .with_hint(format!("declare one in `ports` of `{name}`")),
            ),
            _ => Some(
                Problem::new(path, format!("`{name}` has several ports: {}", port_names(&other.ports)))
                    .with_hint("say which one: `port: ..`"),
            ),
        };
    };
    if other.ports.contains_key(port) {
        return None;
    }
    let hint = match nearest(port.as_str(), other.ports.keys().map(PortName::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None if other.ports.is_empty() => format!("declare it in `ports` of `{name}`"),
        None => format!("its ports are {}", port_names(&other.ports)),
    };
    Some(Problem::new(format!("{path}.port"), format!("`{name}` has no port `{port}`")).with_hint(hint))
}

/// Circles of a graph that have no node in common: at least one if there is any. Takes time in proportion to the graph.
fn cycles(graph: &[Vec<usize>]) -> Vec<Vec<usize>> {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        New,
        /// On the way from the root to the node that is looked at, at this position.
        OnPath(usize),
        Done,
    }
    let mut marks = vec![Mark::New; graph.len()];
    let mut in_cycle = vec![false; graph.len()];
    let mut found = Vec::new();
    for root in 0..graph.len() {
        if marks[root] != Mark::New {
            continue;
        }
        marks[root] = Mark::OnPath(0);
        // Each node of the path with how many of its edges were followed.
        let mut path = vec![(root, 0)];
        while let Some((node, edge)) = path.last_mut() {
            let (node, Some(next)) = (*node, graph[*node].get(*edge).copied()) else {
                marks[*node] = Mark::Done;
                path.pop();
                continue;
            };
            *edge += 1;
            match marks[next] {
                Mark::New => {
                    marks[next] = Mark::OnPath(path.len());
                    path.push((next, 0));
                }
                // A service that depends on itself is a problem of its own.
                Mark::OnPath(start) if next != node && !in_cycle[next] && !in_cycle[node] => {
                    let cycle: Vec<_> = path[start..].iter().map(|(node, _)| *node).collect();
                    for node in &cycle {
                        in_cycle[*node] = true;
                    }
                    found.push(cycle);
                }
                _ => {}
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn circles_are_found_and_named_once() {
        assert_eq!(cycles(&[vec![1], vec![2], vec![]]), Vec::<Vec<usize>>::new());
        assert_eq!(cycles(&[vec![1], vec![2], vec![0]]), [[0, 1, 2]]);
        assert_eq!(cycles(&[vec![1], vec![2], vec![1]]), [[1, 2]]);
        assert_eq!(cycles(&[vec![1], vec![0], vec![3], vec![2]]), [[0, 1], [2, 3]]);
        assert_eq!(cycles(&[vec![0]]), Vec::<Vec<usize>>::new(), "itself");
        // Two ways to the same node are no circle.
        assert_eq!(cycles(&[vec![1, 2], vec![3], vec![3], vec![]]), Vec::<Vec<usize>>::new());
    }

    #[test]
    fn a_long_chain_takes_neither_stack_nor_time() {
        let count = 200_000;
        let mut graph: Vec<Vec<usize>> = (1..=count).map(|next| vec![next % count]).collect();
        assert_eq!(cycles(&graph)[0].len(), count);
        // Every node has an edge back to the beginning.
        for edges in &mut graph {
            edges.push(0);
        }
        assert_eq!(cycles(&graph).len(), 1);
    }
}
