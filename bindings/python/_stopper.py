# SPDX-License-Identifier: GPL-2.0 OR MIT
"""_stopper.py - what stopper.py calls: the library, its functions and structures, for ctypes.

It declares what the C headers define. languages/layout.c is the test: it prints the sizes and
offsets of the structures, which must be those of _layouts().
"""

import ctypes
import os
import types
from ctypes import (CFUNCTYPE, POINTER, Structure, c_bool, c_char, c_char_p, c_int, c_int64,
                    c_size_t, c_uint, c_uint64, c_ulong, c_void_p)

_lib = ctypes.CDLL(os.environ.get("STOPPER_LIBRARY") or "libstopper.so.0")

LAYOUT = 3                      # STOPPER_LAYOUT

RUNNING, QUIESCING, STOPPING, CLOSING, STOPPED = range(5)

_CLOSERS_LIFO, _QUIET, _STOP_ON_ERROR = 1 << 0, 1 << 1, 1 << 3
_DROP_QUEUED, _CTX_ENDS_AT_QUIESCE, _ADMIT_NESTED = 1 << 4, 1 << 5, 1 << 6


class _Site(Structure):
    _fields_ = [("name", c_char_p), ("file", c_char_p), ("func", c_char_p), ("owner", c_void_p),
                ("line", c_uint), ("layout", c_uint)]


class _Options(Structure):
    _fields_ = [("size", c_size_t), ("flags", c_uint), ("reserved", c_uint), ("on_panic", c_void_p),
                ("on_panic_arg", c_void_p), ("log", c_void_p), ("log_arg", c_void_p),
                ("stall_ns", c_int64), ("stall_max_ns", c_int64), ("parent", c_void_p),
                ("owner", c_void_p), ("stack_size", c_size_t)]


class _MainOptions(Structure):
    _fields_ = [("size", c_size_t), ("signals", POINTER(c_int)), ("nsignals", c_uint),
                ("reserved", c_uint), ("lame_duck_ns", c_int64), ("grace_ns", c_int64),
                ("ready", CFUNCTYPE(None, c_void_p, c_bool)),
                ("before_quiesce", CFUNCTYPE(None, c_void_p)), ("on_remaining", c_void_p),
                ("arg", c_void_p)]


class _Cause(Structure):
    _fields_ = [("err", c_int), ("line", c_uint), ("text", c_char * 97), ("file", c_char * 32),
                ("func", c_char * 28)]


class _ResultInfo(Structure):
    _fields_ = [("err", c_int), ("tid", c_int), ("line", c_uint), ("name", c_char * 132),
                ("file", c_char * 32), ("func", c_char * 28)]


class _TaskInfo(Structure):
    _fields_ = [("name", c_char * 132), ("func", c_char * 60), ("file", c_char * 64), ("line", c_uint),
                ("tid", c_int), ("count", c_uint64), ("oldest_ns", c_int64), ("label", c_char * 48)]


class _Task(Structure):         # private: only its size counts
    _fields_ = [("private", c_uint64 * 12)]


class _Sem(Structure):          # likewise
    _fields_ = [("private", c_uint64 * 10)]


_STRUCTS = {"site": _Site, "options": _Options, "main_options": _MainOptions, "cause": _Cause,
            "result_info": _ResultInfo, "task_info": _TaskInfo, "task": _Task, "sem": _Sem}

_FN = CFUNCTYPE(None, c_void_p, c_void_p)
_ERR_FN = CFUNCTYPE(c_int, c_void_p, c_void_p)
_CLOSER_FN = CFUNCTYPE(c_int, c_void_p)


_c = types.SimpleNamespace()     # the functions: stopper_name as name, __stopper_name as _name


def _declare(result, /, **functions):
    for name, args in functions.items():
        fn = getattr(_lib, ("__stopper" if name[0] == "_" else "stopper_") + name)
        fn.restype, fn.argtypes = result, args
        setattr(_c, name, fn)


