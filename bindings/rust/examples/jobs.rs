// SPDX-License-Identifier: GPL-2.0 OR MIT
//! A job queue that loses no job: each line of standard input is one.
//!
//! At the end of the input, or at SIGTERM, jobs that have begun are finished, and the total is printed.
//! The exit status is 0 if all were.
use std::io::{self, Read};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;
use stopper::{label, site, Ctx, Error, Event, Handle, MainOptions, Semaphore, Stopper};

/// poll(2), which std does not have.
fn wait_readable(fds: [i32; 2]) {
    #[repr(C)]
    struct PollFd(i32, i16, i16);
    extern "C" {
        fn poll(fds: *mut PollFd, n: std::os::raw::c_ulong, timeout: i32) -> i32;
    }
    let mut fds = fds.map(|fd| PollFd(fd, 1, 0));
    // SAFETY: two records.
    unsafe { poll(fds.as_mut_ptr(), 2, -1) };
}

/// The next line of standard input; None at its end, or when `stop` fires.
fn read_line(buffer: &mut Vec<u8>, stop: &Event) -> io::Result<Option<String>> {
    loop {
        if let Some(end) = buffer.iter().position(|&b| b == b'\n') {
            let line = buffer.drain(..=end).collect::<Vec<_>>();
            return Ok(Some(String::from_utf8_lossy(&line[..end]).into_owned()));
        }
        wait_readable([0, stop.fd()?]);
        if stop.fired() {
            return Ok(None);
        }
        let mut data = [0; 512];
        // SAFETY: standard input; it is not closed by the drop, and has no buffer.
        let mut input = unsafe {
            std::mem::ManuallyDrop::new(<std::fs::File as std::os::unix::io::FromRawFd>::from_raw_fd(0))
        };
        match input.read(&mut data)? {
            0 => return Ok(None),
            n => buffer.extend_from_slice(&data[..n]),
        }
    }
}

fn read_jobs(jobs: &Handle, four: &Arc<Semaphore>, total: &Arc<AtomicU32>) -> io::Result<()> {
    let mut buffer = Vec::new();
    while let Some(line) = read_line(&mut buffer, &jobs.should_quiesce())? {
        let (total, name) = (total.clone(), line.clone());
        println!("begin {line}");
        let begun = jobs.run_limited(site!("job"), &Ctx::background(), four, true, move |_| {
            let _ = label(&name);
            println!("done {name}");
            total.fetch_add(1, Ordering::Relaxed);
        });
        if begun.err() == Some(Error::UNAVAILABLE) {
            println!("refused {line}");
        }
    }
    Ok(jobs.stop_async(site!("end of input"))?)
}

fn main() -> Result<(), Error> {
    let jobs = Stopper::new(site!("jobs"))?;
    let four = Semaphore::new(4)?;
    let total = Arc::new(AtomicU32::new(0));

    let sum = total.clone();
    jobs.add_closer(site!("total"), move || println!("total {}", sum.load(Ordering::Relaxed)))?;
    let handle = jobs.handle();
    jobs.run_worker(site!("reader"), &Ctx::background(), move |_| read_jobs(&handle, &four, &total))?;
    std::process::exit(jobs.main(site!("main"), MainOptions::default()));
}
