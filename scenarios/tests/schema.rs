//! What is generated from the types of the language, and kept beside them for editors and clusters.
//!
//! `UPDATE_GOLDEN=1 cargo test -p peerlab-scenarios --features crd --test schema` writes both files anew.

#![allow(clippy::disallowed_methods, reason = "a test reads its own files; what it tests does not")]

use std::{fs, path::PathBuf};

use peerlab_scenarios::spec::Scenario;

/// Compares what is generated with what is kept, or keeps it.
fn assert_kept(name: &str, generated: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("schema").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, generated).expect("the file can be written");
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    let first = kept.lines().zip(generated.lines()).position(|(kept, now)| kept != now);
    assert!(kept == generated, "schema/{name} is not what the types say; they differ from line {first:?}");
}

#[test]
fn the_schema_for_editors_is_that_of_the_types() {
    let schema = serde_json::to_string_pretty(&schemars::schema_for!(Scenario)).expect("a schema is JSON");
    assert_kept("scenario.schema.json", &(schema + "\n"));
}

#[cfg(feature = "crd")]
mod crd {
    use std::collections::BTreeSet;

    use peerlab_scenarios::spec::crd::definition;
    use serde_json::Value;

    use super::*;

    /// Calls `visit` with every schema in a schema, with its path.
    fn schemas(schema: &Value, path: &str, visit: &mut impl FnMut(&Value, &str)) {
        visit(schema, path);
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            schemas(property, &format!("{path}.{name}"), visit);
        }
        for child in ["items", "additionalProperties"] {
            if schema[child].is_object() {
                schemas(&schema[child], &format!("{path}[]"), visit);
            }
        }
    }

    fn of_the_resource() -> Value {
        let definition = serde_json::to_value(definition()).expect("a definition is JSON");
        definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
    }

    #[test]
    fn the_definition_is_that_of_the_types() {
        let yaml = serde_yaml::to_string(&definition()).expect("a definition is YAML");
        assert_kept("crd.yaml", &yaml);
    }

    /// <https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema>
    #[test]
    fn the_schema_is_structural() {
        let mut seen = 0;
        schemas(&of_the_resource(), "", &mut |schema, path| {
            seen += 1;
            assert!(schema["type"].is_string(), "{path} has no type, or several");
            for word in ["$ref", "definitions", "patternProperties", "uniqueItems", "const", "allOf", "not"] {
                assert!(schema.get(word).is_none(), "{path} has `{word}`");
            }
            assert!(schema["additionalProperties"] != false, "{path} has `additionalProperties: false`");
            let both = schema.get("additionalProperties").is_some() && schema.get("properties").is_some();
            assert!(!both, "{path} is a struct and a map at once");
            let format = schema["format"].as_str().unwrap_or("int64");
            assert!(
                ["int32", "int64", "double", "date-time"].contains(&format),
                "{path} has the format `{format}`"
            );
            for alternative in schema["oneOf"].as_array().into_iter().flatten() {
                let words: Vec<_> =
                    alternative.as_object().into_iter().flatten().map(|(word, _)| word).collect();
                assert_eq!(words, ["required"], "an alternative of {path} says more than what is required");
            }
        });
        assert!(seen > 100, "only {seen} schemas seen");
    }

    #[test]
    fn every_rule_reaches_the_api_server() {
        let rules = |document: &Value| {
            let mut rules = BTreeSet::new();
            let mut pending = vec![document.clone()];
            while let Some(value) = pending.pop() {
                match value {
                    Value::Object(fields) => {
                        for rule in fields
                            .get("x-kubernetes-validations")
                            .and_then(Value::as_array)
                            .into_iter()
                            .flatten()
                        {
                            rules.insert(rule.to_string());
                        }
                        pending.extend(fields.into_iter().map(|(_, field)| field));
                    }
                    Value::Array(items) => pending.extend(items),
                    _ => {}
                }
            }
            rules
        };
        let plain = |rules: BTreeSet<String>| -> BTreeSet<(String, String)> {
            let read = |rule: &String| serde_json::from_str::<Value>(rule).expect("a rule is JSON");
            let text = |rule: &Value, field: &str| rule[field].as_str().unwrap_or_default().to_owned();
            rules.iter().map(read).map(|rule| (text(&rule, "rule"), text(&rule, "message"))).collect()
        };
        let types = plain(rules(schemars::schema_for!(Scenario).as_value()));
        assert!(types.len() > 5, "{types:?}");
        let (of_updates, rest): (BTreeSet<_>, BTreeSet<_>) =
            plain(rules(&of_the_resource())).into_iter().partition(|(rule, _)| rule.contains("oldSelf"));
        assert_eq!(types, rest);
        assert_eq!(of_updates.len(), 1, "{of_updates:?}");
    }

    #[test]
    fn a_run_is_of_the_scenario_as_it_began() {
        let schema = of_the_resource();
        let per_pod = std::cell::Cell::new(10);
        let scenario = |run: &str, began: Option<&str>, duration: &str| {
            let per_pod = per_pod.get();
            let spec = serde_json::json!({
                "seed": 1, "duration": duration, "warmUp": "0s", "coolDown": "30s", "start": {}, "topology": {}, "overlay": {}, "discovery": {},
                "network": {}, "groups": [{ "name": "all", "peers": 2 }], "workloads": [], "cluster": { "runId": run, "peersPerPod": per_pod, "podsDeadline": "5m", "suspend": run == "1" },
            });
            let status =
                began.map_or_else(|| serde_json::json!({}), |run| serde_json::json!({ "runId": run }));
            serde_json::json!({ "spec": spec, "status": status })
        };
        // Only the rule of updates: what a scenario must be is asked elsewhere.
        let rule = serde_json::json!({ "type": "object", "properties": schema["properties"], "x-kubernetes-validations": schema["x-kubernetes-validations"] });
        let refused = |new: Value, old: Value| {
            let told = kube_cel::Validator::new().validate(&rule, &new, Some(&old)).err();
            told.into_iter()
                .flatten()
                .any(|error| error.message.starts_with("a run is of the scenario as it began"))
        };
        assert!(!refused(scenario("1", None, "2m"), scenario("1", None, "1m")), "nothing has begun");
        assert!(
            !refused(scenario("1", Some("1"), "1m"), scenario("1", Some("1"), "1m")),
            "nothing is changed"
        );
        assert!(
            refused(scenario("1", Some("1"), "2m"), scenario("1", Some("1"), "1m")),
            "the run is of another scenario"
        );
        assert!(
            !refused(scenario("2", Some("1"), "2m"), scenario("1", Some("1"), "1m")),
            "it is for another run"
        );
    }

    #[test]
    fn a_field_that_comes_or_goes_is_a_change() {
        let rules = of_the_resource()["x-kubernetes-validations"].to_string();
        assert!(rules.contains("self.spec.groups == oldSelf.spec.groups"), "{rules}");
        assert!(
            rules.contains(
                "has(self.spec.faults) ? has(oldSelf.spec.faults) && self.spec.faults == oldSelf.spec.faults"
            ),
            "{rules}"
        );
        assert!(
            rules.contains("self.spec.cluster.peersPerPod == oldSelf.spec.cluster.peersPerPod"),
            "{rules}"
        );
        for changeable in
            ["self.spec.cluster ==", "cluster.suspend ==", "cluster.runId ==", "cluster.history =="]
        {
            assert!(!rules.contains(changeable), "{rules}");
        }
    }
}
