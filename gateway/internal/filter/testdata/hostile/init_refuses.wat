;; weir_init reports a failure.
;; expect: load: weir_init reported a failure: result -5
(module
  (memory (export "memory") 1)
  (func (export "weir_abi_1"))
  (func (export "weir_init") (param i32) (result i32) (i32.const -5))
  (func (export "weir_hook") (param $stage i32) (param $len i32) (result i32)
    (if (i32.eqz (local.get $stage)) (then (return (i32.const 0)))) ;; the conformance call

    (i32.const 0))
)
