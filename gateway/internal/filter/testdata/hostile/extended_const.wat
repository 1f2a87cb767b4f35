;; Arithmetic in a constant.
;; flags: --enable-extended-const
;; expect: load: constant expression of several instructions
(module
  (memory (export "memory") 1)
  (func (export "weir_abi_1"))
  (global i32 (i32.add (i32.const 1) (i32.const 2)))
  (func (export "weir_hook") (param $stage i32) (param $len i32) (result i32)
    (if (i32.eqz (local.get $stage)) (then (return (i32.const 0)))) ;; the conformance call

    (i32.const 0))
)
