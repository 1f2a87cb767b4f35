;; A memory that threads share, and an atomic wait.
;; flags: --enable-threads
;; expect: load: shared or 64-bit
(module
  (memory (export "memory") 1 1 shared)
  (func (export "weir_abi_1"))
  (func (export "weir_hook") (param i32 i32) (result i32) (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1)))
)
