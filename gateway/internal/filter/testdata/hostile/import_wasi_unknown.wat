;; A function that WASI does not have.
;; expect: load: no function of WASI preview 1
(module
  (import "wasi_snapshot_preview1" "fork" (func (result i32)))
  (memory (export "memory") 1)
  (func (export "weir_abi_1"))
  (func (export "weir_hook") (param $stage i32) (param $len i32) (result i32)
    (if (i32.eqz (local.get $stage)) (then (return (i32.const 0)))) ;; the conformance call

    (i32.const 0))
)
