;; Random numbers for all of its memory, for ever.
;; expect: deadline
(module
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (memory (export "memory") 1024)
  (func (export "weir_abi_1"))
  (func (export "weir_hook") (param $stage i32) (param $len i32) (result i32)
    (if (i32.eqz (local.get $stage)) (then (return (i32.const 0)))) ;; the conformance call
    (loop $l (drop (call $random (i32.const 0) (i32.const 67108864))) (br $l))
    (i32.const 0))
)
