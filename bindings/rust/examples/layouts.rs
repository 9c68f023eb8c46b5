// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Prints the sizes and offsets that the crate has, for the comparison with the C headers.
fn main() {
    print!("{}", stopper::ffi::layouts());
}
