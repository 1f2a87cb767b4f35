;; A host function of another type.
;; expect: load: signature mismatch
(module
  (import "weir1" "log" (func (param i64) (result i64)))
  (memory (export "memory") 1)
  (func (export "weir_abi_1"))
  (func (export "weir_hook") (param $stage i32) (param $len i32) (result i32)
    (if (i32.eqz (local.get $stage)) (then (return (i32.const 0)))) ;; the conformance call

    (i32.const 0))
)
