//! The custom resource definition of a scenario.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::ValidationRule;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceColumnDefinition, CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray,
    JSONSchemaPropsOrBool,
};
use kube::CustomResourceExt;

pub use super::{ScenarioResource, status};

/// What `kubectl get scenarios` shows, by name, type and path; those of priority 1 with `-o wide` only.
const COLUMNS: [(&str, &str, &str, i32); 8] = [
    ("Phase", "string", ".status.phase", 0),
    ("Ready", "integer", ".status.peersReady", 0),
    ("Peers", "integer", ".status.peersWanted", 0),
    ("Verdict", "string", ".status.verdict", 0),
    ("Validity", "string", ".status.validity", 1),
    ("Run", "string", ".status.runId", 1),
    ("Duration", "string", ".spec.duration", 1),
    ("Age", "date", ".metadata.creationTimestamp", 0),
];

/// What `kubectl apply` needs to know scenarios: the types of the language with their bounds, defaults and rules.
#[must_use]
pub fn definition() -> CustomResourceDefinition {
    let mut definition = ScenarioResource::crd();
    for version in &mut definition.spec.versions {
        let columns = COLUMNS.map(|(name, type_, path, priority)| CustomResourceColumnDefinition {
            name: name.to_owned(),
            type_: type_.to_owned(),
            json_path: path.to_owned(),
            priority: (priority > 0).then_some(priority),
            ..CustomResourceColumnDefinition::default()
        });
        version.additional_printer_columns = Some(columns.into());
        for schema in version.schema.iter_mut().flat_map(|schema| &mut schema.open_api_v3_schema) {
            open_closed(schema);
            let rule = unchanged_while_it_runs(schema);
            schema.x_kubernetes_validations.get_or_insert_default().push(rule);
        }
    }
    definition
}

/// What may be changed of `spec.cluster` while a run is under way: it does not touch the run, or ends it.
const CHANGEABLE: [&str; 5] = ["cancel", "history", "runId", "suspend", "ttlAfterFinished"];

/// A run is of the scenario as it was when the run began: what is changed afterwards is for another run, and has to say so. This is a rule
/// of the whole resource, for only there both `spec` and `status` are seen, and of updates, so no engine but a cluster meets it.
fn unchanged_while_it_runs(resource: &JSONSchemaProps) -> ValidationRule {
    let mut same = Vec::new();
    if let Some(spec) = property(resource, "spec") {
        are_same(spec, "spec", &|field| field != "cluster", &mut same);
        if let Some(cluster) = property(spec, "cluster") {
            are_same(cluster, "spec.cluster", &|field| !CHANGEABLE.contains(&field), &mut same);
        }
    }
    let not_begun = "!has(oldSelf.status) || !has(oldSelf.status.runId)";
    let is_another = "self.spec.cluster.runId != oldSelf.status.runId";
    ValidationRule {
        rule: format!("{not_begun} || {is_another} || ({})", same.join(" && ")),
        message: Some(
            "a run is of the scenario as it began: set another spec.cluster.runId together with the change, and the scenario runs again"
                .to_owned(),
        ),
        field_path: Some(".spec".to_owned()),
        ..ValidationRule::default()
    }
}

/// That fields of the struct at `path` are what they were.
fn are_same(schema: &JSONSchemaProps, path: &str, which: &dyn Fn(&str) -> bool, same: &mut Vec<String>) {
    let fields = schema.properties.iter().flatten().filter(|(field, _)| which(field));
    same.extend(fields.map(|(field, property)| {
        let (now, before) = (format!("self.{path}.{field}"), format!("oldSelf.{path}.{field}"));
        let equal = format!("{now} == {before}");
        let is_there = property.default.is_some() || requires(schema, field);
        if is_there { equal } else { format!("(has({now}) ? has({before}) && {equal} : !has({before}))") }
    }));
}

fn property<'s>(schema: &'s JSONSchemaProps, name: &str) -> Option<&'s JSONSchemaProps> {
    schema.properties.as_ref()?.get(name)
}

fn requires(schema: &JSONSchemaProps, field: &str) -> bool {
    schema.required.iter().flatten().any(|required| required == field)
}

/// Takes `additionalProperties: false` away, which an API server refuses. It prunes unknown fields, or refuses them
/// under strict validation, in any case; and `kube` leaves the word only where a map has no fields at all.
fn open_closed(schema: &mut JSONSchemaProps) {
    match &mut schema.additional_properties {
        Some(JSONSchemaPropsOrBool::Bool(false)) => schema.additional_properties = None,
        Some(JSONSchemaPropsOrBool::Schema(values)) => open_closed(values),
        Some(JSONSchemaPropsOrBool::Bool(true)) | None => {}
    }
    schema.properties.iter_mut().flat_map(|properties| properties.values_mut()).for_each(open_closed);
    match &mut schema.items {
        Some(JSONSchemaPropsOrArray::Schema(items)) => open_closed(items),
        Some(JSONSchemaPropsOrArray::Schemas(items)) => items.iter_mut().for_each(open_closed),
        None => {}
    }
}
