;; Sleeps for longer than anybody lives.
;; expect: deadline
(module
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "weir_abi_1"))
  (func (export "weir_hook") (param $stage i32) (param $len i32) (result i32)
    (if (i32.eqz (local.get $stage)) (then (return (i32.const 0)))) ;; the conformance call
    (i32.store (i32.const 16) (i32.const 1))
    (i64.store (i32.const 24) (i64.const 0x7fffffffffffffff))
    (drop (call $poll (i32.const 0) (i32.const 1024) (i32.const 1) (i32.const 2048)))
    (i32.const 0))
)
