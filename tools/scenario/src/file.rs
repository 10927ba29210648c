//! A scenario's file; `docs/simulator.md` describes it.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::Error;

/// Traffic, what goes wrong meanwhile, and what must come out.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    pub description: String,
    /// The sandbox's faults by endpoint, as its README describes them. Only a stack with a sandbox
    /// can run a scenario with faults.
    #[serde(default)]
    pub faults: BTreeMap<String, serde_json::Value>,
    /// Never empty.
    pub traffic: Vec<Traffic>,
    /// How long after the last delivery everything must have come to its end.
    pub within_seconds: u64,
    #[serde(default)]
    pub expect: Expect,
}

/// A row of interactions. Moods, texts, platforms and threads are taken in turn.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Traffic {
    /// From the scenario's start.
    #[serde(default)]
    pub after_seconds: f64,
    pub count: u32,
    /// Interactions a second; all at once where it is left out.
    pub rate: Option<f64>,
    /// Names of the simulator's examples; neutral where neither is given.
    #[serde(default)]
    pub moods: Vec<String>,
    /// Go before the moods.
    #[serde(default)]
    pub texts: Vec<String>,
    #[serde(default)]
    pub platforms: Vec<String>,
    /// Threads that all of them share; each has its own where it is left out.
    pub threads: Option<u32>,
    /// As in `POST /simulator/send`.
    #[serde(rename = "break")]
    pub breakage: Option<String>,
}

/// What must come out; what is left out may be anything. That nothing is lost and nothing is done
/// twice is always checked.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Expect {
    /// Interactions that the webhook took, copies counted once.
    pub accepted: Option<u64>,
    /// Deliveries that it refused, by status.
    pub refused: Option<BTreeMap<String, u64>>,
    pub routed: Option<u64>,
    pub synced: Option<u64>,
    pub parked: Option<u64>,
    /// Tasks by the rule that chose their skills.
    pub rules: Option<BTreeMap<String, u64>>,
    /// Interactions that waited longer than the stack's threshold for their task.
    pub breaches_at_most: Option<u64>,
    /// Received to routed and received to synced, in milliseconds.
    pub p95_at_most: BTreeMap<String, f64>,
    /// Calls to CXone before it allowed them; needs a sandbox.
    pub early_calls: Option<u64>,
}

/// The most interactions of a scenario.
const MOST: u32 = 100_000;

impl Scenario {
    /// Reads a file.
    ///
    /// # Errors
    /// Names the field that is unknown, missing or out of its bounds.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let name = path.display();
        let text =
            std::fs::read(path).map_err(|e| Error::Usage(format!("{name} can't be read: {e}")))?;
        Self::parse(&text).map_err(|reason| Error::Usage(format!("{name}: {reason}")))
    }

    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let deserializer = &mut serde_json::Deserializer::from_slice(text);
        let scenario: Self =
            serde_path_to_error::deserialize(deserializer).map_err(|e| e.to_string())?;
        scenario.check()?;
        Ok(scenario)
    }

    fn check(&self) -> Result<(), String> {
        if self.traffic.is_empty() {
            return Err("traffic: holds at least one entry".to_owned());
        }
        for (n, traffic) in self.traffic.iter().enumerate() {
            traffic
                .check()
                .map_err(|reason| format!("traffic[{n}].{reason}"))?;
        }
        let known = ["routed", "synced"];
        match self
            .expect
            .p95_at_most
            .keys()
            .find(|stage| !known.contains(&stage.as_str()))
        {
            Some(stage) => Err(format!(
                "expect.p95_at_most.{stage}: stages are routed and synced"
            )),
            None => Ok(()),
        }
    }

    /// Whether it can only run where there is a sandbox.
    pub fn needs_sandbox(&self) -> bool {
        !self.faults.is_empty() || self.expect.early_calls.is_some()
    }
}

impl Traffic {
    fn check(&self) -> Result<(), String> {
        if !(1..=MOST).contains(&self.count) {
            return Err(format!("count: must be from 1 to {MOST}"));
        }
        if self
            .rate
            .is_some_and(|rate| !rate.is_finite() || rate <= 0.0)
        {
            return Err("rate: must be positive".to_owned());
        }
        if !self.after_seconds.is_finite() || self.after_seconds < 0.0 {
            return Err("after_seconds: must not be negative".to_owned());
        }
        if self.threads == Some(0) {
            return Err("threads: must be 1 or more".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_that_come_with_the_project_are_valid() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios");
        let mut files = 0;
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if let Err(error) = Scenario::read(&path) {
                panic!("{error}");
            }
            files += 1;
        }
        assert!(files >= 4);
    }

    #[test]
    fn a_field_that_is_unknown_or_out_of_bounds_is_named() {
        for (traffic, named) in [
            (r#"{"count": 0}"#, "traffic[0].count"),
            (r#"{"count": 1, "rate": -1}"#, "traffic[0].rate"),
            (r#"{"count": 1, "threads": 0}"#, "traffic[0].threads"),
            (r#"{"count": 1, "speed": 3}"#, "traffic[0].speed"),
        ] {
            let text =
                format!(r#"{{"description": "", "within_seconds": 1, "traffic": [{traffic}]}}"#);
            let Err(reason) = Scenario::parse(text.as_bytes()) else {
                panic!("{traffic} was taken")
            };
            assert!(reason.contains(named), "{reason}");
        }
    }
}
