;; A start function that never ends.
;; expect: load: start function: stopped at its deadline
(module
  (memory (export "memory") 1)
  (func (export "weir_abi_1"))
  (func $s (loop $l (br $l)))
  (start $s)
  (func (export "weir_hook") (param $stage i32) (param $len i32) (result i32)
    (if (i32.eqz (local.get $stage)) (then (return (i32.const 0)))) ;; the conformance call

    (i32.const 0))
)
