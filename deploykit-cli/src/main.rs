//! TEMP

fn main() {}
