;; A memory that the host cannot reach.
;; expect: load: does not export its memory
(module
  (memory 1)
  (func (export "weir_abi_1"))
  (func (export "weir_hook") (param $stage i32) (param $len i32) (result i32)
    (if (i32.eqz (local.get $stage)) (then (return (i32.const 0)))) ;; the conformance call

    (i32.const 0))
)
