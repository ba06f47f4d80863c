//! The custom resource definition of a scenario.

use std::fmt::Write as _;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::ValidationRule;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kube::CustomResourceExt;

pub use super::{ScenarioResource, status};

/// What `kubectl apply` needs to know scenarios: the types of the language with their bounds, defaults and rules.
#[must_use]
pub fn definition() -> CustomResourceDefinition {
    let mut definition = ScenarioResource::crd();
    for version in &mut definition.spec.versions {
        for schema in version.schema.iter_mut().flat_map(|schema| &mut schema.open_api_v3_schema) {
            open_closed(schema);
            let rule = unchanged_while_it_runs(schema);
            schema.x_kubernetes_validations.get_or_insert_default().push(rule);
        }
    }
    definition
}

/// A run is of the scenario as it was when the run began: what is changed afterwards is for another run, and has to say so. This is a rule
/// of the whole resource, for only there both `spec` and `status` are seen, and of updates, so no engine but a cluster meets it.
fn unchanged_while_it_runs(resource: &JSONSchemaProps) -> ValidationRule {
    let spec = resource.properties.as_ref().and_then(|fields| fields.get("spec"));
    let fields = spec.and_then(|spec| spec.properties.as_ref()).into_iter().flatten();
    let mut rule = "!has(oldSelf.status) || !has(oldSelf.status.runId) || self.spec.cluster.runId != oldSelf.status.runId".to_owned();
    let mut same = Vec::new();
    for (field, schema) in fields.filter(|(field, _)| *field != "cluster") {
        let (now, before) = (format!("self.spec.{field}"), format!("oldSelf.spec.{field}"));
        let equal = format!("{now} == {before}");
        let is_there = schema.default.is_some() || spec.is_some_and(|spec| requires(spec, field));
        same.push(if is_there {
            equal
        } else {
            format!("(has({now}) ? has({before}) && {equal} : !has({before}))")
        });
    }
    write!(rule, " || ({})", same.join(" && ")).expect("a String takes all that is written");
    ValidationRule {
        rule,
        message: Some(
            "a run is of the scenario as it began: set another spec.cluster.runId together with the change, and the scenario runs again"
                .to_owned(),
        ),
        field_path: Some(".spec".to_owned()),
        ..ValidationRule::default()
    }
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
