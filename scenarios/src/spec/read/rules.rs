//! The rules that the API server enforces (`x-kubernetes-validations`, in CEL), evaluated without one.
//!
//! As in a cluster, the defaults of the schema are filled in before any rule sees the document, so a rule may rely on
//! a field that has one. Rules run only on documents whose form is right: they assume it, and the bounds of lists are
//! what keeps their cost bounded.

use kube_cel::Validator;
use serde_json::Value;

use super::{Fault, FieldPath};

/// The rules of a structural schema that a document breaks, in the words that the API server has for them.
pub(super) fn broken(schema: &Value, document: &Value) -> Vec<Fault> {
    let Err(errors) = Validator::new().validate(schema, document, None) else { return Vec::new() };
    errors.into_iter().map(|error| Fault::new(FieldPath::parse(&error.field_path), error.message)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Value {
        json!({
            "type": "object",
            "properties": {
                "spec": {
                    "type": "object",
                    "x-kubernetes-validations": [
                        { "rule": "self.least <= self.most", "message": "`least` is more than `most`" },
                        { "rule": "duration(self.warmUp) < duration('1m')", "message": "too long a warm-up" },
                    ],
                    "properties": {
                        "least": { "type": "integer", "default": 5 },
                        "most": { "type": "integer" },
                        "warmUp": { "type": "string", "default": "30s" },
                    },
                },
            },
        })
    }

    #[test]
    fn a_rule_sees_the_defaults_as_at_the_api_server() {
        assert!(broken(&schema(), &json!({ "spec": { "most": 5 } })).is_empty());
        let broken = broken(&schema(), &json!({ "spec": { "most": 4, "warmUp": "1m30s" } }));
        let told: Vec<_> = broken.iter().map(|b| (b.path.to_string(), b.message.as_str())).collect();
        assert_eq!(
            told,
            [("spec".to_owned(), "`least` is more than `most`"), ("spec".to_owned(), "too long a warm-up")]
        );
    }
}