_site = POINTER(_Site)
_declare(c_int,
         _create=[POINTER(c_void_p), c_char_p, POINTER(_Options), _site],
         _run_task_err=[c_void_p, c_void_p, _site, _ERR_FN, c_void_p],
         _run_async_task_err=[c_void_p, c_void_p, _site, _ERR_FN, c_void_p],
         _run_limited_async_task=[c_void_p, c_void_p, _site, c_void_p, c_bool, _FN, c_void_p],
         _run_worker_err=[c_void_p, c_void_p, _site, _ERR_FN, c_void_p],
         _add_closer_err_fn=[c_void_p, c_char_p, _CLOSER_FN, c_void_p, c_void_p],
         _task_begin=[c_void_p, c_void_p, _site, c_void_p],
         _task_begin_wait=[c_void_p, c_void_p, _site, c_void_p],
         _quiesce=[c_void_p, c_void_p, _site],
         _pause=[c_void_p, c_void_p, _site],
         resume=[c_void_p],
         _stop=[c_void_p, c_void_p, _site],
         _stop_async=[c_void_p, _site],
         _stop_within=[c_void_p, c_int64, _site],
         _main=[c_void_p, POINTER(_MainOptions), _site],
         stop_after=[c_void_p, c_void_p],
         phase=[c_void_p],
         result=[c_void_p, POINTER(_ResultInfo)],
         running_tasks=[c_void_p, POINTER(_TaskInfo), c_uint],
         task_map=[c_void_p, c_char_p, c_size_t],
         debug_print=[c_void_p],
         ctx_err=[c_void_p],
         ctx_with_cancel=[c_void_p, POINTER(c_void_p)],
         ctx_with_timeout=[c_void_p, c_int64, POINTER(c_void_p)],
         ctx_with_cancel_on_quiesce=[c_void_p, c_void_p, POINTER(c_void_p)],
         ctx_with_cancel_on_stop=[c_void_p, c_void_p, POINTER(c_void_p)],
         wait=[c_void_p, c_void_p],
         event_fd=[c_void_p],
         sem_init=[c_void_p, c_int],
         sem_acquire_n=[c_void_p, c_int, c_void_p],
         sem_try_acquire_n=[c_void_p, c_int],
         sem_resize=[c_void_p, c_int],
         sem_capacity=[c_void_p],
         sem_length=[c_void_p],
         sem_waiters=[c_void_p])
# With arguments that vary the first ones are declared; each call passes the others as C types.
_declare(c_int,
         _ctx_cancel_because=[c_void_p, _site, c_int, c_char_p],
         _stop_because=[c_void_p, c_void_p, _site, c_int, c_char_p],
         _stop_async_because=[c_void_p, _site, c_int, c_char_p],
         task_label=[c_void_p, c_char_p])
_declare(c_bool,
         stop_cause=[c_void_p, POINTER(_Cause)],
         ctx_cause=[c_void_p, POINTER(_Cause)],
         event_fired=[c_void_p])
_declare(c_void_p,
         ctx_get=[c_void_p],
         ctx_done=[c_void_p],
         should_quiesce=[c_void_p],
         should_stop=[c_void_p],
         is_stopped=[c_void_p])
_declare(c_char_p, name=[c_void_p], strerror=[c_int])
_declare(c_ulong, num_tasks=[c_void_p])
_declare(None,
         put=[c_void_p],
         ctx_put=[c_void_p],
         ctx_cancel=[c_void_p],
         task_end=[c_void_p],
         sem_release_n=[c_void_p, c_int],
         sem_close=[c_void_p],
         sem_destroy=[c_void_p])


def _layouts():
    """Size and offsets of the structures, for the comparison with the C headers."""
    lines = [f"LAYOUT {LAYOUT}"]
    for name, struct in _STRUCTS.items():
        lines.append(f"{name} size {ctypes.sizeof(struct)}")
        lines += [f"{name} {field} {getattr(struct, field).offset}" for field, _ in struct._fields_
                  if field != "private"]
    return "\n".join(lines)
