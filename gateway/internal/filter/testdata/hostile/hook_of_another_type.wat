;; A hook that takes one parameter.
;; expect: load: exports weir_hook with another type
(module
  (memory (export "memory") 1)
  (func (export "weir_abi_1"))
  (func (export "weir_hook") (param i32) (result i32) (i32.const 0))
)
