;; A table of a thousand million elements, 8 GB.
;; expect: load: elements, at most
(module
  (memory (export "memory") 1)
  (func (export "weir_abi_1"))
  (table 1000000000 funcref)
  (func (export "weir_hook") (param $stage i32) (param $len i32) (result i32)
    (if (i32.eqz (local.get $stage)) (then (return (i32.const 0)))) ;; the conformance call

    (i32.const 0))
)
