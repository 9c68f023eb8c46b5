// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Finds libstopper: in the folder STOPPER_LIB_DIR, or as pkg-config says, or where the linker looks.
use std::{env, process::Command};

fn main() {
    println!("cargo:rerun-if-env-changed=STOPPER_LIB_DIR");
    println!("cargo:rerun-if-env-changed=PKG_CONFIG_PATH");
    println!("cargo:rustc-link-lib=dylib=stopper");
    if let Ok(dir) = env::var("STOPPER_LIB_DIR") {
        println!("cargo:rustc-link-search=native={dir}");
        return;
    }
    let found = Command::new("pkg-config").args(["--libs-only-L", "stopper"]).output();
    if let Ok(output) = found {
        for flag in String::from_utf8_lossy(&output.stdout).split_whitespace() {
            if let Some(dir) = flag.strip_prefix("-L") {
                println!("cargo:rustc-link-search=native={dir}");
            }
        }
    }
}
