;; A memory of 64-bit addresses.
;; flags: --enable-memory64
;; expect: load: shared or 64-bit
(module
  (memory (export "memory") i64 1)
  (func (export "weir_abi_1"))
  (func (export "weir_hook") (param i32 i32) (result i32) (i32.const 0))
)
