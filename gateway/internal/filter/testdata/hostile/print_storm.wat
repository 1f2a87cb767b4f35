;; Prints a thousand vectors of megabytes for ever.
;; expect: deadline
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 64)
  (func (export "weir_abi_1"))
  (func (export "weir_hook") (param $stage i32) (param $len i32) (result i32) (local $n i32)
    (if (i32.eqz (local.get $stage)) (then (return (i32.const 0)))) ;; the conformance call
    (loop $v
      (i32.store (i32.add (i32.const 4) (i32.mul (local.get $n) (i32.const 8))) (i32.const 4194304))
      (br_if $v (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 1024))))
    (loop $l (drop (call $write (i32.const 2) (i32.const 0) (i32.const 1024) (i32.const 8192))) (br $l))
    (i32.const 0))
)
