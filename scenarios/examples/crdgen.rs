//! Prints the custom resource definition of a scenario, which is kept in `schema/crd.yaml`.

use peerlab_scenarios::spec::crd;

fn main() -> Result<(), serde_yaml::Error> {
    print!("{}", serde_yaml::to_string(&crd::definition())?);
    Ok(())
}
