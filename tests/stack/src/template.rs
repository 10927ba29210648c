//! `template.yaml`, packaged as `sam package` does it: with the code's address in each function's
//! `CodeUri`, and not another byte changed.

use crate::error::{Error, Result};

/// A function of the template.
#[derive(Debug, PartialEq, Eq)]
pub struct Function {
    /// Its logical id.
    pub id: String,
    /// The binary that it runs.
    pub binary: String,
    /// The line of its `Properties:`, from 0.
    properties: usize,
}

/// The functions, in the template's order.
///
/// The template is read as text, line by line: what is deployed must keep its tags, its comments
/// and its order, which no YAML library writes back. A function that this can't read is an error.
pub fn functions(template: &str) -> Result<Vec<Function>> {
    let mut functions = Vec::new();
    let mut resource = Resource::default();
    for (number, line) in template.lines().chain(["End:"]).enumerate() {
        let indent = line.len() - line.trim_start().len();
        let text = line.trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        if indent <= 2 {
            functions.extend(std::mem::take(&mut resource).function()?);
            text.trim_end_matches(':').clone_into(&mut resource.id);
        } else if indent == 4 && text == "Type: AWS::Serverless::Function" {
            resource.is_function = true;
        } else if indent == 4 && text == "Properties:" {
            resource.properties = Some(number);
        } else if let Some((_, rest)) = text.split_once("Binary:") {
            resource.binary = Some(rest.trim_end_matches('}').trim().to_owned());
        }
    }
    Ok(functions)
}

#[derive(Default)]
struct Resource {
    id: String,
    is_function: bool,
    properties: Option<usize>,
    binary: Option<String>,
}

impl Resource {
    fn function(self) -> Result<Option<Function>> {
        if !self.is_function {
            return Ok(None);
        }
        let id = self.id;
        let missing = |what| Error::Template(format!("the function {id} has no {what}"));
        let properties = self.properties.ok_or_else(|| missing("Properties"))?;
        let binary = self
            .binary
            .ok_or_else(|| missing("BuildProperties with its Binary"))?;
        Ok(Some(Function {
            id,
            binary,
            properties,
        }))
    }
}

/// The template with a `CodeUri` of its own for each function: `s3://<bucket>/<binary>.zip`.
pub fn packaged(template: &str, functions: &[Function], bucket: &str) -> String {
    let mut packaged = String::with_capacity(template.len() + functions.len() * 64);
    for (number, line) in template.split_inclusive('\n').enumerate() {
        packaged.push_str(line);
        if let Some(function) = functions
            .iter()
            .find(|function| function.properties == number)
        {
            packaged.push_str(&code_uri(bucket, &function.binary));
        }
    }
    packaged
}

fn code_uri(bucket: &str, binary: &str) -> String {
    format!("      CodeUri: s3://{bucket}/{binary}.zip\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROJECT: &str = include_str!("../../../template.yaml");

    #[test]
    fn what_is_deployed_differs_from_the_template_in_the_code_uris_only() {
        let functions = functions(PROJECT).unwrap();
        let packaged = packaged(PROJECT, &functions, "code");
        let mut rest = packaged.clone();
        for function in &functions {
            let line = code_uri("code", &function.binary);
            assert_eq!(
                rest.matches(&line).count(),
                1,
                "one CodeUri for {}",
                function.id
            );
            rest = rest.replace(&line, "");
        }
        assert_eq!(rest, PROJECT);
    }

    #[test]
    fn every_function_of_the_template_is_found() {
        let functions = functions(PROJECT).unwrap();
        assert_eq!(
            functions.len(),
            PROJECT.matches("Type: AWS::Serverless::Function").count()
        );
        let route = functions
            .iter()
            .find(|function| function.id == "RouteFunction")
            .unwrap();
        assert_eq!(route.binary, "route");
    }

    #[test]
    fn a_function_without_a_binary_is_named() {
        let template = "Resources:\n  Orphan:\n    Type: AWS::Serverless::Function\n    Properties:\n      Timeout: 3\n";
        let error = functions(template).unwrap_err();
        assert!(error.to_string().contains("Orphan"), "{error}");
    }
}
