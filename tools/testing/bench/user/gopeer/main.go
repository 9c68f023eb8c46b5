// SPDX-License-Identifier: GPL-2.0 OR MIT

// gopeer: what the reference costs, in its own language.
//
// Reads lines "CASE THREADS OPS", answers each with the wall time in ns that OPS operations on each of
// THREADS goroutines took; blocked on its input in between.
//
//	admit  a synchronous task as util/stop.Stopper admits one today: a read lock, a look at the
//	       phase, an atomic count up; the function; the count down. Its name is only passed along
//	spawn  a goroutine with the same admission that counts itself and is waited for by a WaitGroup;
//	       at most maxInFlight unfinished, the producer yields when there are as many
//	limitN the same, and at most N of all threads' goroutines at once: a slot of a channel is taken before
//	       the admission, as RunAsyncTaskEx does it with a semaphore
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

const maxInFlight = 1024

var errUnavailable = errors.New("node unavailable; try another peer")

type stopper struct {
	slots chan struct{} // nil: no limit
	mu    struct {
		sync.RWMutex
		quiescing bool
		numTasks  int32
	}
}

func (s *stopper) runPrelude() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.mu.quiescing {
		return false
	}
	atomic.AddInt32(&s.mu.numTasks, 1)
	return true
}

func (s *stopper) runPostlude() {
	atomic.AddInt32(&s.mu.numTasks, -1)
}

func (s *stopper) runTask(ctx context.Context, name string, f func(context.Context)) error {
	if !s.runPrelude() {
		return errUnavailable
	}
	defer s.runPostlude()
	f(ctx)
	return nil
}

func (s *stopper) runAsyncTask(ctx context.Context, name string, f func(context.Context)) error {
	if s.slots != nil {
		s.slots <- struct{}{}
	}
	if !s.runPrelude() {
		return errUnavailable
	}
	go func() {
		defer s.runPostlude()
		if s.slots != nil {
			defer func() { <-s.slots }()
		}
		f(ctx)
	}()
	return nil
}

//go:noinline
func empty(context.Context) {}

var task = empty

// admit does ops tasks on this goroutine.
func admit(s *stopper, ops int64) {
	ctx := context.Background()
	for i := int64(0); i < ops; i++ {
		if err := s.runTask(ctx, "bench", task); err != nil {
			panic(err)
		}
	}
}

// spawn starts ops goroutines and waits for all of them.
func spawn(s *stopper, ops int64) {
	var wg sync.WaitGroup
	var done int64
	ctx := context.Background()
	wg.Add(int(ops))
	f := func(context.Context) {
		atomic.AddInt64(&done, 1)
		wg.Done()
	}
	for i := int64(0); i < ops; i++ {
		for i-atomic.LoadInt64(&done) >= maxInFlight {
			runtime.Gosched()
		}
		if err := s.runAsyncTask(ctx, "bench", f); err != nil {
			panic(err)
		}
	}
	wg.Wait()
	if done != ops {
		panic("a goroutine was lost")
	}
}

// timed runs f on that many goroutines, which start together.
func timed(threads int, f func()) time.Duration {
	var ready, done sync.WaitGroup
	begin := make(chan struct{})
	ready.Add(threads)
	done.Add(threads)
	for i := 0; i < threads; i++ {
		go func() {
			ready.Done()
			<-begin
			f()
			done.Done()
		}()
	}
	ready.Wait()
	from := time.Now()
	close(begin)
	done.Wait()
	return time.Since(from)
}

func main() {
	cases := map[string]func(*stopper, int64){"admit": admit, "spawn": spawn}
	limits := map[string]int{"limit1": 1, "limit8": 8, "limit64": 64}
	for {
		var name string
		var threads int
		var ops int64
		if n, err := fmt.Scanln(&name, &threads, &ops); n == 0 && err != nil {
			return
		}
		f := cases[name]
		var s stopper
		if n := limits[name]; n != 0 {
			f = spawn
			s.slots = make(chan struct{}, n)
		}
		if f == nil || threads < 1 || ops < 1 {
			fmt.Fprintf(os.Stderr, "gopeer: wants CASE THREADS OPS, got %q %d %d\n", name, threads, ops)
			os.Exit(1)
		}
		fmt.Println(timed(threads, func() { f(&s, ops) }).Nanoseconds())
		for atomic.LoadInt32(&s.mu.numTasks) != 0 {
			runtime.Gosched()
		}
	}
}
