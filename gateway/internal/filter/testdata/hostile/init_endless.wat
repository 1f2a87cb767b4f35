;; weir_init never ends.
;; expect: load: weir_init: stopped at its deadline
(module
  (memory (export "memory") 1)
  (func (export "weir_abi_1"))
  (func (export "weir_init") (param i32) (result i32) (loop $l (br $l)) (i32.const 0))
  (func (export "weir_hook") (param $stage i32) (param $len i32) (result i32)
    (if (i32.eqz (local.get $stage)) (then (return (i32.const 0)))) ;; the conformance call

    (i32.const 0))
)
