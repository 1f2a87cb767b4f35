;; No memory at all.
;; expect: load: a plugin has exactly one
(module
  (func (export "weir_abi_1"))
  (func (export "weir_hook") (param i32 i32) (result i32) (i32.const 0))
)
