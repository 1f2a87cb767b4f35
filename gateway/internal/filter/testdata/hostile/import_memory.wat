;; The host's memory.
;; expect: load: a plugin imports functions only
(module
  (import "weir1" "memory" (memory 1))
  (func (export "weir_abi_1"))
  (func (export "weir_hook") (param i32 i32) (result i32) (i32.const 0))
)
