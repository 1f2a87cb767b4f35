;; A segment far outside of the table: wazero leaves it out and goes on. Nothing is written.
;; expect: ok
(module
  (memory (export "memory") 1)
  (func (export "weir_abi_1"))
  (table 1 funcref)
  (elem (i32.const 1000000) func 0)
  (func (export "weir_hook") (param $stage i32) (param $len i32) (result i32)
    (if (i32.eqz (local.get $stage)) (then (return (i32.const 0)))) ;; the conformance call

    (i32.const 0))
)
