//! The custom resource definition of a scenario.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kube::CustomResourceExt;

use super::ScenarioResource;

/// What `kubectl apply` needs to know scenarios: the types of the language with their bounds, defaults and rules.
#[must_use]
pub fn definition() -> CustomResourceDefinition {
    let mut definition = ScenarioResource::crd();
    for version in &mut definition.spec.versions {
        version.schema.iter_mut().flat_map(|schema| &mut schema.open_api_v3_schema).for_each(open_closed);
    }
    definition
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
